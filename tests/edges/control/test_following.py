"""A change, followed to its end."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from segue.client import Client
from segue.edges.control.following import POLL_S, begun, followed, wait
from segue.errors import ServerRefused, ServerUnreachable
from tests.client.loopback import Says, refusal
from tests.edges.control.standin import Standin, change, done


class Seen:
    """Keeps what it is shown."""

    def __init__(self) -> None:
        self.changes: list[Mapping[str, Any]] = []

    def __enter__(self) -> "Seen":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, change: Mapping[str, Any]) -> None:
        self.changes.append(change)


def test_it_is_asked_after_until_it_is_over(service: Standin) -> None:
    """Ten times a second, each answer is shown, and the last is the result."""
    service.course = [change(at=2), change(at=3), done()]
    seen, slept = Seen(), list[float]()
    with Client(service.url) as client:
        assert wait(client, change(at=1), seen, sleep=slept.append) == done()
    assert seen.changes == [change(at=1), change(at=2), change(at=3), done()]
    assert slept == [POLL_S] * 3


def test_one_that_is_over_is_not_asked_after(service: Standin) -> None:
    """What the first answer says is enough."""
    with Client(service.url) as client:
        wait(client, done(), Seen(), sleep=lambda _: None)
    assert service.asked == []


def test_a_server_that_goes_away_leaves_the_change_open() -> None:
    """No server is status 4, and the error says where to learn what became of the change."""
    with Standin() as service, Client(service.url, token="x") as client:
        service.answer = lambda _: Says(raw=b"")
        with pytest.raises(ServerUnreachable, match="what became of switch c0ffee, segue history tells"):
            wait(client, change(), Seen(), sleep=lambda _: None)


def test_a_server_that_was_started_anew_does_not_know_it(service: Standin) -> None:
    """It says so, and where to look; any other refusal passes as it is."""
    with Client(service.url) as client:
        service.refuses = refusal(404, "unknown_change", "no change 'c0ffee' is remembered")
        with pytest.raises(ServerRefused, match="was started anew and does not know switch c0ffee: see segue history"):
            wait(client, change(), Seen(), sleep=lambda _: None)
        service.refuses = refusal(500, "internal", "oh")
        with pytest.raises(ServerRefused, match="oh"):
            wait(client, change(), Seen(), sleep=lambda _: None)


def test_who_stops_waiting_is_told_that_it_goes_on(service: Standin, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C ends the waiting alone, whatever change it is."""

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with Client(service.url) as client:
        assert followed(client, change() | {"verb": "rollout"}, server=None, sleep=interrupted) is None
        assert followed(client, done(), server=None) == done()
    assert "stopped waiting; rollout c0ffee goes on: see segue status, segue history" in capsys.readouterr().err


def test_who_does_not_wait_is_told_how_to_look(capsys: pytest.CaptureFixture[str]) -> None:
    """The change's ID, and the commands; or the change as JSON."""
    assert begun(change(), server="gpu-box", as_json=False) == 0
    assert capsys.readouterr().out == (
        "begun: switch c0ffee; see segue status --server gpu-box and segue history --server gpu-box\n"
    )
    begun(change(), server=None, as_json=True)
    assert json.loads(capsys.readouterr().out) == change()
