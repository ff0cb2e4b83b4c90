"""A real server on a loopback port, in a thread, whose connections are those of ``segue serve`` in more of a hurry."""

import asyncio
import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import uvicorn
from starlette.types import Receive, Scope, Send

from segue.edges.serve.connection import Connection
from segue.edges.serve.websocket import WebSocket
from tests.e2e.server import until

HEAD_S = 0.4
UNREAD_S = 0.4
BIG_BYTES = 30_000_000
"""More than the system's buffers of a connection hold."""


class Http(Connection):
    head_s = HEAD_S
    unread_s = UNREAD_S
    most = 20
    most_per_client = 15
    clients: ClassVar[Counter[str]] = Counter()


class Live(WebSocket):
    last_byte_s = UNREAD_S


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Says what it got; ``/big`` is answered with much, and ``/slow`` late."""
    if scope["type"] == "websocket":
        await _live(receive, send)
        return
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, more = body + message.get("body", b""), message.get("more_body", False)
    if scope["path"] == "/slow":
        await asyncio.sleep(3 * HEAD_S)  # beyond the time for a head: a request under way is not late
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    said = json.dumps({"method": scope["method"], "path": scope["path"], "body": len(body), "headers": headers})
    answer = bytes(BIG_BYTES) if scope["path"] == "/big" else said.encode()
    length = (b"content-length", str(len(answer)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": answer})


async def _live(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


class Serving:
    """The server that runs: how many ``connections`` it has, and how many bytes wait to be read by clients."""

    def __init__(self, server: uvicorn.Server, address: Any) -> None:
        self._server = server
        self.address = address

    @property
    def connections(self) -> int:
        return len(self._server.server_state.connections)

    @property
    def unread_bytes(self) -> int:
        return sum(each.transport.get_write_buffer_size() for each in list(self._server.server_state.connections))

    def raw(self, client: str = "127.0.0.1") -> socket.socket:
        """A connection, from that address of this machine."""
        return socket.create_connection(self.address, timeout=30, source_address=(client, 0))

    def wait_for(self, connections: int) -> None:
        """Until it has so many."""
        until(lambda: self.connections == connections, f"it has {connections} connections", deadline_s=20)


@contextmanager
def serving() -> Iterator[Serving]:
    """The app above, for the length of a block."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)
    config = uvicorn.Config(
        app, http=Http, ws=Live, loop="uvloop", log_config=None, lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield Serving(server, listener.getsockname())
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()
        assert not thread.is_alive()
