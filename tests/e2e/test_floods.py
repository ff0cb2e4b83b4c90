"""Clients that keep a real server waiting, by the hundred: each is let go in its time, and others notice nothing."""

import contextlib
import io
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

import psutil
import pytest
import requests
import soundfile

from scripts.speech import Samples
from tests.e2e.server import Server, home_with, until

RATE = 16_000
HEAD_S = 2.0
MANY = 400
LATENCY_S = 1.0
"""What others wait for at most, on a machine that has other things to do too; without a flood it is 0.03."""
HELD_BYTES = 100_000
"""Of memory for a connection that brings nothing or little; what a head may have is 64 KB."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, model_directory: Path) -> Iterator[Server]:
    """A server in a hurry."""
    home = home_with(tmp_path_factory.mktemp("floods") / "home", model_directory)
    limits = {"head_s": HEAD_S, "body_idle_s": HEAD_S, "max_requests_per_client": 40, "max_connections": 600}
    with Server(home, **limits) as begun:
        yield begun


@pytest.fixture(scope="module")
def clip(speech: Samples) -> bytes:
    """Four seconds of speech."""
    file = io.BytesIO()
    soundfile.write(file, speech[: 4 * RATE], RATE, format="WAV")
    return file.getvalue()


def connected(stack: contextlib.ExitStack, server: Server, count: int) -> list[socket.socket]:
    """So many connections that have not said a word."""
    host, port = server.url.removeprefix("http://").split(":")
    return [stack.enter_context(socket.create_connection((host, int(port)), timeout=30)) for _ in range(count)]


def check_others(server: Server, clip: bytes, *, count: int = 20) -> None:
    """They are answered, and soon: health, control and detection."""
    with requests.Session() as session:
        took_s = []
        for _ in range(count):
            began_s = time.monotonic()
            assert session.get(f"{server.url}/livez", timeout=30).status_code == 200
            assert session.post(f"{server.url}/v1/detect", data=clip, timeout=30).status_code == 200
            took_s.append(time.monotonic() - began_s)
    assert quantiles(took_s, n=20)[-1] < LATENCY_S, took_s


def resident(server: Server) -> int:
    return psutil.Process(server.pid).memory_info().rss


def ended(connection: socket.socket) -> bytes:
    """All that it was told, until the server hung up."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while more := connection.recv(65_536):
            said += more
    return said


def check_let_go(connections: list[socket.socket], *, status: bytes, within_s: float) -> None:
    """Each is told why, if it had begun to say something, and is closed; in time."""
    began_s = time.monotonic()
    answers = {ended(connection).partition(b"\r\n")[0] for connection in connections}
    assert answers == {status}
    assert time.monotonic() - began_s < within_s + 5


def test_hundreds_that_say_nothing(server: Server, clip: bytes) -> None:
    """Half-open connections are closed when the time for a head is over; they cost little, and others are served."""
    with contextlib.ExitStack() as stack:
        before = resident(server)
        silent = connected(stack, server, MANY)
        check_others(server, clip)
        assert resident(server) - before < MANY * HELD_BYTES
        check_let_go(silent, status=b"", within_s=HEAD_S)


def test_heads_that_come_by_the_byte(server: Server, clip: bytes) -> None:
    """A client that sends a byte now and then has no more time for its head than any other (slowloris)."""
    with contextlib.ExitStack() as stack:
        slow = connected(stack, server, MANY)
        for byte in b"GET /livez HTTP/1.1\r\nX":
            for connection in slow:
                with contextlib.suppress(ConnectionError):
                    connection.sendall(bytes([byte]))
        check_others(server, clip)
        check_let_go(slow, status=b"HTTP/1.1 408 Request Timeout", within_s=HEAD_S)


def test_bodies_that_stop(server: Server, clip: bytes) -> None:
    """As many as a client may have at once hold its share until their time is over; others have the rest."""
    with contextlib.ExitStack() as stack:
        slow = connected(stack, server, 40)
        for connection in slow:
            connection.sendall(b"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nRIFF")
        until(lambda: server.status()["requests"]["running"] == 40, "all of them hold a place")
        with pytest.raises(AssertionError):
            check_others(server, clip, count=2)  # of the same address: 429
        with requests.Session() as other:
            other.mount("http://", OtherAddress())
            assert other.post(f"{server.url}/v1/detect", data=clip, timeout=30).status_code == 200
        check_let_go(slow, status=b"HTTP/1.1 408 Request Timeout", within_s=HEAD_S)
    check_others(server, clip)


def test_heads_without_an_end(server: Server, clip: bytes) -> None:
    """Headers that go on and on are refused, by their number or at 64 KB, and nothing of them is kept."""
    heads = [b"X-Many: a\r\n" * 20_000, b"X-Long: " + b"a" * 200_000, b"a" * 200_000]
    with contextlib.ExitStack() as stack:
        before = resident(server)
        flood = connected(stack, server, 100)
        for number, connection in enumerate(flood):
            with contextlib.suppress(ConnectionError):
                connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n" + heads[number % len(heads)])
        check_others(server, clip)
        for connection in flood:
            assert ended(connection)[:12] in (b"HTTP/1.1 431", b"")  # "": reset, for it was still sending
        assert resident(server) - before < 100 * 2 * HELD_BYTES


def test_more_connections_than_there_are(server: Server, clip: bytes) -> None:
    """One address has its share of them, so another one is answered while the first is told 429."""
    with contextlib.ExitStack() as stack:
        flood = connected(stack, server, 600)
        said = ended(flood[-1])
        assert said.startswith(b"HTTP/1.1 429")
        assert b"too_many_requests" in said
        with requests.Session() as other:
            other.mount("http://", OtherAddress())
            for _ in range(10):
                began_s = time.monotonic()
                assert other.post(f"{server.url}/v1/detect", data=clip, timeout=30).status_code == 200
                assert time.monotonic() - began_s < LATENCY_S
    check_others(server, clip)


class OtherAddress(requests.adapters.HTTPAdapter):
    """Another client of this machine: it comes from 127.0.0.9."""

    def init_poolmanager(self, *arguments: object, **options: object) -> None:
        super().init_poolmanager(*arguments, **options, source_address=("127.0.0.9", 0))  # type: ignore[arg-type]  # passed on
