"""What is left of a body when its answer is there already: too large, unwanted, too slow."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LINGER_S = 2.0
_LINGER_BYTES = 16 * 2**20


class Leftover:
    """ASGI middleware: the answer goes out at once, then some of the rest is read and dropped, then it hangs up.

    Hanging up at once would be a reset, which can reach a client that is still sending before it reads its answer; and
    reading on to the end would let it send for ever.
    """

    def __init__(self, app: ASGIApp, *, linger_s: float = _LINGER_S, linger_bytes: int = _LINGER_BYTES) -> None:
        self._app = app
        self._linger_s = linger_s
        self._linger_bytes = linger_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        ended = hanging_up = False

        async def receive_watched() -> Message:
            nonlocal ended
            message = await receive()
            ended = ended or not message.get("more_body", False)  # nor does more come after a disconnect
            return message

        async def send_watched(message: Message) -> None:
            nonlocal hanging_up
            if message["type"] == "http.response.start" and not ended:
                hanging_up = True
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            last = message["type"] == "http.response.body" and not message.get("more_body", False)
            if not (hanging_up and last):
                await send(message)
                return
            await send({**message, "more_body": True})
            await self._drop(receive_watched)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        await self._app(scope, receive_watched, send_watched)

    async def _drop(self, receive: Receive) -> None:
        dropped = 0
        try:
            async with asyncio.timeout(self._linger_s):
                while dropped < self._linger_bytes:
                    message = await receive()
                    dropped += len(message.get("body", b""))
                    if not message.get("more_body", False):
                        return
        except TimeoutError:
            pass


def _has_body(scope: Scope) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )
