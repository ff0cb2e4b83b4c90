"""Live streams by WebSocket, in real time: how long after its chunk a message comes."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import segue
from benchmarks.clock import quantile
from benchmarks.recording import RATE, Recording, Samples
from benchmarks.server import Server, new_home, segue_server
from benchmarks.stream_load import Order, Streamed, stream
from benchmarks.table import Table, verdict

STREAMS = 250
PLACES = 50
"""In the recording at which streams begin: so many different ones are checked."""
CHUNK_MS = 200
WANTED_MS = 250

Fact = tuple[str, ...]
"""An event, to be compared: its type and its times."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a stream must say, from a DetectorStream and a scorer fed the same chunks here."""

    frames: Sequence[int]
    """After each chunk, how many frames are decided."""
    events: Sequence[tuple[int, Fact]]
    """Each with the chunk that it comes with; those of the end with the number of chunks."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run."""

    name: str
    latencies_ms: Sequence[float]
    streamed: Streamed
    different: int
    """Streams that said something else than expected."""
    server_cores: float
    seconds: float


def measure(directory: Path, recording: Recording, *, seconds: int, scratch: Path) -> Table:
    """Events alone, then with a message for every chunk."""
    chunk = CHUNK_MS * RATE // 1000
    samples = _as_sent(recording.samples[: len(recording.samples) // chunk * chunk])
    audio = scratch / "streams.pcm"
    audio.write_bytes((samples * 32768).astype(np.int16).tobytes())
    chunks = seconds * 1000 // CHUNK_MS
    apart = len(samples) // chunk // PLACES
    detector = segue.load(directory)
    expected = [_expect(detector, np.roll(samples, -place * apart * chunk), chunks) for place in range(PLACES)]
    starts = [number % PLACES * apart for number in range(STREAMS)]
    runs = []
    with segue_server(new_home(scratch / "streams")) as server:
        for name, more in (("events alone", ""), ("with probabilities", "&probabilities=true")):
            path = f"/v1/stream?sample_rate={RATE}&encoding=pcm16{more}"
            order = Order(server.port, path, str(audio), str(scratch / "streamed.json"), starts, chunks, CHUNK_MS)
            runs.append(_run(name, server, order, expected))
    return _table(runs, seconds)


def _run(name: str, server: Server, order: Order, expected: Sequence[Expected]) -> Measured:
    before_s = server.cpu_s()
    streamed = stream(order)
    cpu_s = server.cpu_s() - before_s
    latencies: list[int] = []
    different = 0
    for number, (sent_ns, said) in enumerate(zip(streamed.sent_ns, streamed.received, strict=True)):
        messages = [(came_ns, json.loads(text)) for came_ns, text in said]
        wanted = expected[number % PLACES]
        same, events_ns = event_latencies(sent_ns, messages, wanted)
        latencies += chunk_latencies(sent_ns, messages, wanted.frames) + events_ns
        different += not same
    seconds = order.chunks * order.chunk_ms / 1000
    return Measured(name, [ns / 1e6 for ns in latencies], streamed, different, cpu_s / seconds, seconds)


def chunk_latencies(sent_ns: Sequence[int], messages: Iterable[tuple[int, Any]], frames: Sequence[int]) -> list[int]:
    """For each chunk, how long after it the message came that holds the last of its frames.

    So a message for several chunks is late by the oldest of them. Nothing where no probabilities were asked for.
    """
    latencies, chunk = [], 0
    for came_ns, message in messages:
        if message["type"] == "probabilities":
            end = message["from_ms"] // message["frame_ms"] + len(message["values"])
            while chunk < len(frames) and frames[chunk] <= end:
                latencies.append(came_ns - sent_ns[chunk])
                chunk += 1
    return latencies


def event_latencies(
    sent_ns: Sequence[int], messages: Iterable[tuple[int, Any]], expected: Expected
) -> tuple[bool, list[int]]:
    """Whether the events are those expected, and how long after its chunk each came; those of the end left out."""
    events = [(came_ns, fact(message)) for came_ns, message in messages if message["type"].startswith("speech_")]
    same = [told for _, told in events] == [told for _, told in expected.events]
    pairs = zip(events, expected.events, strict=False)
    return same, [came_ns - sent_ns[chunk] for (came_ns, _), (chunk, _) in pairs if chunk < len(sent_ns)]


def fact(message: dict[str, Any]) -> Fact:
    """What a message says, without what it may say besides."""
    times = (name for name in ("at_ms", "start_ms", "end_ms") if name in message)
    return (message["type"], *(f"{name}={message[name]}" for name in times))


def _as_sent(samples: Samples) -> Samples:
    """What is left of them in 16 bits."""
    return (samples * 32768).round().clip(-32768, 32767).astype(np.float32) / np.float32(32768)


def _expect(detector: segue.Detector, samples: Samples, chunks: int) -> Expected:
    scores, stream = detector.scorer.open(), detector.stream()
    size = CHUNK_MS * RATE // 1000
    frames, events = [0], list[tuple[int, Fact]]()
    for chunk in range(chunks):
        part = samples[chunk * size : (chunk + 1) * size]
        frames.append(frames[-1] + len(scores.accept(part)))
        events += [(chunk, _fact_of(event)) for event in stream.accept(part)]
    events += [(chunks, _fact_of(event)) for event in stream.finish()]
    return Expected(frames[1:], events)


def _fact_of(event: segue.Event) -> Fact:
    if isinstance(event, segue.SpeechStarted):
        return fact({"type": "speech_started", "at_ms": event.at_ms})
    return fact({"type": "speech_ended", "start_ms": event.segment.start_ms, "end_ms": event.segment.end_ms})


def _table(runs: Sequence[Measured], seconds: int) -> Table:
    rows = [_row(run) for run in runs]
    notes = []
    for run in runs:
        p999 = quantile(run.latencies_ms, 0.999)
        what = f"p99.9, {run.name}, in ms"
        notes.append(verdict(what, p999, wanted=f"within {WANTED_MS}", good=p999 <= WANTED_MS))
        notes.append(_faults(run))
    notes.append(
        "From handing a chunk to the kernel until the kernel has the message for it, so without what the clients' own "
        "process was late by: " + "; ".join(f"{run.name}, {_lateness(run.streamed)}" for run in runs) + "."
    )
    columns = ("", "messages", "p50 ms", "p99 ms", "p99.9 ms", "most ms", "server, cores", "clients, cores")
    return Table(f"{STREAMS} live streams, {seconds} s, chunks of {CHUNK_MS} ms", columns, rows, notes)


def _row(run: Measured) -> tuple[str, ...]:
    times = (f"{quantile(run.latencies_ms, share):.1f}" for share in (0.5, 0.99, 0.999, 1))
    clients = run.streamed.cpu_s / run.seconds
    return (run.name, f"{len(run.latencies_ms):,}", *times, f"{run.server_cores:.2f}", f"{clients:.2f}")


def _faults(run: Measured) -> str:
    errors = run.streamed.errors
    if errors:
        return f"**Missed**: {len(errors)} streams broke, such as: {errors[0]}"
    if run.different:
        return (
            f"**Missed**: the events of {run.different} streams are not those of a DetectorStream fed the same chunks."
        )
    return (
        f"Met: {run.name}, no stream broke, and the events of each are those of a DetectorStream fed the same chunks."
    )


def _lateness(streamed: Streamed) -> str:
    sent, read = (quantile(values, 0.999) / 1e6 for values in (streamed.late_ns, streamed.unread_ns))
    return f"p99.9 {sent:.1f} ms in sending and {read:.1f} ms in reading"
