"""Waiting for a server that does not answer."""

import threading

import pytest

from segue.edges.batch.crew import Stopped
from segue.edges.batch.outage import PATIENCE_S, Outage
from segue.errors import ServerUnreachable


class Server:
    """Away until ``back_at_s``. Time passes only while somebody pauses."""

    def __init__(self, back_at_s: float) -> None:
        self.now_s = 0.0
        self.back_at_s = back_at_s
        self.said: list[str] = []
        self.lock = threading.Lock()
        self.outage = Outage(self.reach, self.said.append, clock_s=lambda: self.now_s, pause=self.pause)

    def reach(self) -> None:
        if self.now_s < self.back_at_s:
            raise ServerUnreachable("no server answers at http://x:1")

    def pause(self, seconds: float) -> None:
        with self.lock:
            self.now_s += seconds


def test_a_server_that_answers_is_not_waited_for() -> None:
    """No pause, no word."""
    server = Server(0)
    server.outage.sit_out(lambda: None)
    assert server.now_s == 0
    assert server.said == []


def test_a_server_that_restarts_is_waited_for() -> None:
    """It is said once that it is away, and once that it is back; the next outage is said again."""
    server = Server(5)
    server.outage.sit_out(lambda: None)
    assert 5 <= server.now_s < 6
    first, last = server.said
    assert first == f"the server does not answer; waiting up to {PATIENCE_S:g} s for it to come back"
    assert last == "the server answers again"
    server.back_at_s = server.now_s + PATIENCE_S - 1
    server.outage.sit_out(lambda: None)
    assert server.said == [first, last] * 2


def test_a_server_that_is_gone_is_given_up_for_all() -> None:
    """Once the time is over every thread gets the error, those that come later at once."""
    server = Server(1000)
    errors = []

    def wait() -> None:
        try:
            server.outage.sit_out(lambda: None)
        except ServerUnreachable as error:
            errors.append(error)

    threads = [threading.Thread(target=wait) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == 4
    assert len(server.said) == 1
    given_up_at_s = server.now_s
    assert given_up_at_s >= PATIENCE_S
    with pytest.raises(ServerUnreachable, match="no server answers"):
        server.outage.sit_out(lambda: None)
    assert server.now_s == given_up_at_s


def test_a_stop_ends_the_wait() -> None:
    """A checkpoint that raises is not waited out."""

    def checkpoint() -> None:
        raise Stopped

    server = Server(1000)
    with pytest.raises(Stopped):
        server.outage.sit_out(checkpoint)
    assert server.now_s == 0
