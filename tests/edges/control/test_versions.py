"""``segue versions``, against a stand-in for the service."""

import json

import pytest
from click import UsageError

from segue.errors import ServerRefused
from tests.client.loopback import refusal
from tests.edges.control.standin import FSMN, SECOND, Standin, lines, primary, run, status, version


def test_all_versions_are_listed_with_their_digests(service: Standin) -> None:
    """Those that are closed too; as JSON they are the server's list."""
    service.status = status(primary(), version(SECOND, state="closed", incarnation=2))
    text = "\n".join(lines(run("versions", columns=80)))
    assert f"{SECOND}  closed" in text
    assert "digest 6cadc83c0000, life 1" in text
    assert "digest 0f9a2b7e0000, life 2" in text
    assert json.loads("\n".join(lines(run("versions", "--json")))) == service.status["versions"]


def test_prepare_says_how_to_let_it_serve(service: Standin) -> None:
    """What is wanted goes as with switch, and the answer's version is told."""
    prepared = lines(run("versions", "prepare", f"{FSMN}@v2.0.4", "--set", "a=1", "--why", "soon"))
    assert prepared == [
        f"{SECOND} is ready ({FSMN}@v2.0.4); to let it serve: segue switch --version {SECOND}",
    ]
    assert json.loads(service.last.body) == {"model_id": FSMN, "revision": "v2.0.4", "options": {"a": 1}, "why": "soon"}
    assert json.loads("\n".join(lines(run("versions", "prepare", "x/y", "--json")))) == service.prepared


def test_close_says_what_came_back(service: Standin) -> None:
    """The memory, where it is known; the deadline is the server's."""
    finished = run("versions", "close", SECOND, "--deadline", "5")
    assert (lines(finished), finished.return_value) == ([f"{SECOND} is closed; 25 MB came back"], 0)
    assert (service.last.path, service.last.query) == (f"/v1/versions/{SECOND}", {"deadline_s": "5.0"})
    service.closed["memory_returned_bytes"] = None
    assert lines(run("versions", "close", SECOND)) == [f"{SECOND} is closed"]


def test_one_that_is_still_in_use_is_status_1(service: Standin) -> None:
    """It closes later; as JSON too."""
    service.closed["closed"] = False
    finished = run("versions", "close", SECOND)
    assert (finished.return_value, finished.stdout) == (1, "")
    assert finished.stderr == f"segue: error: {SECOND} is still in use after 30 seconds: it closes by itself\n"
    finished = run("versions", "close", SECOND, "--json")
    assert (finished.return_value, json.loads(finished.stdout)) == (1, service.closed)


def test_a_name_cannot_lead_elsewhere(service: Standin) -> None:
    """What is given as a version is one part of the path, whatever is in it."""
    run("versions", "close", "../v1?x=/")
    assert service.last.path == "/v1/versions/..%2Fv1%3Fx%3D%2F"


def test_what_is_refused_is_said(service: Standin) -> None:
    """Such as closing what serves."""
    service.refuses = refusal(409, "version_in_use", f"{SECOND} serves: switch first")
    finished = run("versions", "close", SECOND)
    assert isinstance(finished.exception, ServerRefused)


@pytest.mark.parametrize("place", ["group", "command"])
def test_the_server_may_be_named_before_or_behind(
    service: Standin, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """``segue versions --server URL close V`` and ``segue versions close V --server URL`` are one."""
    monkeypatch.setenv("SEGUE_SERVER", "nowhere.invalid")
    option = ["--server", service.url]
    arguments = [*option, "close", SECOND] if place == "group" else ["close", SECOND, *option]
    assert lines(run("versions", *arguments))


def test_json_before_a_command_is_a_usage_error(service: Standin) -> None:
    """It would be lost."""
    assert isinstance(run("versions", "--json", "close", SECOND).exception, UsageError)
    assert service.asked == []
