"""Who uses a service while it changes: clients that send files, and live streams. All that they saw is kept."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np
import requests
import soxr
from numpy.typing import NDArray
from websockets.asyncio.client import connect

from scripts.speech import Samples
from tests.e2e.server import Server

RATE = 16_000
TIMEOUT_S = 100.0


@dataclass(frozen=True, slots=True)
class Answered:
    """One request for a recording: ``number`` of the recording, what was asked, what came."""

    number: int
    asked: Mapping[str, str]
    began_s: float
    ended_s: float
    status: int
    body: Any
    """JSON; the text of what went wrong where the connection broke (status 0)."""
    key: str = ""


class FileClients:
    """Threads that send one recording after the other, each on a connection of its own, while the block lasts.

    Nothing is tried again: whatever does not succeed is in ``answers``. ``key``: of a client's request, by their
    numbers; none where it is empty. ``every_s``: from one request of a client to its next one, where that is longer
    than the answer takes.
    """

    def __init__(
        self,
        server: Server,
        recordings: Sequence[bytes],
        asks: Sequence[Mapping[str, str]],
        *,
        clients: int,
        key: Callable[[int, int], str] = lambda _client, _request: "",
        every_s: float = 0.0,
    ) -> None:
        self.answers: list[Answered] = []
        self._server = server
        self._recordings = recordings
        self._asks = asks
        self._key = key
        self._every_s = every_s
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._client, args=(number,)) for number in range(clients)]

    def __enter__(self) -> "FileClients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(TIMEOUT_S)

    def _client(self, client: int) -> None:
        at, count, began_s = client, 0, time.monotonic() + self._every_s * client / len(self._threads)
        with requests.Session() as session:
            while not self._stop.wait(max(0.0, began_s - time.monotonic()) if self._every_s else 0):
                asked, key = self._asks[at % len(self._asks)], self._key(client, count)
                self.answers.append(self._send(session, at % len(self._recordings), asked, key))
                at, count, began_s = at + 7, count + 1, began_s + self._every_s
                # All recordings with all asks, in the end: their numbers have no factor 7.

    def _send(self, session: requests.Session, number: int, asked: Mapping[str, str], key: str) -> Answered:
        began_s = time.time()
        body: Any
        try:
            answer = session.post(
                f"{self._server.url}/v1/detect",
                self._recordings[number],
                params=dict(asked),
                headers={"X-Segue-Key": key} if key else {},
                timeout=TIMEOUT_S,
            )
            status, body = answer.status_code, answer.json()
        except (requests.RequestException, ValueError) as error:
            status, body = 0, repr(error)
        return Answered(number, asked, began_s, time.time(), status, body, key)


@dataclass(frozen=True, slots=True)
class Live:
    """How a live stream speaks: ``speed`` times real time, in chunks, from its own place in a track that goes round."""

    query: Mapping[str, str] = field(default_factory=dict)
    chunk_ms: float = 200
    speed: float = 1.0
    rate: int = RATE
    encoding: str = "pcm16"
    start_s: float = 0.0

    @property
    def chunk(self) -> int:
        """Samples of a chunk."""
        return max(1, round(self.chunk_ms * self.rate / 1000))


class Heard:
    """One live stream: what it sent, and what it was told."""

    def __init__(self, live: Live, track: NDArray[Any]) -> None:
        """``track`` as ``encoded`` makes it."""
        self.live = live
        self._track = track
        self.sent_samples = 0
        self.messages: list[dict[str, Any]] = []
        self.version = ""
        """Which decides now."""
        self.close_code: int | None = None
        self.failure = ""

    @property
    def audio(self) -> NDArray[Any]:
        """All that it sent."""
        return self._slice(0, self.sent_samples)

    @property
    def policy(self) -> str:
        """When it follows a change."""
        return self.live.query.get("policy", "follow")

    def next_chunk(self, samples: int | None = None) -> bytes:
        """What is to be sent next."""
        samples = self.live.chunk if samples is None else samples
        self.sent_samples += samples
        return self._slice(self.sent_samples - samples, samples).tobytes()

    def hear(self, message: dict[str, Any]) -> None:
        """Keep what the server said."""
        self.messages.append(message)
        if message["type"] == "ready":
            self.version = message["model"]["version"]
        elif message["type"] == "model_changed":
            self.version = message["to"]

    def _slice(self, start: int, samples: int) -> NDArray[Any]:
        start += round(self.live.start_s * self.live.rate)
        return np.take(self._track, np.arange(start, start + samples), mode="wrap")


def encoded(track: Samples, rate: int, encoding: str) -> NDArray[Any]:
    """What a stream of this rate and encoding sends of a track at ``RATE``."""
    at_rate = track if rate == RATE else np.asarray(soxr.resample(track, RATE, rate), np.float32)
    return (at_rate * 32767).round().astype("<i2") if encoding == "pcm16" else at_rate.astype("<f4")


class LiveStreams:
    """Live streams, in one thread: opened when the block is entered, finished at its end."""

    def __init__(self, server: Server, lives: Sequence[Live], track: Samples) -> None:
        tracks = {form: encoded(track, *form) for form in {(live.rate, live.encoding) for live in lives}}
        self.heard = [Heard(live, tracks[live.rate, live.encoding]) for live in lives]
        self._server = server
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> "LiveStreams":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(TIMEOUT_S)

    def all(self, holds: Callable[[Heard], bool]) -> bool:
        """Whether it holds for every stream, or one has failed."""
        return all(map(holds, self.heard)) or any(heard.failure for heard in self.heard)

    async def _run(self) -> None:
        await asyncio.gather(*(self._stream(heard) for heard in self.heard))

    async def _stream(self, heard: Heard) -> None:
        try:
            await self._speak(heard)
        except Exception as error:  # noqa: BLE001 -- whatever breaks a stream is what the test is after
            heard.failure = repr(error)

    async def _speak(self, heard: Heard) -> None:
        live, loop = heard.live, asyncio.get_running_loop()
        url = self._server.websocket_url(sample_rate=live.rate, encoding=live.encoding, **live.query)
        async with connect(url, open_timeout=TIMEOUT_S, ping_interval=None, compression=None) as socket:
            listening = asyncio.ensure_future(self._listen(heard, socket))
            try:
                began_s, chunks = loop.time(), 0
                while not self._stop.is_set() and not listening.done():
                    await socket.send(heard.next_chunk())
                    chunks += 1
                    await asyncio.sleep(began_s + chunks * live.chunk_ms / 1000 / live.speed - loop.time())
                if not listening.done():
                    await socket.send('{"type": "finish"}')
                await asyncio.wait_for(listening, TIMEOUT_S)
            finally:
                listening.cancel()
        heard.close_code = socket.close_code

    async def _listen(self, heard: Heard, socket: Any) -> None:
        async for message in socket:
            heard.hear(json.loads(message))
