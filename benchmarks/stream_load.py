"""Many live streams in real time, in one thread of a process of its own.

python -m benchmarks.stream_load < order.json; from Python ``stream(order)``.

A message's time is when the kernel took it from the server (SO_TIMESTAMPNS), not when this process came to read it, and
a chunk's when it was handed to the kernel, not when it was due. So what this process is late by is in neither.
"""

import gc
import json
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.table import ROOT
from benchmarks.websocket import BINARY, CLOSE, PING, PONG, TEXT, Frames, frame, upgrade

SO_TIMESTAMPNS = 35  # Linux; not in the module socket
BUFFER_BYTES = 2**20  # half a minute of audio: more is waiting only if the server stopped reading
GRACE_S = 20.0


@dataclass(frozen=True, slots=True)
class Order:
    """What to stream: 16 kHz pcm16 that goes round and round, each stream from its own place in it."""

    port: int
    path: str
    audio: str
    """A file of samples, without a head."""
    result: str
    """The file to write a ``Streamed`` into, as JSON."""
    starts: Sequence[int]
    """For each stream the chunk that it begins with."""
    chunks: int
    """How many each sends."""
    chunk_ms: int = 200


@dataclass(frozen=True, slots=True)
class Streamed:
    """What happened; nanoseconds since 1970."""

    began_ns: int
    sent_ns: list[list[int]]
    """For each stream, for each chunk."""
    late_ns: list[int]
    """How much later than due each chunk was sent."""
    received: list[list[tuple[int, str]]]
    """For each stream, its messages and when each had come."""
    unread_ns: list[int]
    """How long what had come lay there until it was read."""
    cpu_s: float
    """Of this process while it streamed."""
    errors: list[str]


class Stream:
    """One connection."""

    def __init__(self, order: Order) -> None:
        self.frames, self.received, self.sent_ns = Frames(), list[tuple[int, str]](), list[int]()
        self.error, self.is_over, self.is_shut = "", False, False
        self.socket = socket.create_connection(("127.0.0.1", order.port), timeout=GRACE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._open(order.path)

    def _open(self, path: str) -> None:
        """Wait until the server says that it is ready."""
        self.socket.sendall(upgrade(path))
        said = b""
        while b"\r\n\r\n" not in said:
            said += self._more()
        head, _, rest = said.partition(b"\r\n\r\n")
        if b" 101 " not in head.splitlines()[0]:
            raise ConnectionError(f"no WebSocket: {said.decode(errors='replace')}")
        self._take(rest, 0)
        while not self.received:
            self._take(self._more(), 0)
        self.socket.setblocking(False)

    def _more(self) -> bytes:
        data = self.socket.recv(65_536)
        if not data:
            raise ConnectionError("the server closed a stream that it had not opened")
        return data

    def send(self, data: bytes) -> None:
        """All at once; a stream that the server does not read any more is over."""
        try:
            if self.socket.send(data) < len(data):
                self._end("the server stopped reading")
        except OSError as error:
            self._end(repr(error))

    def read(self) -> int:
        """Take what came; how long ago it did, in nanoseconds."""
        try:
            data, notes, _, _ = self.socket.recvmsg(65_536, 64)
        except OSError as error:
            self._end(repr(error))
            return 0
        now_ns = time.time_ns()
        came_ns = _stamp(notes) or now_ns
        self._take(data, came_ns)
        if not data:
            self.is_shut = True
            if not self.is_over:
                self._end("the server hung up")
        return now_ns - came_ns

    def _take(self, data: bytes, came_ns: int) -> None:
        for opcode, payload in self.frames.accept(data):
            if opcode == TEXT:
                self.received.append((came_ns, payload.decode()))
                self.is_over = self.is_over or b'"finished"' in payload
            elif opcode == PING:
                self.send(frame(PONG, payload))
            elif opcode == CLOSE and not self.is_over:
                self._end(f"the server closed the stream: {payload[2:].decode(errors='replace')}")

    def _end(self, error: str) -> None:
        self.error, self.is_over, self.is_shut = self.error or error, True, True


def _stamp(notes: list[tuple[int, int, bytes]]) -> int:
    """When the kernel had it, in nanoseconds; 0 where it did not say."""
    for _, kind, value in notes:
        if kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("qq", value)
            return int(seconds) * 10**9 + int(nanoseconds)
    return 0


class Streams:
    """All of them, staggered evenly: of n streams one sends every n-th part of a chunk's time."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._chunks = _cut(Path(order.audio).read_bytes(), order.chunk_ms * 32)
        self._streams = [Stream(order) for _ in order.starts]
        self._epoll = select.epoll()
        self._by_number = {stream.socket.fileno(): stream for stream in self._streams}
        for number in self._by_number:
            self._epoll.register(number, select.EPOLLIN)
        self._late_ns: list[int] = []
        self._unread_ns: list[int] = []

    def run(self) -> Streamed:
        """Send each chunk when it is due, read all the while."""
        gc.disable()  # what it would look through grows with every message
        step_ns = self._order.chunk_ms * 10**6 // len(self._streams)
        cpu_s, began_ns = time.process_time(), time.time_ns() + 10**9
        for turn in range(self._order.chunks * len(self._streams)):
            due_ns = began_ns + turn * step_ns
            while (left_ns := due_ns - time.time_ns()) > 0:
                self._read(left_ns / 1e9)
            self._send(turn, due_ns)
        cpu_s = time.process_time() - cpu_s
        self._finish()
        return Streamed(
            began_ns,
            [stream.sent_ns for stream in self._streams],
            self._late_ns,
            [stream.received for stream in self._streams],
            self._unread_ns,
            cpu_s,
            [stream.error for stream in self._streams if stream.error],
        )

    def _send(self, turn: int, due_ns: int) -> None:
        chunk, which = divmod(turn, len(self._streams))
        stream = self._streams[which]
        data = self._chunks[(self._order.starts[which] + chunk) % len(self._chunks)]
        now_ns = time.time_ns()
        if not stream.is_over:
            stream.send(data)
        stream.sent_ns.append(now_ns)
        self._late_ns.append(now_ns - due_ns)

    def _read(self, timeout_s: float) -> None:
        for number, _ in self._epoll.poll(timeout_s):
            stream = self._by_number[number]
            self._unread_ns.append(stream.read())
            if stream.is_shut:
                self._epoll.unregister(number)

    def _finish(self) -> None:
        end = frame(TEXT, b'{"type": "finish"}')
        for stream in self._streams:
            if not stream.is_over:
                stream.send(end)
        give_up_s = time.monotonic() + GRACE_S
        while any(not stream.is_over for stream in self._streams) and time.monotonic() < give_up_s:
            self._read(0.1)
        for stream in self._streams:
            if not stream.is_over:
                stream.error = "never finished"
            stream.socket.close()


def _cut(audio: bytes, size: int) -> list[bytes]:
    """The audio as frames, ready to be sent."""
    return [frame(BINARY, audio[at : at + size]) for at in range(0, len(audio) - size + 1, size)]


def stream(order: Order) -> Streamed:
    """Run it in a process of its own, to the end."""
    command = [sys.executable, "-m", "benchmarks.stream_load"]
    subprocess.run(command, input=json.dumps(asdict(order)), text=True, check=True, cwd=ROOT)
    return Streamed(**json.loads(Path(order.result).read_text(encoding="utf-8")))


def main() -> None:
    """See the top of the file."""
    order = Order(**json.load(sys.stdin))
    Path(order.result).write_text(json.dumps(asdict(Streams(order).run())), encoding="utf-8")


if __name__ == "__main__":
    main()
