"""A real server on a loopback port, in a thread: what an app answers is tested as its clients get it."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import uvicorn
from starlette.types import ASGIApp

TIMEOUT_S = 30.0


@contextmanager
def serving(app: ASGIApp) -> Iterator["Address"]:
    """Serve an app for the length of a block."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, log_config=None, lifespan="off", timeout_graceful_shutdown=5, ws="websockets-sansio", proxy_headers=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield Address(*listener.getsockname())
    finally:
        server.should_exit = True
        thread.join(TIMEOUT_S)
        listener.close()
        assert not thread.is_alive()


@dataclass(frozen=True, slots=True)
class Address:
    """Where it answers."""

    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def raw(self) -> "Raw":
        """A connection of bytes, for what no proper client sends."""
        return Raw(socket.create_connection((self.host, self.port), timeout=TIMEOUT_S))


class Raw:
    """One connection; a context manager."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._reader = connection.makefile("rb")

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._reader.close()
        self._connection.close()

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def ask(self, method: str, path: str, **headers: str) -> None:
        """The head of a request; ``content_length="5"`` is a header."""
        lines = [
            f"{method} {path} HTTP/1.1",
            "Host: localhost",
            *(f"{n.replace('_', '-')}: {v}" for n, v in headers.items()),
        ]
        self.send("".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1"))

    def answer(self) -> "RawAnswer":
        """The next answer on this connection."""
        status = int(self._reader.readline().split()[1])
        headers = {}
        while line := self._reader.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        body = self._reader.read(int(headers.get("content-length", 0)))
        return RawAnswer(status, headers, body)

    def is_at_end(self) -> bool:
        """Whether the server has hung up; waits until something comes."""
        return self._reader.read(1) == b""


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)
