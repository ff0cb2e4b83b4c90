"""What there is, in the protocol's words."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from segue.edges.inference_protocol.models import STATES, check_version, index, metadata, unready
from segue.errors import ModelNotFound, UnknownVersion
from segue.swap import State
from tests.edges.http.service import LoudService, loud_service, model


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LoudService]:
    """Nothing serves yet."""
    with loud_service(tmp_path / "home") as service:
        yield service


def test_every_state_has_a_word_of_the_protocol() -> None:
    """One of its five."""
    assert STATES.keys() == set(State)
    assert set(STATES.values()) <= {"UNKNOWN", "READY", "UNAVAILABLE", "LOADING", "UNLOADING"}


def test_the_index_before_anything_is_there(service: LoudService) -> None:
    """One entry that says why; none of them is ready."""
    (entry,) = index(service, ready=False)
    assert (entry["name"], entry["version"], entry["state"]) == ("fsmn-vad", "", "UNAVAILABLE")
    assert "has not been started" in entry["reason"]
    assert index(service, ready=True) == []


def test_the_index_has_every_version(service: LoudService, tmp_path: Path) -> None:
    """With its state; a closed one says that it was unloaded."""
    first, second = service.serve(model(tmp_path, "first")), service.serve(model(tmp_path, "second"))
    service.remove(next(v.version for v in service.status().versions if v.version == first), deadline_s=5, who="test")
    found = {entry["version"]: (entry["state"], entry["reason"]) for entry in index(service, ready=False)}
    assert found == {first: ("UNAVAILABLE", "unloaded"), second: ("READY", "")}
    assert [entry["version"] for entry in index(service, ready=True)] == [second]


def test_what_can_be_asked(service: LoudService, tmp_path: Path) -> None:
    """A name while something serves, a version while it is loaded."""
    assert "has not been started" in unready(service, "fsmn-vad", None)
    first = service.serve(model(tmp_path, "first"))
    assert unready(service, "fsmn-vad", first) == ""
    service.serve(model(tmp_path, "second"))
    service.remove(next(v.version for v in service.status().versions if v.version == first), deadline_s=5, who="test")
    assert unready(service, "fsmn-vad", first) == f"version {first} is closed"
    assert metadata(service, str(tmp_path / "first"), first)["versions"] == [first]


def test_readiness_tells_strangers_no_names(service: LoudService, tmp_path: Path) -> None:
    """It is open to everybody: what there is instead of what was asked for is not said."""
    first = service.serve(model(tmp_path, "first"))
    for name, version in (("other", None), ("other", "v0"), ("fsmn-vad", "v0"), ("other", first)):
        with pytest.raises(ModelNotFound) as refused:
            unready(service, name, version)
        assert not any(word in str(refused.value) for word in ("first", "fsmn-vad", str(tmp_path)))


def test_a_version_is_of_its_model(service: LoudService, tmp_path: Path) -> None:
    """The service's own name stands for all; another name only for versions of that model."""
    first, second = service.serve(model(tmp_path, "first")), service.serve(model(tmp_path, "second"))
    for version in (first, second):
        check_version(service, "fsmn-vad", version)
    check_version(service, str(tmp_path / "first"), first)
    with pytest.raises(UnknownVersion, match="no version"):
        check_version(service, str(tmp_path / "first"), second)
    with pytest.raises(ModelNotFound, match="no model 'other' is known"):
        check_version(service, "other", first)
    with pytest.raises(ModelNotFound, match="is served"):
        check_version(service, str(tmp_path / "first"), None)
