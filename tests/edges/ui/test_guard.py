"""What Gradio takes as a file: what was uploaded, and neither the server's own files nor any address."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from gradio.utils import get_upload_folder

from tests.edges.http.server import Address
from tests.edges.http.service import loud_service, model, recording
from tests.edges.ui.browser import page_of

TIMEOUT_S = 30.0


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """A page whose model hears loudness."""
    home = tmp_path_factory.mktemp("guarded")
    with loud_service(home) as service, page_of(service) as address:
        service.serve(model(home, "a"))
        yield address


def answer_to(page: Address, path: str, *, kind: str) -> str:
    """What the page's handler that takes a file, or else a recording, says when it is given a path."""
    config = requests.get(f"{page.url}/en/config", timeout=TIMEOUT_S).json()
    types = {each["id"]: each["type"] for each in config["components"]}
    values = {each["id"]: each["props"].get("value") for each in config["components"]}
    event = next(each for each in config["dependencies"] if each["inputs"] and types[each["inputs"][0]] == kind)
    given = {"path": path, "meta": {"_type": "gradio.FileData"}}
    data = [given, *(values[each] for each in event["inputs"][1:])]
    asked = {"fn_index": event["id"], "data": data, "session_hash": os.urandom(8).hex()}
    join = requests.post(f"{page.url}/en/gradio_api/queue/join", json=asked, timeout=TIMEOUT_S)
    assert join.status_code == 200
    query = {"session_hash": asked["session_hash"]}
    with requests.get(f"{page.url}/en/gradio_api/queue/data", query, stream=True, timeout=TIMEOUT_S) as stream:
        for line in stream.iter_lines():
            if b'"process_completed"' in line:
                said: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
                return json.dumps(said["output"]) if said["success"] else "refused"
    raise AssertionError("it said nothing")


@pytest.mark.parametrize("kind", ["file", "audio"])
def test_no_file_of_the_server_is_detected(page: Address, tmp_path: Path, kind: str) -> None:
    """Neither by its path nor by one that leads there from what was uploaded; and none is copied anywhere."""
    own = tmp_path / "never-uploaded.wav"
    own.write_bytes(recording())
    folder = Path(get_upload_folder())
    for path in (str(own), f"{folder}/{'../' * 20}{own}", f"file://{own}", "/etc/passwd"):
        assert answer_to(page, path, kind=kind) == "refused"
    assert not list(folder.rglob(own.name))


@pytest.mark.parametrize("kind", ["file", "audio"])
def test_no_address_is_asked_for_a_recording(page: Address, kind: str) -> None:
    """Nor with a host that Gradio would take for one of the open Internet."""
    for address in ("http://example.com/a.wav", f"{page.url}/livez", "ftp://example.com/a.wav"):
        assert answer_to(page, address, kind=kind) == "refused"


def test_what_was_uploaded_is_detected_and_no_empty_file_is_left(page: Address) -> None:
    """As the page does it."""
    files = {"files": ("talk.wav", recording())}
    upload = requests.post(f"{page.url}/en/gradio_api/upload", files=files, timeout=TIMEOUT_S)
    (path,) = upload.json()
    empty = [each for each in Path(get_upload_folder()).iterdir() if each.is_file()]
    assert "talk.wav: 2 segments" in answer_to(page, path, kind="file")
    assert [each for each in Path(get_upload_folder()).iterdir() if each.is_file()] == empty


def test_a_form_has_one_file_and_nothing_else(page: Address) -> None:
    """A field, which would be kept in memory, is refused, and so is a second file; nothing of them is left."""
    before = set(Path(get_upload_folder()).iterdir())
    for form in (
        {"files": [("files", ("a.wav", b"a" * 100)), ("files", ("b.wav", b"b" * 100))]},
        {"files": [("files", ("c.wav", b"c" * 100))], "data": {"field": "d" * 100}},
    ):
        answer = requests.post(f"{page.url}/en/gradio_api/upload", timeout=TIMEOUT_S, **form)
        assert answer.status_code == 400
    assert set(Path(get_upload_folder()).iterdir()) == before
