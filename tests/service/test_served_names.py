"""By which names protocols call what serves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from segue.errors import ModelNotFound
from segue.service.served_names import check_served, model_of, names_of, own_name, served_names
from tests.edges.http.service import LoudService, loud_service, model


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LoudService]:
    """Nothing serves yet."""
    with loud_service(tmp_path / "home") as service:
        yield service


def test_its_own_name_is_the_setting(service: LoudService, tmp_path: Path) -> None:
    """Before anything serves too; of a directory it is the last part."""
    assert served_names(service) == ("fsmn-vad",)
    directory = model(tmp_path, "mine")
    with loud_service(tmp_path / "other", model=str(directory)) as other:
        assert own_name(other) == "mine"
        assert model_of(other, "mine") == str(directory)
        assert model_of(other, "fsmn-vad") == "fsmn-vad"


def test_what_serves_answers_to_its_own_names(service: LoudService, tmp_path: Path) -> None:
    """And no longer when another serves; the service's own name stays."""
    first, second = model(tmp_path, "first"), model(tmp_path, "second")
    service.serve(first)
    assert served_names(service) == ("fsmn-vad", str(first))
    check_served(service, str(first))
    service.serve(second)
    assert served_names(service) == ("fsmn-vad", str(second))
    with pytest.raises(ModelNotFound, match=f"no model '{first}' is served; fsmn-vad, {second} is"):
        check_served(service, str(first))
    check_served(service, "fsmn-vad")


def test_a_known_model_has_all_its_names() -> None:
    """Of the catalogue."""
    assert {"fsmn-vad", "iic/speech_fsmn_vad_zh-cn-16k-common-pytorch"} <= set(names_of("fsmn-vad"))
    assert names_of("somebody/else") == ("somebody/else",)


def test_a_long_name_makes_no_long_message(service: LoudService) -> None:
    """And one with control characters one line."""
    with pytest.raises(ModelNotFound) as refused:
        check_served(service, "x\n" * 1000)
    assert len(str(refused.value)) < 200
    assert "\n" not in str(refused.value)
