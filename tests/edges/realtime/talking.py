"""A session as its client sees it: the one of the package openai, or a bare WebSocket."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray
from openai import OpenAI
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from segue.edges.realtime.turn_detection import TurnDetection
from segue.speech.detector import Detector
from segue.speech.segmenter import Event, SpeechStarted
from segue.speech.stream import DetectorStream
from tests.edges.streaming import PATIENCE_S, Running

RATE = 24_000


def at_rate(samples: NDArray[np.float32], rate: int = RATE) -> NDArray[np.int16]:
    """16 kHz -> pcm16 of another rate."""
    resampled: NDArray[np.float32] = soxr.resample(samples, 16_000, rate)
    return np.round(np.clip(resampled, -1, 1) * 32767).astype(np.int16)


def encoded(data: bytes) -> str:
    """As an append has it."""
    return base64.b64encode(data).decode()


def said(
    detector: Detector, audio: NDArray[np.int16], turns: TurnDetection, *, rate: int = RATE
) -> list[tuple[str, int]]:
    """What our own detector says of it before its end, under the same rules."""
    stream = DetectorStream(detector.scorer, detector.rules, sample_rate=rate, asked=turns.asked)
    return [pair(event) for event in stream.accept(audio)]


def pair(event: Event) -> tuple[str, int]:
    """Which of the two, and when."""
    return ("started", event.at_ms) if isinstance(event, SpeechStarted) else ("stopped", event.segment.end_ms)


def told(events: Sequence[Any]) -> list[tuple[str, int]]:
    """What a client was told, of the package's events or of plain ones."""
    found = []
    for event in events:
        plain = event if isinstance(event, Mapping) else event.to_dict()
        if plain["type"] == "input_audio_buffer.speech_started":
            found.append(("started", plain["audio_start_ms"]))
        elif plain["type"] == "input_audio_buffer.speech_stopped":
            found.append(("stopped", plain["audio_end_ms"]))
    return found


def client(server: Running, *, token: str = "none") -> OpenAI:
    """The package's client, pointed at the service."""
    place = f"{server.host}:{server.port}/v1"
    return OpenAI(api_key=token, base_url=f"http://{place}", websocket_base_url=f"ws://{place}")


def hear(connection: Any, kind: str) -> list[Any]:
    """Of a client of the package: all up to the first event of a type, that one included."""
    found = [connection.recv()]
    while found[-1].type != kind:
        found.append(connection.recv())
    return found


class Raw:
    """A bare WebSocket that speaks JSON."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.told: list[dict[str, Any]] = []

    def send(self, kind: str, **fields: Any) -> None:
        self.connection.send(json.dumps({"type": kind, **fields}))

    def append(self, audio: NDArray[np.int16] | bytes, *, pieces: int = 0) -> None:
        """All of it, in events of so many bytes."""
        data = audio if isinstance(audio, bytes) else audio.tobytes()
        for at in range(0, len(data), pieces or len(data)):
            self.send("input_audio_buffer.append", audio=encoded(data[at : at + (pieces or len(data))]))

    def hear(self, kind: str) -> dict[str, Any]:
        """The next event of that type; what comes before it is written down too."""
        while True:
            event: dict[str, Any] = json.loads(self.connection.recv(PATIENCE_S))
            self.told.append(event)
            if event["type"] == kind:
                return event

    def clear(self) -> None:
        """Wait until all that was sent is decided."""
        self.send("input_audio_buffer.clear")
        self.hear("input_audio_buffer.cleared")

    def hear_all(self) -> int | None:
        """All that is said until the end; the close code."""
        try:
            while True:
                self.told.append(json.loads(self.connection.recv(PATIENCE_S)))
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.told if event["type"] == kind]


@contextmanager
def raw(server: Running, query: str = "", *, protocols: Sequence[str] = (), **headers: str) -> Iterator[Raw]:
    """A session, for the length of a block."""
    url = f"ws://{server.host}:{server.port}/v1/realtime{'?' if query else ''}{query}"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    spoken: Any = list(protocols) or None
    with connect(url, subprotocols=spoken, additional_headers=named, compression=None) as connection:
        yield Raw(connection)
