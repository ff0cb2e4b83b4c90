"""Six hours of live audio at full speed through one stream: cost and memory by the hour."""

from pathlib import Path

import segue
from benchmarks.clock import cpu_s, resident_mb
from benchmarks.recording import RATE, Recording, Samples
from benchmarks.table import Table, verdict

DRIFT = 1.25
GROWTH_MB = 10.0


def measure(directory: Path, recording: Recording, *, hours: int, chunk_ms: int) -> Table:
    """One DetectorStream; the recording goes round and round."""
    stream = segue.load(directory).stream()
    size = chunk_ms * RATE // 1000
    chunks = [recording.samples[at : at + size] for at in range(0, len(recording.samples) - size + 1, size)]
    _feed(stream, chunks, 60_000 // chunk_ms)  # a minute to warm up
    before = resident_mb()
    rows, costs, sizes = [], [], []
    for hour in range(1, hours + 1):
        count = 3_600_000 // chunk_ms
        costs.append(cpu_s(lambda count=count: _feed(stream, chunks, count)) / count * 1000)  # type: ignore[misc]  # bound now
        sizes.append(resident_mb())
        rows.append((str(hour), f"{costs[-1]:.3f}", f"{sizes[-1]:.1f}", f"{sizes[-1] - before:+.1f}"))
    drift, growth = costs[-1] / costs[0], sizes[-1] - sizes[0]
    notes = (
        verdict("cost in the last hour over the first", drift, wanted=f"within {DRIFT}", good=drift <= DRIFT),
        verdict("MB gained since the first hour", growth, wanted=f"under {GROWTH_MB:g}", good=growth < GROWTH_MB),
    )
    title = f"One live stream for {hours} hours of audio, chunks of {chunk_ms} ms"
    return Table(title, ("hour", "CPU ms a chunk", "resident MB", "since the start"), rows, notes)


def _feed(stream: segue.DetectorStream, chunks: list[Samples], count: int) -> None:
    for number in range(count):
        stream.accept(chunks[number % len(chunks)])
