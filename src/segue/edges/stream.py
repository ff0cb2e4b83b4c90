"""``WS /v1/stream``: live audio in, events out. Binary messages are audio, text messages are JSON.

Two coroutines a socket: one reads, and stops reading while much waits to be detected or to be read by the client, so
that neither a fast nor a slow client costs memory; the other writes what the stream's thread leaves in the outbox.
Nothing is waited for without an end: not for audio, nor for its being detected, nor for the client to read.
"""

import asyncio
import json
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from fastapi import APIRouter, WebSocket
from numpy.typing import NDArray
from starlette.websockets import WebSocketDisconnect

from segue.errors import (
    InferenceFailed,
    InvalidParameter,
    NotReady,
    Overloaded,
    Refusal,
    RequestTooSlow,
    RequestUnsupported,
    SegueError,
    ShuttingDown,
    StreamFinished,
    VersionNotReady,
    one_line,
)
from segue.service import Policy, StreamAsk
from segue.service.caller import client_of
from segue.service.streams import Failed, Finished, Message, ModelChanged, Opened, Probabilities
from segue.speech.detection import ModelIdentity
from segue.speech.funasr import live_pairs
from segue.speech.rules import ASKABLE, Rules
from segue.speech.samples import check_rate
from segue.speech.segmenter import Event, SpeechEnded, SpeechStarted

if TYPE_CHECKING:
    from segue.service import LiveStream, Service

router = APIRouter(prefix="/v1")

_MOST_WAITING_S = 10
"""Audio that may wait to be detected before the socket is not read any more."""
_MOST_WAITING_CHUNKS = 1_000
"""And in how many messages."""
_MOST_UNREAD = 256
"""Messages that may wait for the client to read them."""
_LAST_WORDS_S = 2.0
"""How long the reason of an early end may take to be read."""
_DTYPES: Mapping[str, np.dtype[Any]] = {"pcm16": np.dtype("<i2"), "float32": np.dtype("<f4")}
_NAMES = ("sample_rate", "encoding", "policy", "deadline_s", "probabilities", "key", "format", *ASKABLE)
_BEARER = "bearer."

_Told: TypeAlias = "Message | list[Event]"
_Tell: TypeAlias = Callable[[_Told], str]
"""How a message goes out; empty text does not."""


@router.websocket("/stream")
async def stream(socket: WebSocket) -> None:
    """One live stream; see docs/streaming.md for every message. Raises Unauthorized, before it is accepted."""
    service: Service = socket.app.state.service
    token, protocol = _credentials(socket)
    service.access.detection(token, send="send Authorization: Bearer TOKEN, or the subprotocol bearer.TOKEN")
    await socket.accept(subprotocol=protocol)
    try:
        ask, dtype = _asked(socket)
        tell = _text if _form(socket.query_params, ask) == "segue" else partial(_funasr_text, ask.key)
        if not service.ready:
            raise NotReady(service.waits_for)
        with service.admit_stream(client_of(socket.scope)):
            await _Session(socket, service, ask, dtype, tell).run()
    except SegueError as error:
        await _close(socket, error)


class _Session:
    """One accepted socket and its stream."""

    def __init__(
        self, socket: WebSocket, service: "Service", ask: StreamAsk, dtype: np.dtype[Any], tell: "_Tell"
    ) -> None:
        self._socket = socket
        self._tell = tell
        self._idle_s = service.settings.stream_idle_s
        self._dtype = dtype
        self._rate = self._given_samples = 0  # Hz once it is known, and what came
        self._facts: dict[str, str | float] = {}
        socket.state.facts = self._facts  # for the log, and for traces
        self._torn = b""  # of a sample that came in two messages
        self._outbox: deque[_Told] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._most_samples = _MOST_WAITING_S * (ask.sample_rate or 16_000)
        self._loop = asyncio.get_running_loop()
        self._has_finished = False  # the client has said so
        self._is_stopped = False
        self._live: LiveStream = service.stream(ask, self._deliver)

    async def run(self) -> None:
        """Until the stream has ended, or the client is gone. Raises SegueError for what ends it early."""
        tasks = asyncio.ensure_future(self._read()), asyncio.ensure_future(self._write())
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._live.close()
            if self._rate:
                self._facts["audio_s"] = round(self._given_samples / self._rate, 3)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            _raise_unless_gone(task.exception())

    async def _read(self) -> None:
        """Until the client is gone; after its finish too, or nobody would notice that."""
        while True:
            message = await self._received()
            if message["type"] == "websocket.disconnect":
                return
            if (data := message.get("bytes")) is None:
                _check_finish(message.get("text") or "")
                self._has_finished = True
                self._news.set()  # from now on it is not waited for without an end
                self._live.finish()
            elif self._has_finished:
                raise StreamFinished("audio came after finish: open another stream for it")
            elif len(samples := self._samples(data)):
                self._live.put(samples)
                self._given_samples += len(samples)
            await self._room_again()

    async def _received(self) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(None if self._has_finished else self._idle_s):
                return await self._socket.receive()
        except TimeoutError:
            raise RequestTooSlow(f"no audio came for {self._idle_s:g} s: send silence, or open another") from None

    async def _room_again(self) -> None:
        while self._is_full():
            self._room.clear()
            await self._soon(self._room)

    async def _soon(self, event: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(self._idle_s):
                await event.wait()
        except TimeoutError:
            message = f"what was sent was not detected within {self._idle_s:g} s: open the stream again later"
            raise Overloaded(message, retry_after_s=5) from None

    async def _write(self) -> None:
        while True:
            await (self._soon(self._news) if self._has_finished else self._news.wait())
            self._news.clear()
            while self._outbox:
                message = self._outbox.popleft()
                self._note(message)
                self._is_stopped |= isinstance(message, Failed) and isinstance(message.error, ShuttingDown)
                if isinstance(message, Failed) and message.final:
                    raise message.error
                async with asyncio.timeout(self._idle_s):  # who reads nothing for so long is gone
                    if text := self._tell(message):
                        await self._socket.send_text(text)
                if isinstance(message, Finished):
                    await self._socket.close(1012 if self._is_stopped else 1000)
                    return
                self._room.set()

    def _deliver(self, messages: list[Message]) -> None:
        """From the stream's thread."""
        with suppress(RuntimeError):  # the loop has ended, and with it whoever listened
            self._loop.call_soon_threadsafe(self._arrive, messages)

    def _arrive(self, messages: list[Message]) -> None:
        self._outbox += messages if self._tell is _text else _gathered(messages)
        self._news.set()
        self._room.set()

    def _note(self, message: "_Told") -> None:
        match message:
            case Opened(model, mode, rate):
                self._rate = rate
                self._facts |= {"version": model.version or "", "mode": mode}
            case ModelChanged(_, after, _, mode):
                self._facts |= {"version": after.version or "", "mode": mode}

    def _is_full(self) -> bool:
        live = self._live
        return (
            live.waiting_samples > self._most_samples
            or live.waiting_chunks > _MOST_WAITING_CHUNKS
            or len(self._outbox) > _MOST_UNREAD
        )

    def _samples(self, data: bytes) -> NDArray[Any]:
        data = self._torn + data
        whole = len(data) // self._dtype.itemsize * self._dtype.itemsize
        self._torn = data[whole:]
        return np.frombuffer(data, self._dtype, whole // self._dtype.itemsize)


def _raise_unless_gone(error: BaseException | None) -> None:
    """A client that went away, or reads nothing, ends its stream and is no fault."""
    if error is not None and not isinstance(error, WebSocketDisconnect | TimeoutError | RuntimeError | OSError):
        raise error
    if isinstance(error, SegueError):  # some are RuntimeErrors or OSErrors too
        raise error


def _check_finish(text: str) -> None:
    """Raise RequestUnsupported unless the text says that no audio follows."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    if said != {"type": "finish"}:
        raise RequestUnsupported(
            'a text message can only be {"type": "finish"}; audio is sent in binary messages (pcm16 or float32)'
        )


# -- the handshake -------------------------------------------------------------------------------------------------


def _credentials(socket: WebSocket) -> tuple[str | None, str | None]:
    """The token of the header, or of a subprotocol ``bearer.TOKEN``; and the subprotocol to accept."""
    scheme, _, token = socket.headers.get("authorization", "").partition(" ")
    offered: list[str] = socket.scope.get("subprotocols") or []
    bearer = next((name for name in offered if name.startswith(_BEARER)), None)
    plain = next((name for name in offered if not name.startswith(_BEARER)), bearer)
    if scheme.lower() == "bearer":
        return token.strip(), plain
    return (bearer.removeprefix(_BEARER) if bearer else None), plain


def _asked(socket: WebSocket) -> tuple[StreamAsk, np.dtype[Any]]:
    """What the query asks for. Raises InvalidParameter, InvalidSamples."""
    given = dict(socket.query_params)
    if unknown := [name for name in given if name not in _NAMES]:
        raise InvalidParameter(f"{unknown[0]} is not a parameter of a stream; they are {', '.join(_NAMES)}")
    encoding = given.get("encoding", "pcm16")
    if encoding not in _DTYPES:
        raise InvalidParameter(f"encoding={encoding!r}: one of {', '.join(_DTYPES)}")
    rate = given.get("sample_rate")
    asked: Mapping[str, object] = {name: given[name] for name in ASKABLE if name in given}
    Rules.of({}, ("request", asked))
    ask = StreamAsk(
        key=socket.headers.get("x-segue-key") or given.get("key") or uuid.uuid4().hex,
        sample_rate=None if rate is None else check_rate(_number("sample_rate", rate), name="sample_rate"),
        asked=asked,
        policy=_policy(given.get("policy", Policy.FOLLOW.value)),
        deadline_s=_number("deadline_s", given["deadline_s"]) if "deadline_s" in given else None,
        probabilities=_flag("probabilities", given.get("probabilities", "false")),
    )
    return ask, _DTYPES[encoding]


def _form(query: Mapping[str, str], ask: StreamAsk) -> str:
    """In which form is told: ours, or FunASR's, which has no room for all of it. Raises InvalidParameter."""
    form = query.get("format", "segue")
    if form not in ("segue", "funasr"):
        raise InvalidParameter(f"format={form!r}: one of segue, funasr")
    if form == "funasr" and ask.probabilities:
        raise InvalidParameter("format=funasr cannot hold probabilities: leave one of them out")
    return form


def _policy(text: str) -> Policy:
    try:
        return Policy(text)
    except ValueError:
        known = ", ".join(policy.value for policy in Policy)
        raise InvalidParameter(f"policy={text!r}: one of {known}") from None


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1e7:
        raise InvalidParameter(f"{name}={text!r}: a number from 0 to 10000000 is wanted")
    return number


def _flag(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise InvalidParameter(f"{name}={text!r}: true or false is wanted")
    return text.lower() in ("true", "1")


# -- what is said --------------------------------------------------------------------------------------------------


async def _close(socket: WebSocket, error: SegueError) -> None:
    """Say what went wrong, and close with the code that says whose turn it is."""
    code = 1008
    if isinstance(error, ShuttingDown):
        code = 1012
    elif isinstance(error, NotReady | VersionNotReady | Refusal):
        code = 1013
    elif isinstance(error, InferenceFailed):
        code = 1011
    elif isinstance(error, RequestUnsupported):
        code = 1003
    with suppress(WebSocketDisconnect, RuntimeError, OSError, TimeoutError):  # it is gone, or reads nothing
        async with asyncio.timeout(_LAST_WORDS_S):
            await socket.send_text(_text(Failed(error, final=True)))
            await socket.close(code, reason=error.code)


def _text(message: _Told) -> str:
    assert not isinstance(message, list)  # events are gathered for FunASR's form only
    return json.dumps(_fields(message), ensure_ascii=False)


def _gathered(messages: list[Message]) -> list[_Told]:
    """Events that came together as one: a start and its end are then one pair in FunASR's form."""
    gathered: list[_Told] = []
    for message in messages:
        if not isinstance(message, SpeechStarted | SpeechEnded):
            gathered.append(message)
        elif gathered and isinstance(gathered[-1], list):
            gathered[-1].append(message)
        else:
            gathered.append([message])
    return gathered


def _funasr_text(key: str, message: _Told) -> str:
    """FunASR's form has segments only. What went wrong is said all the same, for it must not look like silence."""
    if isinstance(message, list):
        return json.dumps({"key": key, "value": live_pairs(message)}, ensure_ascii=False)
    return _text(message) if isinstance(message, Failed) else ""


def _fields(message: Message) -> dict[str, Any]:
    match message:
        case SpeechStarted(at_ms):
            return {"type": "speech_started", "at_ms": at_ms}
        case SpeechEnded(segment):
            return {"type": "speech_ended", "start_ms": segment.start_ms, "end_ms": segment.end_ms}
        case Probabilities(from_ms, frame_ms, values):
            rounded = [round(value, 6) for value in values.tolist()]
            return {"type": "probabilities", "from_ms": from_ms, "frame_ms": frame_ms, "values": rounded}
        case Opened(model, mode, rate, preset):
            return {"type": "ready", "model": _model(model), **_decisions(mode, preset), "sample_rate": rate}
        case ModelChanged(before, after, at_ms, mode, preset):
            changed = {"from": before.version, "to": after.version, "at_ms": at_ms, **_decisions(mode, preset)}
            return {"type": "model_changed", **changed, "model": _model(after)}
        case Finished(duration_ms):
            return {"type": "finished", "duration_ms": duration_ms}
        case Failed(error, final):
            return {"type": "error", "code": error.code, "message": one_line(error), "final": final}


def _decisions(mode: str, preset: str) -> dict[str, str]:
    return {"mode": mode, "preset": preset} if preset else {"mode": mode}


def _model(model: ModelIdentity) -> dict[str, Any]:
    return {"id": model.id, "revision": model.revision, "version": model.version, "digest": model.digest}
