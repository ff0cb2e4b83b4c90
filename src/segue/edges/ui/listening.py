"""``WS /page/live/{language}``: what the microphone of a page hears, into a live stream, and the stream's news back.

A route of the page's own: Gradio would write each chunk to a file, and put it in a queue. Two coroutines a socket: one
reads, and stops reading while much waits to be detected or to be read; the other writes what the stream's thread left.
Binary messages are int16 at the device's own rate, the text ``finish`` ends them; answers are JSON arrays of news.
"""

import asyncio
import json
import uuid
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.websockets import WebSocket, WebSocketDisconnect

from segue.edges.ui.door import Door
from segue.edges.ui.words import LANGUAGES, TABLES, Words
from segue.errors import (
    InvalidParameter,
    NotReady,
    Overloaded,
    RequestInvalid,
    RequestTooLarge,
    RequestTooSlow,
    SegueError,
    one_line,
)
from segue.service import Policy, StreamAsk
from segue.service.caller import client_of
from segue.service.streams import Failed, Finished, Message, ModelChanged, Opened, Probabilities
from segue.speech.detection import ModelIdentity
from segue.speech.rules import Rules
from segue.speech.samples import check_rate
from segue.speech.segmenter import SpeechEnded, SpeechStarted

if TYPE_CHECKING:
    from segue.service import LiveStream, Service

_MOST_BYTES = 2**16
"""Of a message: a third of a second at the highest usual rate. The page sends 40 ms."""
_MOST_WAITING_S = 10
"""Audio that may wait to be detected before the socket is not read any more."""
_MOST_WAITING_CHUNKS = 1_000
_MOST_UNREAD = 256
"""Messages of the stream that may wait for the page to read them."""
_LAST_WORDS_S = 2.0
"""How long the reason of an early end may take to be read."""
_FINISH = "finish"
_REFUSED = 1008


class Listening:
    """The route, for one service. Safe for any number of sockets at once."""

    def __init__(self, service: "Service", door: Door) -> None:
        self._service = service
        self._door = door

    async def listen(self, socket: WebSocket) -> None:
        """Let a page in, and listen until it leaves. What it cannot have is said in its language.

        Pages of other sites do not come so far: the app refuses them (``edges/http/site.py``).
        """
        language = socket.path_params["language"]
        if language not in LANGUAGES:
            await socket.close(_REFUSED)  # before it is accepted: 403
            return
        await socket.accept()
        try:
            self._door.detection(socket.headers)
            ask = asked(socket.query_params)
            if not self._service.ready:
                raise NotReady(self._service.waits_for)
            with self._service.admit_stream(client_of(socket.scope)):
                await _Session(socket, self._service, ask, language).run()
        except SegueError as error:
            await _close(socket, error, language)


class _Session:
    """One accepted socket and its stream."""

    def __init__(self, socket: WebSocket, service: "Service", ask: StreamAsk, language: str) -> None:
        self._socket = socket
        self._language = language
        self._idle_s = service.settings.stream_idle_s
        self._most_samples = _MOST_WAITING_S * (ask.sample_rate or 1)
        self._facts: dict[str, str | float] = {}
        socket.state.facts = self._facts  # for the log, and for traces
        self._outbox: deque[Message] = deque()
        self._news, self._room = asyncio.Event(), asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._has_finished = False  # the page has said so
        self._live: LiveStream = service.stream(ask, self._deliver)

    async def run(self) -> None:
        """Until the stream has ended, or the page is gone. Raises SegueError for what ends it early."""
        tasks = asyncio.ensure_future(self._read()), asyncio.ensure_future(self._write())
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._live.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            _raise_unless_gone(task.exception())

    async def _read(self) -> None:
        """Until the page is gone; after its finish too, or nobody would notice that."""
        while True:
            message = await self._received()
            if message["type"] == "websocket.disconnect":
                return
            if self._has_finished:
                raise RequestInvalid("something came after finish: open another stream for it")
            if message.get("text") == _FINISH:
                self._has_finished = True
                self._live.finish()
                self._news.set()  # from now on it is not waited for without an end
            else:
                self._live.put(_samples(message.get("bytes")))
            while self._is_full():
                self._room.clear()
                await self._soon(self._room)

    async def _received(self) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(None if self._has_finished else self._idle_s):
                return await self._socket.receive()
        except TimeoutError:
            raise RequestTooSlow(f"no audio came for {self._idle_s:g} s: start again") from None

    async def _write(self) -> None:
        is_over = False
        while not is_over:
            await (self._soon(self._news) if self._has_finished else self._news.wait())
            self._news.clear()
            messages = list(self._outbox)
            self._outbox.clear()
            self._room.set()
            if not messages:
                continue
            self._note(messages)
            async with asyncio.timeout(self._idle_s):  # who reads nothing for so long is gone
                await self._socket.send_text(told(messages, self._language))
            is_over = any(isinstance(each, Finished) or (isinstance(each, Failed) and each.final) for each in messages)
        await self._socket.close(1000)

    async def _soon(self, event: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(self._idle_s):
                await event.wait()
        except TimeoutError:
            message = f"what was sent was not detected within {self._idle_s:g} s: start again later"
            raise Overloaded(message, retry_after_s=5) from None

    def _note(self, messages: Iterable[Message]) -> None:
        for message in messages:
            match message:
                case Opened(model, mode) | ModelChanged(_, model, _, mode):
                    self._facts |= {"version": model.version or "", "mode": mode}
                case Finished(duration_ms):
                    self._facts["audio_s"] = duration_ms / 1000

    def _is_full(self) -> bool:
        live = self._live
        return (
            live.waiting_samples > self._most_samples
            or live.waiting_chunks > _MOST_WAITING_CHUNKS
            or len(self._outbox) > _MOST_UNREAD
        )

    def _deliver(self, messages: list[Message]) -> None:
        """From the stream's thread."""
        with suppress(RuntimeError):  # the loop has ended, and with it whoever listened
            self._loop.call_soon_threadsafe(self._arrive, messages)

    def _arrive(self, messages: list[Message]) -> None:
        self._outbox += messages
        self._news.set()
        self._room.set()


def asked(query: Mapping[str, str]) -> StreamAsk:
    """What the page asks for: ``rate`` (Hz), ``policy``, ``mode``, ``preset``. Raises InvalidParameter, InvalidSamples.

    The stream's key is its own, so that a share of a rollout is a share of the streams.
    """
    asked = {name: query[name] for name in ("mode", "preset") if query.get(name)}
    Rules.of({}, ("request", asked))
    try:
        rate, policy = float(query.get("rate", "")), Policy(query.get("policy", Policy.FOLLOW.value))
    except ValueError:
        raise InvalidParameter("rate (in Hz) and policy (follow, at-silence, pin) are what the page asks") from None
    return StreamAsk(
        uuid.uuid4().hex,
        sample_rate=check_rate(rate, name="rate"),
        asked=asked,
        policy=policy,
        probabilities=True,
    )


def _samples(data: bytes | None) -> "np.ndarray[Any, np.dtype[np.int16]]":
    """Of one message. Raises RequestInvalid, RequestTooLarge."""
    if data is None or len(data) % 2:
        raise RequestInvalid(f"a message is int16 samples or the text {_FINISH}")
    if len(data) > _MOST_BYTES:
        raise RequestTooLarge(f"a message has {len(data)} bytes, of at most {_MOST_BYTES}")
    return np.frombuffer(data, np.dtype("<i2"))


def _raise_unless_gone(error: BaseException | None) -> None:
    """A page that went away, or reads nothing, ends its stream and is no fault."""
    if isinstance(error, SegueError):  # some are RuntimeErrors or OSErrors too
        raise error
    if error is not None and not isinstance(error, WebSocketDisconnect | TimeoutError | RuntimeError | OSError):
        raise error


async def _close(socket: WebSocket, error: SegueError, language: str) -> None:
    """Say what went wrong, and close."""
    with suppress(WebSocketDisconnect, RuntimeError, OSError, TimeoutError):  # it is gone, or reads nothing
        async with asyncio.timeout(_LAST_WORDS_S):
            await socket.send_text(told([Failed(error, final=True)], language))
            await socket.close(_REFUSED, reason=error.code)


# -- what is said --------------------------------------------------------------------------------------------------


def told(messages: Iterable[Message], language: str) -> str:
    """News as the page reads it: a JSON array, failures in the page's language."""
    return json.dumps([_fields(message, language) for message in messages], ensure_ascii=False)


def _fields(message: Message, language: str) -> dict[str, Any]:
    match message:
        case SpeechStarted(at_ms):
            return {"type": "started", "at_ms": at_ms}
        case SpeechEnded(segment):
            return {"type": "ended", "start_ms": segment.start_ms, "end_ms": segment.end_ms}
        case Probabilities(from_ms, frame_ms, values):
            rounded = [round(value, 3) for value in values.tolist()]
            return {"type": "scores", "from_ms": from_ms, "frame_ms": frame_ms, "values": rounded}
        case Opened(model, mode, _, preset):
            return {"type": "opened", **_model(model), "mode": mode, "preset": preset}
        case ModelChanged(before, after, at_ms, mode, preset):
            changed = {"type": "changed", "at_ms": at_ms, "before": before.version or ""}
            return {**changed, **_model(after), "mode": mode, "preset": preset}
        case Finished(duration_ms):
            return {"type": "finished", "duration_ms": duration_ms}
        case Failed(error, final):
            return {"type": "failed", "text": failure(error, language), "code": error.code, "final": final}


def _model(model: ModelIdentity) -> dict[str, str]:
    return {"model": str(model), "version": model.version or ""}


def failure(error: SegueError, language: str) -> str:
    """What is said of an error; its own line is in English."""
    known = TABLES["failures"]
    return Words(language, "failures")(error.code if error.code in known else "other", detail=one_line(error))
