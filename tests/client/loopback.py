"""A server on the loopback interface that answers as it is told, and keeps what it was asked."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request. ``body`` is the content, whatever it was wrapped in."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    peer: tuple[str, int]


@dataclass
class Says:
    """One answer. ``raw`` is sent as it is, in its place; after ``cut`` bytes of the body the connection breaks."""

    body: Any = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    is_ours: bool = True
    raw: bytes | None = None
    cut: int | None = None

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def refusal(status: int, code: str, message: str = "no", **headers: str) -> Says:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Says({"error": {"code": code, "message": message, "request_id": "r"}}, status, named)


class Loopback:
    """``answer`` is called with each request, in its connection's thread, and may wait."""

    def __init__(self, answer: Callable[[Asked], Says], *, tls: ssl.SSLContext | None = None) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                loopback._serve(self)

            do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 -- http.server's names

            def log_message(self, *_: object) -> None:
                pass

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def stop_listening(self) -> None:
        """New connections are refused; those that are there stay."""
        self._server.shutdown()  # or it may be listening a moment longer
        self._server.server_close()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        headers = {name.lower(): value for name, value in handler.headers.items()}
        peer = handler.client_address
        asked = Asked(handler.command, parts.path, query, headers, _body(handler), (peer[0], peer[1]))
        self.asked.append(asked)
        said = self.answer(asked)
        if said.raw is not None:
            handler.wfile.write(said.raw)
            handler.close_connection = True
            return
        handler.send_response(said.status)
        ours = {"X-Request-ID": "r-1", "Content-Type": "application/json"} if said.is_ours else {}
        for name, value in {**ours, "Content-Length": str(len(said.content)), **said.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(said.content[: said.cut])
        handler.close_connection = handler.close_connection or said.cut is not None


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:  # a client that went away is what tests do
        del request, client_address


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    if "chunked" not in handler.headers.get("Transfer-Encoding", ""):
        return handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
    pieces = []
    while size := int(handler.rfile.readline(), 16):
        pieces.append(handler.rfile.read(size))
        handler.rfile.readline()
    handler.rfile.readline()
    return b"".join(pieces)


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
