"""An HTTP connection: uvicorn's, with an end to every wait and a bound on what is held for a client.

uvicorn waits for ever for the rest of a head and for an answer to be read, and takes heads of any length and any number
of requests sent ahead. Bodies are the app's to bound: see ``edges/http/bodies.py``.
"""

import asyncio
import logging
from collections import Counter
from typing import ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from segue.edges.serve.refusal import refusal
from segue.errors import Overloaded, RequestInvalid, RequestTooSlow, TooManyRequests

_LOG = logging.getLogger("segue.serve")

HEAD_S = 15.0
UNREAD_S = 15.0
_MOST_HEAD_BYTES = 2**16
_MOST_HEADERS = 256
_MOST_AHEAD = 64


class _TooMuch(Exception):
    """Out of a callback of the parser, which stops at it."""


class Connection(HttpToolsProtocol):
    """One connection.

    ``head_s``: how long a client may take for the head of a request. ``unread_s``: how long it may read nothing of an
    answer. ``most``: how many connections are open at once, and ``most_per_client``, of one address; what has become a
    WebSocket counts among the first alone, for streams have a share of their own.
    """

    head_s = HEAD_S
    unread_s = UNREAD_S
    most = 10_000
    most_per_client = 10_000
    clients: ClassVar[Counter[str]] = Counter()
    """By address; a server's own, so each has its own class."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._is_over = False  # nothing more is read
        self._in_head = False
        self._loose_bytes = 0  # came since the last piece of a body
        self._too_much = ""
        self._unread_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None
        self._address: str | None = self.client[0] if self.client else ""
        own = self.clients[self._address] = self.clients[self._address] + 1
        if len(self.connections) > self.most:
            message = f"{self.most} connections are open, as many as are taken at once: try again later"
            self._end(refusal(503, Overloaded.code, message, retry_after_s=1))
        elif own > self.most_per_client:
            message = f"{self.most_per_client} connections of this client are open, its share: use fewer, or keep them"
            self._end(refusal(429, TooManyRequests.code, message, retry_after_s=1))
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        super().connection_lost(exc)

    def _leave(self) -> None:
        """The connection is another's, or nobody's."""
        self._is_over = True
        if self._address is not None:
            self.clients[self._address] -= 1
            if not self.clients[self._address]:
                del self.clients[self._address]
            self._address = None
        for timer in (self._head_timer, self._unread_timer, self.timeout_keep_alive_task):
            if timer is not None:
                timer.cancel()

    # -- what comes ------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._is_over:
            return
        self._unset_keepalive_if_required()
        self._loose_bytes += len(data)
        try:
            self._feed(data)
            if self._loose_bytes > _MOST_HEAD_BYTES:
                self._too_much = f"the head of a request has more than {_MOST_HEAD_BYTES} bytes"
                raise _TooMuch
        except (httptools.HttpParserError, _TooMuch) as error:
            self._refuse(error)
        else:
            if self._is_idle and not self._is_over and self._head_timer is None:
                self._await_head()

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self.scope["method"] == "CONNECT":
                raise httptools.HttpParserError("CONNECT") from upgrade
            if self.scope["method"] == "GET" and self._get_upgrade() == b"websocket":
                self._leave()
                self.handle_websocket_upgrade()
            else:
                self._stay(data[upgrade.args[0] :])

    def _stay(self, rest: bytes) -> None:
        """Another protocol was offered (curl and Java offer HTTP/2): the request is one like any other.

        httptools leaves its body unread. So the head is read again without the offer, and then what follows.
        """
        head = [self.scope["method"].encode(), b" ", self.url, b" HTTP/", self.scope["http_version"].encode(), b"\r\n"]
        for name, value in self.headers:
            head += () if name == b"upgrade" else (name, b": ", value, b"\r\n")
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._feed(b"".join((*head, b"\r\n")))
        if rest:
            self._feed(rest)

    def _should_upgrade(self) -> bool:
        return True  # ``_feed`` decides; until then the request is not begun

    def _refuse(self, error: Exception) -> None:
        """What cannot be read ends the connection; what came before it is answered first."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete and (self.pipeline or not cycle.more_body):
            self._is_over = True
            cycle.keep_alive = False
        elif cycle is not None and cycle.response_started and not cycle.response_complete:
            self._end(b"")
        elif self._too_much:
            self._end(
                refusal(431, "request_header_fields_too_large", f"{self._too_much}: send fewer or shorter headers")
            )
        else:
            _LOG.info("%s: what came is no HTTP request (%s)", self.client and self.client[0], type(error).__name__)
            self._end(refusal(400, RequestInvalid.code, "this is no HTTP/1.1 request"))

    def _end(self, last: bytes) -> None:
        self._is_over = True
        self._stop_waiting_for_head()
        self.transport.write(last)
        self.timeout_keep_alive_handler()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._await_reading()

    # -- callbacks of the parser -----------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > _MOST_HEADERS:  # short ones cost ten times their bytes
            self._too_much = f"the head of the request has more than {_MOST_HEADERS} headers"
            raise _TooMuch

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._loose_bytes = 0
        if len(self.pipeline) >= _MOST_AHEAD:
            raise _TooMuch
        head_bytes = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if head_bytes > _MOST_HEAD_BYTES:
            self._too_much = f"the head of the request has {head_bytes} bytes, more than {_MOST_HEAD_BYTES}"
            raise _TooMuch
        self._stop_waiting_for_head()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._loose_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._loose_bytes = 0
        super().on_message_complete()

    # -- waiting for a head ----------------------------------------------------------------------------------------

    @property
    def _is_idle(self) -> bool:
        """Whether no request is under way."""
        return self.cycle is None or self.cycle.response_complete

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.head_s, self._head_is_late)

    def _stop_waiting_for_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._in_head:
            message = f"the head of the request did not come within {self.head_s:g} s: send it again"
            self._end(refusal(408, RequestTooSlow.code, message))
        else:
            self._end(b"")

    # -- waiting for an answer to be read --------------------------------------------------------------------------

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._await_reading()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._await_reading()

    def _await_reading(self) -> None:
        """From now on the client has ``unread_s`` to read something of what is left to be read."""
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None
        self._unread_bytes = self.transport.get_write_buffer_size()
        if self._unread_bytes:
            self._unread_timer = self.loop.call_later(self.unread_s, self._look)

    def _look(self) -> None:
        if 0 < self._unread_bytes <= self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self._await_reading()
