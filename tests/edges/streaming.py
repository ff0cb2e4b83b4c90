"""A real service of voices behind the real server, and a client that writes down what it is told."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from segue.edges.serve import command as serve
from segue.service import Service
from segue.service.engine import Engine
from segue.settings import read_settings
from segue.speech.detection import ModelIdentity
from segue.speech.detector import Detector
from segue.speech.rules import Rules
from segue.swap import ModelSpec, Resolved, Route, VersionId
from tests.service.voices import QUICK, Trouble, Voice, Weights

PATIENCE_S = 20.0
USUAL = Weights(0.3)


class VoiceService(Service):
    """Its versions are voices, by name; ``troubles`` tells one to fail."""

    def __init__(self, home: Path, *, is_open: bool = True, **settings: Any) -> None:
        self.weights: dict[str, Weights] = {}
        self.troubles: dict[str, Trouble] = {}
        self.detectors: dict[str, Detector] = {}  # of those that are no voices, but real
        super().__init__(read_settings(home=home, bake_s=0.0, **settings), is_open=is_open)

    def prepared(self, name: str, weights: Weights = USUAL, **options: Any) -> VersionId:
        """A version, ready."""
        self.weights[name] = weights
        self.troubles.setdefault(name, Trouble())
        version = self.board.add(Resolved(ModelSpec(f"test/{name}", "v1", options), digest=name))
        self.board.prepare(version)
        return version

    def serve(self, name: str, weights: Weights = USUAL, **options: Any) -> VersionId:
        """Let a version serve."""
        version = self.prepared(name, weights, **options)
        self.board.switch(Route(version))
        return version

    def _load(self, resolved: Resolved) -> Engine:
        name, spec = resolved.digest, resolved.spec
        if name in self.detectors:
            known = self.detectors[name]
            return Engine(replace(known, model=replace(known.model, version=resolved.version)), 0)
        voice = Voice(self.weights[name], self.troubles[name])
        rules = Rules.of(QUICK, ("options", spec.options), frame_ms=voice.frame_ms)
        identity = ModelIdentity(spec.model_id, spec.revision, resolved.digest, resolved.version)
        return Engine(Detector(voice, rules, model=identity), 0)

    def serve_real(self, name: str, detector: Detector) -> VersionId:
        """Let a real model serve, as a version of that name."""
        self.detectors[name] = detector
        return self.serve(name)

    @property
    def token(self) -> str:
        return self.home.token()

    @property
    def leases(self) -> int:
        """Out now, holds included."""
        return sum(version.leases for version in self.status().versions)

    def is_given_back(self) -> bool:
        """Whether no stream is left of anybody."""
        return not (self.leases or self.status().streams.open or self._stream_admission.taken)


class Running:
    """The server, and where it is."""

    def __init__(self, service: VoiceService, server: uvicorn.Server, host: str, port: int) -> None:
        self.service = service
        self._server = server
        self.host, self.port = host, port

    def stop(self) -> None:
        """Ask it to end, as SIGTERM does."""
        self._server.should_exit = True

    @property
    def config(self) -> uvicorn.Config:
        return self._server.config

    @property
    def connections(self) -> int:
        """Those that are not wholly closed."""
        return len(self._server.server_state.connections)

    @contextmanager
    def open(self, query: str = "", *, protocols: Sequence[str] = (), **headers: str) -> Iterator["Client"]:
        """A stream, for the length of a block."""
        url = f"ws://{self.host}:{self.port}/v1/stream{'?' if query else ''}{query}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        spoken: Any = list(protocols) or None
        with connect(url, subprotocols=spoken, additional_headers=named, compression=None) as connection:
            yield Client(connection)

    def raw(self, query: str = "", *, read_bytes: int | None = None) -> socket.socket:
        """A stream of one's own bytes, which nobody reads; ``read_bytes`` is how much the system takes in."""
        raw = socket.socket()
        raw.settimeout(PATIENCE_S)
        if read_bytes is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, read_bytes)
        raw.connect((self.host, self.port))
        lines = (
            f"GET /v1/stream?{query} HTTP/1.1",
            "Host: localhost",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
        )
        raw.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode())
        assert b" 101 " in raw.recv(64)
        return raw

    def wait(self, until: Callable[[], bool]) -> None:
        """Until something is so."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not until():
            assert time.monotonic() < deadline_s, f"in vain: {self.service.status()}"
            threading.Event().wait(0.005)


class Client:
    """One stream, and what it was told."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.told: list[dict[str, Any]] = []

    def say(self, samples: NDArray[Any], *, pieces: int = 0) -> None:
        """Send samples as they are; in messages of so many bytes, if that is given."""
        data = samples.tobytes()
        for at in range(0, len(data), pieces or len(data)):
            self.connection.send(data[at : at + (pieces or len(data))])

    def finish(self) -> None:
        self.connection.send('{"type": "finish"}')

    def hear(self, kind: str) -> dict[str, Any]:
        """The next message of that type; what comes before it is written down too."""
        while True:
            message: dict[str, Any] = json.loads(self.connection.recv(PATIENCE_S))
            self.told.append(message)
            if message["type"] == kind:
                return message

    def hear_all(self) -> int | None:
        """All that is said until the end; the close code."""
        try:
            while True:
                self.told.append(json.loads(self.connection.recv(PATIENCE_S)))
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.told if message["type"] == kind]


@contextmanager
def running(home: Path, *, is_open: bool = True, send_bytes: int | None = None, **settings: Any) -> Iterator[Running]:
    """A service on a port, as ``segue serve`` makes it; nothing serves yet.

    ``send_bytes`` is how much the system keeps of what a client has not read.
    """
    service = VoiceService(home, is_open=is_open, **settings)
    listener = socket.create_server(("127.0.0.1", 0))
    if send_bytes is not None:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_bytes)
    host, port = listener.getsockname()
    server = serve._server(serve._build(service), service, None, tls=(None, None), url=f"http://{host}:{port}")
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    keeper = threading.Thread(target=service._keep, args=(service._chores,))
    for each in (thread, keeper):
        each.start()
    try:
        yield Running(service, server, host, port)
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
        service.stop(PATIENCE_S)
        keeper.join(PATIENCE_S)
        listener.close()
        assert not thread.is_alive()


def frame(payload: bytes, *, opcode: int = 2, final: bool = True) -> bytes:
    """A client's frame of less than 64 KB, masked with zeros."""
    head = bytes([(0x80 if final else 0) | opcode])
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2)
    return head + size + bytes(4) + payload


def pcm16(samples: NDArray[Any]) -> NDArray[np.int16]:
    """As 16-bit integers."""
    return np.round(samples * 32767).astype("<i2")
