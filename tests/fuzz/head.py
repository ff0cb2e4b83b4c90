"""Bytes as they come from a socket, into a connection of ``segue serve``: heads, bodies, pipelines, upgrades."""

import asyncio
import re
from functools import cache
from typing import Any

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from segue.edges.serve.connection import Connection
from segue.edges.serve.websocket import WebSocket

MOST_BYTES = 10 * 2**20


class Wire(asyncio.Transport):
    """A transport that goes nowhere."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written = bytearray()
        self.is_closed = False
        self.protocol: Any = None

    def write(self, data: Any) -> None:
        self.written += data
        assert len(self.written) < MOST_BYTES

    def close(self) -> None:
        self.is_closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.is_closed

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol


async def answering(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads what there is of a body, and answers; of a stream, reads to its end."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        return
    while (message := await receive())["type"] == "http.request" and message.get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@cache
def _setup() -> tuple[asyncio.AbstractEventLoop, uvicorn.Config]:
    config = uvicorn.Config(
        answering, log_config=None, lifespan="off", ws=WebSocket, ws_max_size=2**20, ws_per_message_deflate=False
    )
    config.load()
    return asyncio.new_event_loop(), config


def head(data: bytes) -> None:
    """Whole and in pieces it is answered alike; nothing is raised, and what is answered is HTTP.

    What is broken ends the connection: with an answer of its own, unless one is still to come to what was before it.
    """
    said = [_answers(data, size) for size in (len(data) or 1, max(1, len(data) // 50))]
    shorter, longer = sorted(said, key=len)
    assert longer[: len(shorter)] == shorter, said


def _answers(data: bytes, size: int) -> list[bytes]:
    loop, config = _setup()
    wire = Wire()
    errors: list[Any] = []
    loop.set_exception_handler(lambda _, context: errors.append(context))

    async def talk() -> None:
        wire.protocol = connection = Connection(config, ServerState(), {}, loop)
        connection.connection_made(wire)
        for at in range(0, len(data), size):
            wire.protocol.data_received(data[at : at + size])
            await _settled()
        wire.protocol.connection_lost(None)
        await _settled()

    loop.run_until_complete(talk())
    assert not errors, errors
    written = bytes(wire.written)
    assert not written or written.startswith(b"HTTP/1.1 "), written
    return re.findall(rb"HTTP/1\.1 (\d{3}) [A-Z]", written)


async def _settled() -> None:
    for _ in range(6):
        await asyncio.sleep(0)
