"""What it costs a live stream to move to another version: the replay in ``DetectorStream.adopt``."""

from functools import partial
from pathlib import Path

import segue
from benchmarks.clock import Spread, cpu_s
from benchmarks.recording import RATE, Recording
from benchmarks.table import Table


def measure(directory: Path, recording: Recording, *, rounds: int) -> Table:
    """Between any two chunks of a minute, to and fro between two loaded versions."""
    versions = segue.load(directory), segue.load(directory)
    adopt_s, chunk_s = [], []
    for _ in range(rounds):
        stream = versions[0].stream()
        for number, at in enumerate(range(0, 60 * RATE, RATE // 5)):
            chunk_s.append(cpu_s(partial(stream.accept, recording.samples[at : at + RATE // 5])))
            new = versions[(number + 1) % 2]
            adopt_s.append(cpu_s(partial(stream.adopt, new.scorer, new.rules)))
    rows = [
        (name, f"{Spread(tuple(1000 * s for s in costs)):.2f}")
        for name, costs in (("adopt", adopt_s), ("accept a chunk of 200 ms", chunk_s))
    ]
    return Table(f"Moving a live stream: CPU time, {len(adopt_s)} moves", ("", "ms"), rows)
