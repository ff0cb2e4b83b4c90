"""A WebSocket's connection: uvicorn's, which a client that reads nothing can neither keep nor fill."""

import asyncio
from typing import TYPE_CHECKING

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent

LAST_BYTE_S = 15.0


class WebSocket(WebSocketsSansIOProtocol):
    """``last_byte_s``: how long a client has, when its stream is over, to read what is left."""

    last_byte_s = LAST_BYTE_S

    def on_task_complete(self, task: "asyncio.Task[None]") -> None:
        super().on_task_complete(task)
        self.loop.call_later(self.last_byte_s, self.transport.abort)

    def handle_ping(self) -> None:
        if self.writable.is_set():
            super().handle_ping()
        else:  # pongs that nobody reads would pile up; whoever sends so many needs no answer to each
            self.conn.data_to_send()

    async def send(self, message: "ASGISendEvent") -> None:
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True  # it was refused, which is no fault to be logged
