"""The whole app without a network: any bytes as a request of any route, and as the messages of any WebSocket.

The first line names a route (``POST /v1/detect``, ``WS /v1/stream``; what names none stands for one of them), the
second is the query, more are headers; after two zero bytes comes the body. A WebSocket's messages are separated by zero
and one; one that begins with ``t`` is text. The token is right, or nothing behind it would be reached. The routes are
those of the service as ``segue serve`` builds it, so a new one is among them by itself.
"""

import asyncio
import atexit
import json
import tempfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from segue.edges.serve import command as serve
from segue.settings import read_settings
from tests.edges.http.service import LoudService, model
from tests.edges.routes import Route, every_route

PATIENCE_S = 30.0
BETWEEN, NEXT = b"\0\0", b"\0\1"
_REFUSED = (502, 503, 507)
"""Of the 500s, those that say whose turn it is."""


class App:
    """One service whose models hear loudness, and its app; one loop, one caller."""

    def __init__(self, home: Path) -> None:
        (home / "models").mkdir()
        settings = {"connect_timeout_s": 0.05, "fetch_timeout_s": 1.0, "max_body_bytes": 2**20, "max_audio_s": 600}
        self.service = LoudService(read_settings(home=home / "home", model_directories=[home / "models"], **settings))
        self.service.serve(model(home / "models", "usual"))
        self._app = serve._build(self.service)
        self._routes = sorted(set(every_route(self._app.routes)), key=lambda route: (route.method, route.path))
        self._loop = asyncio.new_event_loop()

    def request(self, data: bytes) -> None:
        """One request; what is answered is an answer."""
        self._run(data, [route for route in self._routes if route.method != "WS"], self._request)

    def live(self, data: bytes) -> None:
        """One WebSocket; it ends."""
        self._run(data, [route for route in self._routes if route.method == "WS"], self._live)

    def close(self) -> None:
        """The service ends, and the loop."""
        self.service.stop(PATIENCE_S)
        self._loop.close()

    def _run(self, data: bytes, routes: list[Route], ask: Callable[..., Any]) -> None:
        head, _, body = data.partition(BETWEEN)
        first, query, *lines = [*head.split(b"\n"), b""]
        named = [route for route in routes if f"{route.method} {route.path}".encode() == first]
        route = named[0] if named else routes[zlib.crc32(first) % len(routes)]
        given = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
        scope = {
            "path": route.filled,
            "raw_path": route.filled.encode(),
            "query_string": query,
            "headers": [(b"authorization", b"Bearer " + self.service.token.encode()), *given],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 6006),
            "root_path": "",
            "http_version": "1.1",
            "state": {},
        }
        self._loop.run_until_complete(asyncio.wait_for(ask(route, scope, body), PATIENCE_S))

    async def _request(self, route: Route, scope: dict[str, Any], body: bytes) -> None:
        half = len(body) // 2
        coming = [
            {"type": "http.request", "body": body[:half], "more_body": True},
            {"type": "http.request", "body": body[half:], "more_body": False},
        ]
        sent: list[Any] = []
        answered = asyncio.Event()

        async def receive() -> Any:
            if coming:
                return coming.pop(0)
            await answered.wait()
            return {"type": "http.disconnect"}

        async def send(said: Any) -> None:
            sent.append(said)

        await self._app({**scope, "type": "http", "method": route.method, "scheme": "http"}, receive, send)
        answered.set()
        status = sent[0]["status"]
        answer = b"".join(each.get("body", b"") for each in sent[1:])
        assert status < 500 or status in _REFUSED, f"{route}: {status} {answer!r}"
        assert self.service.token.encode() not in answer
        headers = dict(sent[0]["headers"])
        if headers.get(b"content-type") == b"application/json":
            json.loads(answer)

    async def _live(self, _: Route, scope: dict[str, Any], body: bytes) -> None:
        coming: list[Any] = [{"type": "websocket.connect"}]
        for each in body.split(NEXT):
            said = {"text": each[1:].decode("utf-8", "replace")} if each[:1] == b"t" else {"bytes": each}
            coming.append({"type": "websocket.receive", **said})
        coming.append({"type": "websocket.disconnect", "code": 1000})
        offered = [value.decode("latin-1") for name, value in scope["headers"] if name == b"sec-websocket-protocol"]

        async def receive() -> Any:
            await asyncio.sleep(0)
            return coming.pop(0) if len(coming) > 1 else coming[0]

        async def send(said: Any) -> None:
            assert said["type"].startswith("websocket."), said
            if said.get("text"):
                json.loads(said["text"])

        extensions: dict[str, dict[str, Any]] = {"websocket.http.response": {}}
        await self._app(
            {**scope, "type": "websocket", "scheme": "ws", "subprotocols": offered, "extensions": extensions},
            receive,
            send,
        )


@cache
def app() -> App:
    """The one of this process; it ends with it."""
    directory = tempfile.TemporaryDirectory(prefix="segue-fuzz-")
    begun = App(Path(directory.name))
    atexit.register(directory.cleanup)
    atexit.register(begun.close)
    return begun


def request(data: bytes) -> None:
    """See ``App.request``."""
    app().request(data)


def live(data: bytes) -> None:
    """See ``App.live``."""
    app().live(data)
