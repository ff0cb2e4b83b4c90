"""``X-Request-ID`` on every answer: the client's own, or one made here. And the last word on what nobody caught."""

import asyncio
import logging
import re
import uuid

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from segue.edges.http.errors import internal, respond
from segue.errors import ShuttingDown

_LOG = logging.getLogger(__name__)
_ACCEPTED = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_STARTS = ("http.response.start", "websocket.accept", "websocket.http.response.start")


class RequestID:
    """ASGI middleware: ``request.state.request_id``. The outermost, so that nothing is answered without it.

    Not Starlette's BaseHTTPMiddleware, which hides a client that goes away, and costs more than the rest together.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request_id = _given(scope) or uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        started = False

        async def send_named(message: Message) -> None:
            nonlocal started
            if message["type"] in _STARTS:
                started = True
                headers = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self._app(scope, receive, send_named)
        except asyncio.CancelledError:  # by the server that ends: it has waited for as long as it may
            if scope["type"] == "http" and not started:
                error = ShuttingDown("the service was stopped before this was done: try again later", retry_after_s=5)
                answer = respond(error, request_id)
                answer.headers["Connection"] = "close"
                await answer(scope, receive, send_named)
        except Exception:
            if scope["type"] != "http":
                raise
            _LOG.exception("request %s: %s %s failed", request_id, scope["method"], scope["path"])
            if not started:  # else the server sees an answer without an end, and cuts the connection
                await internal(request_id)(scope, receive, send_named)


def _given(scope: Scope) -> str | None:
    value = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return value.decode() if _ACCEPTED.fullmatch(value) else None
