"""``segue switch``, against a stand-in for the service."""

import json
import os
import signal
from pathlib import Path

import pytest

from segue.errors import InvalidModelID, ServerRefused
from tests.client.loopback import Asked, Says, refusal
from tests.edges.control.standin import FIRST, FSMN, SECOND, Standin, change, done, failed, lines, run


def test_a_switch_shows_its_steps_and_its_outcome(service: Standin) -> None:
    """In a pipe: one line a step on standard error, one line of outcome on standard output, status 0."""
    service.course = [change(at=1), change(at=2), change(at=4), done()]
    finished = run("switch", f"{FSMN}@v2.0.4", "--why", "fewer cuts")
    assert lines(finished) == [f"{SECOND} serves now; before: {FIRST}; to go back: segue rollback"]
    assert [line.split()[2] for line in finished.stderr.splitlines()] == ["fetch", "fetch", "load", "warm", "switch"]
    assert finished.return_value == 0
    assert json.loads(service.last.body) == {
        "model_id": FSMN,
        "revision": "v2.0.4",
        "options": {},
        "why": "fewer cuts",
    }
    assert service.last.query == {"wait": "false"}


def test_options_and_mode_become_the_versions_own(service: Standin) -> None:
    """--set, --mode and --preset are the options of the version; --queue is for the server."""
    run("switch", "fsmn-vad", "--set", "threshold=0.8", "--mode", "tight", "--preset", "noisy", "--queue")
    assert json.loads(service.last.body)["options"] == {"threshold": 0.8, "mode": "tight", "preset": "noisy"}
    assert service.last.query == {"wait": "false", "queue": "true"}


def test_a_version_may_run_in_a_process_of_its_own(service: Standin) -> None:
    """--isolate and --no-isolate are an option of it too."""
    run("switch", "fsmn-vad", "--isolate")
    assert json.loads(service.last.body)["options"] == {"isolate": True}
    run("switch", "fsmn-vad", "--no-isolate")
    assert json.loads(service.last.body)["options"] == {"isolate": False}


def test_a_version_may_be_named(service: Standin) -> None:
    """--version goes in place of a model."""
    assert run("switch", "--version", FIRST).return_value == 0
    assert json.loads(service.last.body) == {"version": FIRST, "why": ""}


def test_a_directory_is_sent_as_its_absolute_path(
    service: Standin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has another working directory."""
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    run("switch", "mine")
    assert json.loads(service.last.body)["model_id"] == str(tmp_path / "mine")


def test_json_is_the_change(service: Standin) -> None:
    """One object on standard output, whether it is done or failed; a failure is a line on standard error too."""
    service.course = [change(at=1), done()]
    assert json.loads("\n".join(lines(run("switch", "x/y", "--json")))) == done()
    service.course = [failed("model_invalid", "a weight is NaN")]
    finished = run("switch", "x/y", "--json")
    assert json.loads(finished.stdout)["error"]["code"] == "model_invalid"
    assert "segue: error: a weight is NaN\n" in finished.stderr
    assert finished.return_value == 1


@pytest.mark.parametrize(("code", "status"), [("model_not_found", 1), ("superseded", 3)])
def test_a_switch_that_fails_says_why(service: Standin, code: str, status: int) -> None:
    """One line in the server's words and nothing on standard output: status 1, or 3 when it was rolled back."""
    service.course = [change(at=1), failed(code, "because")]
    finished = run("switch", "x/y")
    assert (finished.return_value, finished.stdout) == (status, "")
    assert finished.stderr.endswith("segue: error: because\n")


def test_a_switch_that_is_refused_says_why(service: Standin) -> None:
    """What the server refuses at once is its line."""
    service.refuses = refusal(409, "busy", "switch a/b is under way for 3 s")
    finished = run("switch", "x/y")
    assert isinstance(finished.exception, ServerRefused)
    assert str(finished.exception) == "switch a/b is under way for 3 s"


def test_who_does_not_wait_asks_once(service: Standin) -> None:
    """--no-wait ends when the server has begun."""
    service.course = [change(at=1)]
    assert lines(run("switch", "x/y", "--no-wait")) == ["begun: switch c0ffee; see segue status and segue history"]
    assert len(service.asked) == 1


def test_ctrl_c_stops_the_waiting_and_not_the_switch(service: Standin) -> None:
    """Status 130, and the line says that it goes on, and where to look."""
    service.course = [change(at=2)]
    answer = service.answer

    def interrupting(asked: Asked) -> Says:
        if len(service.asked) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return answer(asked)

    service.answer = interrupting
    finished = run("switch", "x/y")
    assert finished.return_value == 130
    assert finished.stderr.splitlines()[-1] == (
        "segue: stopped waiting; switch c0ffee goes on: see segue status, segue history"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name either MODEL_ID or --version"),
        (["x/y", "--version", "v1"], "name either MODEL_ID or --version"),
        (["--version", "v1", "--set", "a=1"], "a version has its options already"),
        (["--version", "v1", "--mode", "dynamic"], "a version has its options already"),
        (["--version", "v1", "--no-isolate"], "a version has its options already"),
        (["--version", "v1", "--preset", "noisy"], "a version has its options already"),
        (["x/y", "--set", "a"], "NAME=VALUE"),
    ],
)
def test_a_wrong_command_line_asks_nobody(service: Standin, arguments: list[str], message: str) -> None:
    """It is a usage error, before the server is looked for; so is what can be no model."""
    assert message in str(run("switch", *arguments).exception)
    assert isinstance(run("switch", "a b").exception, InvalidModelID)
    assert service.asked == []
