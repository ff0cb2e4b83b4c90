"""One accepted socket and its live stream.

Two coroutines a socket, as at ``/v1/stream``: one reads, and stops reading while much waits to be detected or to be
read by the client; the other writes what is in the outbox. Nothing is waited for without an end.

What a client orders is answered in the order of the audio: it goes through the live stream as a mark, behind the audio
that came before it. The stream is given audio from when turns are first detected on; until then there is nothing to
wait for, and a client that says itself where its turns end costs no inference.
"""

import asyncio
import json
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from fastapi import WebSocket
from pydantic import ValidationError
from starlette.websockets import WebSocketDisconnect

from segue.edges.realtime.configuration import Configuration
from segue.edges.realtime.events import Event, event, failed, invalid, model_changed, refused, shown
from segue.edges.realtime.turn_detection import TurnDetection
from segue.edges.realtime.turns import Turns
from segue.errors import Overloaded, RequestTooSlow, SegueError, ShuttingDown
from segue.service import Ask, StreamAsk
from segue.service.streams import Failed, Finished, Message, ModelChanged, Opened
from segue.speech.segmenter import SpeechEnded, SpeechStarted

if TYPE_CHECKING:
    from segue.service import Description, LiveStream, Service

_MOST_WAITING_S = 10
"""Audio that may wait to be detected before the socket is not read any more."""
_MOST_WAITING_CHUNKS = 1_000
"""And in how many messages."""
_MOST_UNREAD = 256
"""Events that may wait for the client to read them."""
_MOST_ID = 512
"""Characters of an event's ID that an error comes back with."""

_UPDATES = {"session.update": "session.updated", "transcription_session.update": "transcription_session.updated"}
_BUFFER = "input_audio_buffer."
_KNOWN = (*_UPDATES, *(f"{_BUFFER}{verb}" for verb in ("append", "commit", "clear")))


class Session:
    """``key`` decides the side in a canary; ``created`` is the type of its first event."""

    def __init__(
        self,
        socket: WebSocket,
        service: "Service",
        configuration: Configuration,
        *,
        session_id: str,
        key: str,
        described: "Description",
        created: str,
    ) -> None:
        self._socket = socket
        self._service = service
        self._idle_s = service.settings.stream_idle_s
        self._id, self._key = session_id, key
        self._configuration = configuration  # as asked for; the stream may not have come that far
        self._described = described
        turns_on = configuration.turn_detection is not None
        self._turns = Turns(is_on=turns_on, is_beta=configuration.is_beta)
        self._facts: dict[str, str | float] = {"version": described.model.version or ""}
        socket.state.facts = self._facts  # for the log, and for traces
        self._torn = b""  # of a sample that came in two messages
        self._samples = 0  # of all audio that came
        self._outbox: deque[Event | SegueError | None] = deque()  # an error ends the session, and None its stream's end
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._is_stopped = False
        self._is_fed = False  # the stream is given audio
        self._fed_from_ms = 0  # and where in the session that begins
        self._live: LiveStream = self._listen()
        self._say([event(created, session=self._shown())])

    async def run(self) -> None:
        """Until the client is gone. Raises SegueError for what ends it early."""
        tasks = asyncio.ensure_future(self._read()), asyncio.ensure_future(self._write())
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._live.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._facts["audio_s"] = self._at_ms / 1000
        for task in done:
            _raise_unless_gone(task.exception())

    # -- reading ---------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        while True:
            message = await self._received()
            if message["type"] == "websocket.disconnect":
                return
            self._take(message.get("text"))
            await self._room_again()

    async def _received(self) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(self._idle_s):
                return await self._socket.receive()
        except TimeoutError:
            raise RequestTooSlow(f"no event came for {self._idle_s:g} s: send silence, or open another") from None

    async def _room_again(self) -> None:
        while self._is_full():
            self._room.clear()
            try:
                async with asyncio.timeout(self._idle_s):
                    await self._room.wait()
            except TimeoutError:
                message = f"what was sent was not detected within {self._idle_s:g} s: open the session again later"
                raise Overloaded(message, retry_after_s=5) from None

    def _is_full(self) -> bool:
        live = self._live
        return (
            live.waiting_samples > _MOST_WAITING_S * self._configuration.audio_format.rate
            or live.waiting_chunks > _MOST_WAITING_CHUNKS
            or len(self._outbox) > _MOST_UNREAD
        )

    def _take(self, text: str | None) -> None:
        """Do what an event asks for; what is none is answered with an error, and the session goes on."""
        try:
            given = json.loads(text or "")
        except (ValueError, RecursionError):
            given = None
        if not isinstance(given, dict):
            self._say([refused(f"{shown(text)}: an event is a JSON object in a text message", code="invalid_json")])
            return
        event_id = given.get("event_id")
        event_id = event_id[:_MOST_ID] if isinstance(event_id, str) else None
        kind = given.get("type")
        if kind == f"{_BUFFER}append":
            self._append(given.get("audio"), event_id)
        elif kind == f"{_BUFFER}commit":
            at_ms = self._at_ms
            self._in_turn(lambda: self._turns.commit(at_ms, event_id=event_id))
        elif kind == f"{_BUFFER}clear":
            at_ms = self._at_ms
            self._in_turn(lambda: self._turns.clear(at_ms))
        elif isinstance(kind, str) and kind in _UPDATES:
            self._update(given.get("session"), _UPDATES[kind], event_id)
        else:
            message = f"type={shown(kind)}: this service takes {', '.join(_KNOWN)}; it detects speech, and no more"
            self._say([refused(message, code="invalid_value", param="type", event_id=event_id)])

    def _append(self, audio: object, event_id: str | None) -> None:
        try:
            data = b64decode(audio, validate=True) if isinstance(audio, str) else None
        except ValueError:
            data = None
        if data is None:
            message = f"audio={shown(audio)}: base64 of {self._configuration.audio_format.beta} is wanted"
            self._say([refused(message, code="invalid_value", param="audio", event_id=event_id)])
            return
        audio_format = self._configuration.audio_format
        data = self._torn + data
        whole = len(data) // audio_format.sample_bytes * audio_format.sample_bytes
        self._torn = data[whole:]
        samples = audio_format.samples(data[:whole])
        if not len(samples):
            return
        if not self._is_fed and self._configuration.turn_detection is not None:
            self._is_fed, self._fed_from_ms = True, self._at_ms
        self._samples += len(samples)
        if self._is_fed:
            self._live.put(samples)

    def _listen(self) -> "LiveStream":
        turns = self._configuration.turn_detection or TurnDetection()
        ask = StreamAsk(key=self._key, sample_rate=self._configuration.audio_format.rate, asked=turns.asked)
        return self._service.stream(ask, self._deliver)

    @property
    def _at_ms(self) -> int:
        """How much audio came, in whole milliseconds."""
        return self._samples * 1000 // self._configuration.audio_format.rate

    def _update(self, given: object, answer: str, event_id: str | None) -> None:
        try:
            wanted = self._configuration.updated(given)
        except ValidationError as error:
            self._say([invalid(error, within="session", event_id=event_id)])
            return
        if wanted.audio_format != self._configuration.audio_format and (self._samples or self._torn):
            message = "the format of the audio is settled with the first of it: open another session for another one"
            self._say([refused(message, code="format_settled", param="session.audio.input.format", event_id=event_id)])
            return
        is_other = wanted.audio_format != self._configuration.audio_format
        self._configuration, at_ms = wanted, self._at_ms
        if is_other:
            self._live.close()
            self._live = self._listen()
        turns = wanted.turn_detection

        def adjusted() -> Sequence[Event]:
            said = self._turns.adjust(at_ms, is_on=turns is not None, is_beta=wanted.is_beta)
            return [event(answer, session=self._shown(wanted)), *said]

        self._in_turn(adjusted, asked=turns.asked if turns else None)

    def _in_turn(self, act: Callable[[], Sequence[Event]], *, asked: Mapping[str, object] | None = None) -> None:
        """Act when all audio before is decided, and say what follows from it."""
        if self._is_fed:
            self._live.mark(lambda _: self._call(lambda: self._say(act())), asked=asked)
            return
        self._say(act())
        if asked is not None:
            self._live.mark(lambda _: None, asked=asked)

    # -- from the stream -------------------------------------------------------------------------------------------

    def _deliver(self, messages: list[Message]) -> None:
        """From the stream's thread."""
        self._call(lambda: self._hear(messages))

    def _call(self, act: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop has ended, and with it whoever listened
            self._loop.call_soon_threadsafe(act)

    def _hear(self, messages: list[Message]) -> None:
        for message in messages:
            match message:
                case Opened(model, mode):
                    self._facts |= {"version": model.version or "", "mode": mode}
                case SpeechStarted(at_ms):
                    self._say(self._turns.started(self._fed_from_ms + at_ms))
                case SpeechEnded(segment):
                    self._say(self._turns.ended(self._fed_from_ms + segment.end_ms))
                case ModelChanged(before, after, at_ms, mode):
                    self._facts |= {"version": after.version or "", "mode": mode}
                    self._say([model_changed(before, after, at_ms=self._fed_from_ms + at_ms)])
                case Failed(error, final):
                    self._is_stopped |= isinstance(error, ShuttingDown)
                    self._outbox.append(error if final else failed(error))
                case Finished():
                    self._outbox.append(None)
                case _:
                    pass
        self._news.set()
        self._room.set()  # also when a round brought nothing

    # -- writing ---------------------------------------------------------------------------------------------------

    def _say(self, said: Sequence[Event]) -> None:
        self._outbox += said
        self._news.set()

    async def _write(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._outbox:
                said = self._outbox.popleft()
                if isinstance(said, SegueError):
                    raise said
                if said is None:
                    await self._socket.close(1012 if self._is_stopped else 1000)
                    return
                async with asyncio.timeout(self._idle_s):  # who reads nothing for so long is gone
                    await self._socket.send_text(json.dumps(said))
                self._room.set()

    def _shown(self, configuration: Configuration | None = None) -> Mapping[str, Any]:
        """The session as it is, on the version that would decide now."""
        configuration = configuration or self._configuration
        turns = configuration.turn_detection
        with suppress(SegueError):  # nothing serves at the moment: what was known last
            self._described = self._service.describe(Ask(self._key, asked=turns.asked if turns else {}))
        return configuration.shown(self._id, self._described.model, self._described.rules)


def _raise_unless_gone(error: BaseException | None) -> None:
    """A client that went away, or reads nothing, ends its session and is no fault."""
    if error is not None and not isinstance(error, WebSocketDisconnect | TimeoutError | RuntimeError | OSError):
        raise error
    if isinstance(error, SegueError):  # some are RuntimeErrors or OSErrors too
        raise error
