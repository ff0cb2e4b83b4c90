"""The page's own thread and event loop, in this process: Gradio is loaded there and answers there.

Gradio takes seconds to load, packs its files in the event loop, and has forty handlers of its own: none of that is to
hold up the loop in which detection is answered. So the app's loop only hands a request over, piece by piece.
"""

import asyncio
import gc
import logging
import sys
import threading
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from segue.edges.ui.door import Door
from segue.edges.ui.gate import refusal
from segue.edges.ui.waiting import closed, waiting
from segue.errors import Unauthorized

if TYPE_CHECKING:
    from fastapi import FastAPI

    from segue.service import Service

_LOG = logging.getLogger(__name__)

_LOOK_S = 0.05
_SWITCH_S = 0.0005
"""How long the loading thread may have the interpreter to itself while others want it."""


class Page:
    """An ASGI app: the page as soon as there is one, a word of patience until then, and who may not see it is told.

    ``begin`` loads it, once something serves or ``gives_way_s`` have passed; ``end`` lets go of its threads, which the
    process would wait for.
    """

    def __init__(self, service: "Service", *, gives_way_s: float = 10.0) -> None:
        self._service = service
        self._gives_way_s = gives_way_s
        self.door = Door(service.access, service.home.token())
        self._loop: asyncio.AbstractEventLoop | None = None
        self._inner: ASGIApp | None = None
        self._failure = ""
        self.loaded = threading.Event()
        """Set when the page is there, or cannot be."""
        self._ending = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)

    def begin(self) -> None:
        """Load the page in its own thread; returns at once."""
        self._thread.start()

    def end(self, deadline_s: float) -> None:
        """No page any more. Waits so long for its handlers, which end when the service refuses their work."""
        if self._loop is not None:  # else it is being loaded, in a thread that nobody waits for
            self._loop.call_soon_threadsafe(self._ending.set)
            self._thread.join(deadline_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        try:
            self.door.detection(headers)
        except Unauthorized:
            await closed()(scope, receive, send)
            return
        inner, loop = self._inner, self._loop
        if inner is None or loop is None:
            await waiting(self._failure)(scope, receive, send)
            return
        if no := refusal(scope, headers, most_upload_bytes=self._service.settings.max_body_bytes):
            await no(scope, receive, send)
            return
        here = asyncio.get_running_loop()

        async def far_receive() -> Message:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_awaited(receive), here))

        async def far_send(message: Message) -> None:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_sent(send, message), here))

        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_served(inner, scope, far_receive, far_send), loop))

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except ModuleNotFoundError as error:
            self._fail(f"the page needs {error.name}: pip install 'segue[page]'")
        except Exception:  # noqa: BLE001 -- whatever Gradio raises, the service goes on without a page
            _LOG.exception("the page cannot be loaded; all else serves")
            self._fail("the page cannot be loaded; the server's log says why")

    def _fail(self, why: str) -> None:
        _LOG.warning("%s", why)
        self._failure = why
        self.loaded.set()

    async def _serve(self) -> None:
        for _ in range(int(self._gives_way_s / _LOOK_S)):
            if self._service.ready:
                break
            await asyncio.sleep(_LOOK_S)
        inner = _built(self._service, self.door)
        async with inner.router.lifespan_context(inner):
            self._loop, self._inner = asyncio.get_running_loop(), inner
            self.loaded.set()
            _LOG.info("the page is there")
            await self._ending.wait()
        self._inner = None


def _built(service: "Service", door: Door) -> "FastAPI":
    """Imports Gradio: not to be done before, nor in another thread.

    The collector, which stops every thread, would go through its half a million objects again and again.
    """
    gc.disable()
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    try:
        from segue.edges.ui.build import build

        return build(service, door)
    finally:
        sys.setswitchinterval(usual_s)
        gc.freeze()  # they stay
        gc.enable()


async def _awaited(receive: Receive) -> Message:
    return await receive()


async def _sent(send: Send, message: Message) -> None:
    await send(message)


async def _served(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)
