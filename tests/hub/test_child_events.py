"""The frame of the process in which a hub's client runs."""

import json
import subprocess
import sys

import pytest

from segue.hub.child_events import FailureError, checked_sha256
from tests.hub.conftest import RunPython

CHILD = """
import sys
from pathlib import Path
from segue.hub.child_events import FailureError, serve

class Client:
    endpoint, endpoint_variable = sys.argv[1], "THE_ENDPOINT"
    def find_files(self, request):
        print("a client that prints")
        return {"files": {"a": None}}
    def fetch_file(self, name, request, listing):
        if name == "crash": raise RuntimeError("a fault of its own")
        if name == "disk": raise OSError(28, "No space left on device", "/x")
        if name == "refuse": raise FailureError("revision", "none", ["v1"])
        if name == "known": raise KeyError("known")
        return Path(name)
    def explain(self, error):
        return FailureError("denied", "explained") if isinstance(error, KeyError) else None

serve(Client)
"""


def converse(process: "subprocess.Popen[str]", *lines: object) -> list[dict[str, object]]:
    """Every event of the process, which was told these lines."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("".join(json.dumps(line) + "\n" for line in lines))
    process.stdin.flush()
    return [json.loads(line) for line in process.stdout]


@pytest.fixture
def behind_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then no connection is tried, and none is wanted here."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")


@pytest.mark.usefixtures("behind_a_proxy")
@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("crash", "unreachable", "RuntimeError: a fault of its own"),
        ("disk", "disk", "OSError: [Errno 28] No space left on device: '/x'"),
        ("refuse", "revision", "none"),
        ("known", "denied", "explained"),
        ("/not/there", "unreachable", "the client reports success without /not/there"),
    ],
)
def test_every_end_is_an_event(run_python: RunPython, name: str, kind: str, reason: str) -> None:
    """Whatever a client raises, or only pretends to have done, is one last event; what it prints is none."""
    events = converse(run_python(CHILD, "http://hub.invalid"), {"connect_timeout_s": 1}, [name])
    assert [event["event"] for event in events] == ["ready", "connected", "listing", "failed"]
    assert (events[-1]["kind"], events[-1]["reason"]) == (kind, reason)


@pytest.mark.usefixtures("behind_a_proxy")
def test_files_are_told_one_by_one(run_python: RunPython) -> None:
    """An event a file, and then the end."""
    events = converse(run_python(CHILD, "http://hub.invalid"), {"connect_timeout_s": 1}, [sys.executable, __file__])
    assert events[3:] == [
        {"event": "file", "name": sys.executable},
        {"event": "file", "name": __file__},
        {"event": "done"},
    ]


def test_a_request_that_is_none_is_a_failure(run_python: RunPython) -> None:
    """So is an endpoint without a host."""
    assert converse(run_python(CHILD, "http://x"), {})[-1]["event"] == "failed"
    said = converse(run_python(CHILD, "http://"), {"connect_timeout_s": 1})[-1]
    assert (said["kind"], said["reason"]) == ("unreachable", "THE_ENDPOINT 'http://' is no address")


def test_a_sha256_is_one_or_nothing() -> None:
    """Upper case is taken; anything else that a hub may say in its place is no promise."""
    assert checked_sha256("A" * 64) == "a" * 64
    assert [checked_sha256(text) for text in (None, "", 3, "a" * 63, "g" * 64, "a" * 64 + "\n")] == [None] * 6
    assert FailureError("model", "reason").revisions == []
