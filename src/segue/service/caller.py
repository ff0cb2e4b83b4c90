"""Who sent a request over ASGI: its address, its body, within what it may weigh and take, and whether anybody waits.

Every edge that answers HTTP asks it; it knows of no framework, ``receive`` is that of the ASGI specification.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from segue.errors import AudioError, RequestTooLarge, RequestTooSlow, RequestUnsupported
from segue.service.recordings import Answer, Call
from segue.settings import Settings
from segue.speech.names import shown

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class CallerGone(Exception):
    """It hung up: there is nobody to answer."""


class Caller:
    """One request's sender. Used on one event loop."""

    def __init__(self, receive: Receive, settings: Settings) -> None:
        self._receive = receive
        self._settings = settings

    async def whole(self, headers: Mapping[str, str], *, most_bytes: int) -> bytes:
        """All of the body, of at most ``most_bytes`` and what the settings take. ``headers`` are in small letters.

        Raises RequestUnsupported for a compressed one, and as ``pieces``.
        """
        check_coding(headers)
        most_bytes = min(most_bytes, self._settings.max_body_bytes)
        declared = headers.get("content-length", "")
        return b"".join([piece async for piece in self.pieces(most_bytes=most_bytes, declared=declared)])

    async def pieces(self, *, most_bytes: int, declared: str = "") -> AsyncIterator[bytes]:
        """The body as it comes; ``declared`` is its Content-Length. Raises RequestTooLarge, RequestTooSlow, CallerGone.

        Too large is said at once where the client says how much comes.
        """
        if declared.isdecimal() and int(declared[:20]) > most_bytes:
            raise RequestTooLarge(f"the body has {declared} bytes; at most {most_bytes} are taken")
        clock = asyncio.get_running_loop().time
        end_s, got_bytes, more = clock() + self._settings.body_total_s, 0, True
        while more:
            wait_s = min(self._settings.body_idle_s, end_s - clock())
            try:
                async with asyncio.timeout(wait_s):
                    message = await self._receive()
            except TimeoutError:
                raise self._too_slow(got_bytes, is_idle=wait_s == self._settings.body_idle_s) from None
            if message["type"] == "http.disconnect":
                raise CallerGone
            piece, more = message.get("body", b""), message.get("more_body", False)
            got_bytes += len(piece)
            if got_bytes > most_bytes:
                raise RequestTooLarge(f"the body has more than {most_bytes} bytes, which is the most that is taken")
            if piece:
                yield piece

    async def outcome(self, call: Call) -> Answer:
        """Wait for a recording, and for the caller to go away: then it is cancelled.

        Raises CallerGone, and whatever the call raised. Messages call its audio ``audio``.
        """
        answer = asyncio.wrap_future(call.future)
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())  # one that came too late is no news
        gone = asyncio.ensure_future(self._gone())
        try:
            await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise CallerGone
            return answer.result()
        finally:
            gone.cancel()
            if not answer.done():  # the caller is gone, or the server does not wait any longer
                call.cancel()

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def _too_slow(self, got_bytes: int, *, is_idle: bool) -> RequestTooSlow:
        if is_idle:
            return RequestTooSlow(
                f"the body stopped after {got_bytes} bytes: nothing came for {self._settings.body_idle_s:g} s; "
                "send it again"
            )
        return RequestTooSlow(
            f"the body took longer than {self._settings.body_total_s:g} s, and {got_bytes} bytes had come; "
            "send less, or in a denser format"
        )


def client_of(scope: Mapping[str, Any]) -> str:
    """The address that asks; ``scope`` is that of the ASGI specification."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def check_coding(headers: Mapping[str, str]) -> None:
    """Raise RequestUnsupported for a body that is compressed: nobody knows how much it is before it is unpacked."""
    coding = headers.get("content-encoding", "identity").lower()
    if coding != "identity":
        raise RequestUnsupported(f"Content-Encoding {shown(coding)}: send the bytes as they are, without it")


def of_samples(error: AudioError) -> AudioError:
    """The same error, for whoever sent samples: the bytes that were decoded are none of theirs."""
    return type(error)(f"audio: {str(error).partition(': ')[2]}") if str(error).startswith("bytes: ") else error
