"""A WebSocket's connection: what a client does not read is not kept for it."""

import contextlib
import struct
import time
from collections.abc import Iterator

import pytest

from tests.edges.serve.connections import HEAD_S, Serving, serving

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@pytest.fixture
def server() -> Iterator[Serving]:
    with serving() as running:
        yield running


def frame(opcode: int, data: bytes) -> bytes:
    """Of a client: masked, with a mask of zeros."""
    return struct.pack("!BB", 0x80 | opcode, 0x80 | len(data)) + bytes(4) + data


def test_an_open_one_is_no_late_head(server: Serving) -> None:
    """Long after the time that a head may take it is still open."""
    with server.raw() as connection:
        connection.sendall(HANDSHAKE)
        assert connection.recv(1000).startswith(b"HTTP/1.1 101")
        time.sleep(3 * HEAD_S)
        connection.sendall(frame(9, b"still there"))
        assert b"still there" in connection.recv(1000)
        connection.sendall(frame(8, struct.pack("!H", 1000)))
    server.wait_for(0)


def test_pongs_that_nobody_reads_do_not_pile_up(server: Serving) -> None:
    """Whoever sends pings without end and reads nothing costs a buffer, and is gone when it closes."""
    pings = frame(9, bytes(125)) * 10_000
    with server.raw() as connection:
        connection.sendall(HANDSHAKE)
        assert connection.recv(1000).startswith(b"HTTP/1.1 101")
        for _ in range(10):
            connection.sendall(pings)
            assert server.unread_bytes < 1_000_000
        assert server.unread_bytes > 0
        with contextlib.suppress(ConnectionError):
            connection.sendall(frame(8, struct.pack("!H", 1000)))
        server.wait_for(0)
