"""The log: one line a fact on standard error, for people on a terminal, else JSON; and a line for each request.

A line that belongs to a request has its ID, wherever in the code it was written: what serves the request runs in a
context that knows it. Nothing of a query or of a header but that ID is ever in a line.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

from segue.speech.names import printable

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

AUTO, TEXT, JSON = "auto", "text", "json"

_LOG = logging.getLogger("segue.access")
_PROBES = frozenset({"/livez", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"})
"""Asked every few seconds by what watches: a line only when it is not well."""
_LONGEST_PATH = 200
_GONE = 499
"""The client went away before the answer began."""

# The scope, for its ID is made further in than where the context begins.
_SCOPE: "ContextVar[Scope | None]" = ContextVar("scope", default=None)


def set_up(stream: TextIO, form: str = AUTO) -> None:
    """Let every line of the process go to a stream, in a form: ``auto`` is text on a terminal, else JSON."""
    is_json = form == JSON or (form == AUTO and not stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines() if is_json else TextLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


def request_id() -> str:
    """That of the request which this is done for; empty where it is for none."""
    scope = _SCOPE.get()
    found: str = scope.get("state", {}).get("request_id", "") if scope else ""
    return found


class TextLines(logging.Formatter):
    """``time LEVEL message [request ID]``; a traceback follows on lines of its own."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 -- logging's name
        """The line, without a traceback."""
        line, given = super().formatMessage(record), request_id()
        return f"{line} [{given}]" if given and given not in line else line


class JsonLines(logging.Formatter):
    """An object a line, all in ASCII: ``time``, ``level``, ``logger``, ``message``, and what else is known.

    ``request_id`` where it is for a request; ``error``, the traceback; and what the caller gave as ``facts``.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if given := request_id():
            line["request_id"] = given
        line |= getattr(record, "facts", {})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class AccessLog:
    """ASGI middleware, the outermost: a line for each request and stream, when it is over."""

    def __init__(self, app: "ASGIApp", clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        seen = _Seen(scope, self._clock())

        async def receive_noted() -> "Message":
            message = await receive()
            seen.received(message)
            return message

        async def send_noted(message: "Message") -> None:
            seen.sent(message)
            await send(message)

        token = _SCOPE.set(scope)
        try:
            await self._app(scope, receive_noted, send_noted)
        finally:
            seen.log(self._clock())
            _SCOPE.reset(token)


class _Seen:
    """What passed of one request."""

    __slots__ = ("_began_s", "_close_code", "_in", "_out", "_scope", "_status")

    def __init__(self, scope: "Scope", began_s: float) -> None:
        self._scope = scope
        self._began_s = began_s
        self._status = _GONE
        self._in = self._out = 0
        self._close_code: int | None = None

    def received(self, message: "Message") -> None:
        kind = message["type"]
        if kind == "http.request":
            self._in += len(message.get("body", b""))
        elif kind == "websocket.receive":
            self._in += len(message.get("bytes") or message.get("text") or "")
        elif kind == "websocket.disconnect":
            self._close_code = self._close_code or message.get("code")

    def sent(self, message: "Message") -> None:
        kind = message["type"]
        if kind in ("http.response.start", "websocket.http.response.start"):
            self._status = message["status"]
        elif kind in ("http.response.body", "websocket.http.response.body"):
            self._out += len(message.get("body", b""))
        elif kind == "websocket.accept":
            self._status = 101
        elif kind == "websocket.send":
            self._out += len(message.get("bytes") or message.get("text") or "")
        elif kind == "websocket.close":
            self._close_code = message.get("code")
            self._status = 403 if self._status == _GONE else self._status

    def log(self, now_s: float) -> None:
        scope, status = self._scope, self._status
        level = logging.DEBUG if scope["path"] in _PROBES and status < 400 else logging.INFO
        if not _LOG.isEnabledFor(level):
            return
        method = scope.get("method", "WEBSOCKET")
        path = printable(scope["path"][:_LONGEST_PATH])
        duration_ms = round(1000 * (now_s - self._began_s), 1)
        facts: dict[str, object] = {
            "method": method,
            "path": path,
            "status": status,
            "duration_ms": duration_ms,
            "bytes_in": self._in,
            "bytes_out": self._out,
            "client": (scope.get("client") or ("unknown",))[0],
        }
        if self._close_code is not None:
            facts["close_code"] = self._close_code
        answered: Mapping[str, object] = scope.get("state", {}).get("facts", {})
        _LOG.log(level, "%s %s %d in %g ms", method, path, status, duration_ms, extra={"facts": {**facts, **answered}})
