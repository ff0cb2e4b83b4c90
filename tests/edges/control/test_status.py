"""``segue status``, against a stand-in for the service."""

import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from segue.edges.control.status import watch
from segue.errors import ServerRefused, ServerUnreachable
from tests.client.loopback import Asked, Says, refusal
from tests.edges.control.standin import FIRST, Standin, lines, run, status


def test_a_table_and_json(service: Standin) -> None:
    """The table for people, the server's own words for programs."""
    table = lines(run("status", columns=80))
    assert table[0] == f"segue 0.1.0 at {service.url}, ready, up 3 h 12 min, pid 4242, 312 MB"
    assert any(line.startswith(f"{FIRST} ") for line in table)
    assert json.loads("\n".join(lines(run("status", "--json")))) == service.status


def test_a_refusal_is_said(service: Standin) -> None:
    """Such as that of a wrong token."""
    service.refuses = refusal(401, "unauthorized", "the token is wrong")
    assert isinstance(run("status").exception, ServerRefused)


class Told(BaseException):
    """Ends a watch."""


def watched(*answers: Any) -> list[tuple[str, Any]]:
    """What a watch showed of these answers, a second apart; an exception is raised as one."""
    left, happened, now_s = list(answers), list[tuple[str, Any]](), 0.0

    def ask() -> tuple[str, dict[str, Any]]:
        if not left:
            raise Told
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return "http://x", answer

    def sleep(seconds: float) -> None:
        nonlocal now_s
        now_s += seconds

    with pytest.raises(Told):
        watch(
            ask,
            lambda _, said: happened.append(("answer", said["epoch"])),
            lambda why, for_s: happened.append((why, for_s)),
            clock=lambda: now_s,
            sleep=sleep,
        )
    return happened


def test_a_watch_survives_a_server_that_goes_away_and_comes_back() -> None:
    """Each second an answer, or for how long there was none; also while the server is on its way down or up."""
    gone = ServerUnreachable("gone")
    stopping = ServerRefused("stopping", code="shutting_down", status=503)
    assert watched(status(epoch=1), status(epoch=2), stopping, gone, gone, status(epoch=3)) == [
        ("answer", 1),
        ("answer", 2),
        ("stopping", 1.0),
        ("gone", 2.0),
        ("gone", 3.0),
        ("answer", 3),
    ]


@pytest.mark.parametrize(
    "error", [ServerUnreachable("gone"), ServerRefused("stopping", code="shutting_down", status=503)]
)
def test_a_watch_that_finds_no_server_ends(error: Exception) -> None:
    """A wrong address is not watched for ever."""
    with pytest.raises(type(error)):
        watched(error)


def test_a_watch_that_is_refused_for_good_ends() -> None:
    """A token that is wrong now does not become right."""
    with pytest.raises(ServerRefused):
        watched(status(), ServerRefused("no", code="unauthorized", status=401))


def test_a_reader_that_goes_away_ends_a_watch(service: Standin) -> None:
    """``segue status --watch --json | head -1`` ends by itself, without an error."""
    command = [sys.executable, "-c", "from segue.edges.cli import main; main()", "status", "--watch", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline()) == service.status
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 128 + 13


def test_ctrl_c_ends_a_watch(service: Standin) -> None:
    """Status 130, without an error; in a pipe each answer was a line of JSON."""
    answer = service.answer

    def interrupting(asked: Asked) -> Says:
        if len(service.asked) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return answer(asked)

    service.answer = interrupting
    finished = run("status", "--watch", "--json")
    assert (finished.return_value, finished.exception) == (130, None)
    assert json.loads(finished.stdout.splitlines()[0]) == service.status
