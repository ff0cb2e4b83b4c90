"""From nothing to an answer: ``segue detect`` on 10 s of speech, everything cached, from start to exit."""

from pathlib import Path

import soundfile

from benchmarks.clock import Spread, wall_s
from benchmarks.command import children_cpu_s, detect_command
from benchmarks.recording import RATE, Recording
from benchmarks.table import Table, verdict

WANTED_S = 1.5


def measure(recording: Recording, *, rounds: int, scratch: Path) -> Table:
    """Median wall and CPU seconds after a run that fills the file cache."""
    path = scratch / "ten_seconds.wav"
    soundfile.write(path, recording.samples[: 10 * RATE], RATE, subtype="PCM_16")
    command = detect_command(path)
    cpus: list[float] = []
    walls = [wall_s(lambda: cpus.append(children_cpu_s(command))) for _ in range(rounds + 1)]
    wall, cpu = Spread(tuple(walls[1:])), Spread(tuple(cpus[1:]))
    row = ("segue detect", f"{wall:.2f}", f"{cpu:.2f}")
    note = verdict("wall seconds", wall.median, wanted=f"under {WANTED_S}", good=wall.median < WANTED_S)
    return Table(f"Start-up: a file of 10 s, {rounds} runs", ("", "wall s", "CPU s"), (row,), (note,))
