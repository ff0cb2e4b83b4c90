"""Load and unload, as changes."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from segue.edges.inference_protocol.repository import load, unload
from segue.errors import InvalidParameter, ModelNotFound, RequestInvalid, SegueError, UnknownVersion, VersionInUse
from tests.edges.http.service import LoudService, loud_service, model


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LoudService]:
    """Of two models, ``second`` serves; ``first`` served before."""
    with loud_service(tmp_path / "home") as service:
        service.serve(model(tmp_path, "first"))
        service.serve(model(tmp_path, "second"))
        yield service


def loaded(service: LoudService, name: str | Path, body: Any = None, **query: str) -> dict[str, str]:
    return asyncio.run(load(service, str(name), body if body is not None else {}, query, who="test"))


def unloaded(service: LoudService, name: str | Path, body: Any = None, **query: str) -> dict[str, Any]:
    return asyncio.run(unload(service, str(name), body if body is not None else {}, query, who="test"))


def test_a_revision_is_loaded(service: LoudService, tmp_path: Path) -> None:
    """The parameter goes into the specification, as it would from /v1/switch: of a directory there are none."""
    for how in ({"parameters": {"revision": "v9"}}, {"parameters": {"config": '{"revision": "v9"}'}}):
        with pytest.raises(SegueError, match="v9"):
            loaded(service, tmp_path / "first", how)
    with pytest.raises(SegueError, match="v9"):
        loaded(service, tmp_path / "first", revision="v9")


def test_options_make_another_version(service: LoudService, tmp_path: Path) -> None:
    """It serves when load answers, with the reason in the journal."""
    found = loaded(service, tmp_path / "first", {"parameters": {"options": {"mode": "tight"}, "why": "tighter"}})
    report = next(each for each in service.status().versions if each.version == found["version"])
    assert (report.role, report.options) == ("primary", {"mode": "tight"})
    assert any(entry.who == "test" for entry in service.history(20))


def test_a_version_is_loaded_again(service: LoudService, tmp_path: Path) -> None:
    """By its name, after it was unloaded too."""
    (first,) = unloaded(service, tmp_path / "first")["unloaded"]
    assert loaded(service, "fsmn-vad", version=first) == {"name": "fsmn-vad", "version": first, "state": "READY"}


def test_what_serves_is_not_unloaded(service: LoudService, tmp_path: Path) -> None:
    """Nor is anything else by a name that stands for it."""
    before = service.status().route
    for name in (tmp_path / "second", "fsmn-vad"):
        with pytest.raises(VersionInUse, match="load another model first"):
            unloaded(service, name)
    assert before is not None
    with pytest.raises(VersionInUse):
        unloaded(service, "fsmn-vad", version=before.primary)
    assert service.status().route == before
    assert all(each.state == "ready" for each in service.status().versions)


def test_unloading_again_does_nothing(service: LoudService, tmp_path: Path) -> None:
    """What is unloaded is unloaded; what nobody knows is an error."""
    body = {"parameters": {"unload_dependents": False}}
    assert len(unloaded(service, tmp_path / "first", body)["unloaded"]) == 1
    assert unloaded(service, tmp_path / "first", body)["unloaded"] == []
    with pytest.raises(ModelNotFound):
        unloaded(service, "other")
    with pytest.raises(UnknownVersion):
        unloaded(service, "fsmn-vad", version="v0")


@pytest.mark.parametrize(
    ("body", "query", "kind", "said"),
    [
        ([], {}, RequestInvalid, "an object is wanted"),
        ({"parameters": 7}, {}, RequestInvalid, "an object is wanted"),
        ({"revision": "v1"}, {}, RequestInvalid, "only parameters is taken"),
        ({"parameters": {"file:1/model.onnx": "x"}}, {}, InvalidParameter, "there is no such parameter"),
        ({"parameters": {"revision": 7}}, {}, InvalidParameter, "revision=7"),
        ({"parameters": {"options": "tight"}}, {}, InvalidParameter, "options="),
        ({"parameters": {"options": {"mode": ["x"]}}}, {}, InvalidParameter, "mode"),
        ({"parameters": {"config": "{"}}, {}, InvalidParameter, "config="),
        ({"parameters": {"config": "[" * 100_000}}, {}, InvalidParameter, "config="),
        ({"parameters": {"version": "v0"}}, {}, UnknownVersion, "v0"),
        ({"parameters": {"version": "v0", "revision": "v1"}}, {}, InvalidParameter, "leave them out"),
        ({}, {"queue": "true"}, InvalidParameter, "in the body"),
        ({}, {"nonsense": "1"}, InvalidParameter, "there is no such parameter"),
    ],
)
def test_what_cannot_be_is_refused(
    service: LoudService, body: Any, query: dict[str, str], kind: type[SegueError], said: str
) -> None:
    """One line, and nothing has changed."""
    before = service.status().route
    with pytest.raises(kind, match=said) as refused:
        loaded(service, "fsmn-vad", body, **query)
    assert len(str(refused.value)) < 400
    assert service.status().route == before
