"""1,000 short files beside one long one with the same audio: what a file costs beyond its audio."""

from pathlib import Path

import numpy as np
import soundfile

from benchmarks.clock import by_turns, cpu_s
from benchmarks.command import children_cpu_s, detect_command
from benchmarks.peers.segue import SeguePeer
from benchmarks.recording import RATE, Recording
from benchmarks.table import Table, verdict

WANTED = 1.5
FILE_S = 4


def measure(segue: SeguePeer, recording: Recording, *, files: int, rounds: int, scratch: Path) -> Table:
    """CPU time an hour of audio, from Python and by the command line."""
    long, folder = scratch / "long.wav", scratch / "short"
    folder.mkdir()
    samples = np.resize(recording.samples, files * FILE_S * RATE)
    soundfile.write(long, samples, RATE, subtype="PCM_16")
    for number in range(files):
        part = samples[number * FILE_S * RATE : (number + 1) * FILE_S * RATE]
        soundfile.write(folder / f"{number:04}.wav", part, RATE, subtype="PCM_16")
    paths = sorted(folder.iterdir())
    contenders = {
        "Python, short": lambda: cpu_s(lambda: [segue.detector.detect(path) for path in paths]),
        "Python, long": lambda: cpu_s(lambda: segue.detector.detect(long)),
        "segue detect, short": lambda: children_cpu_s(detect_command(folder)),
        "segue detect, long": lambda: children_cpu_s(detect_command(long)),
    }
    costs = by_turns(contenders, rounds=rounds)
    hours = files * FILE_S / 3600
    rows, notes = [], []
    for how in sorted({name.rpartition(", ")[0] for name in costs}):
        short, whole = costs[f"{how}, short"], costs[f"{how}, long"]
        ratio = short.over(whole)
        rows.append((how, f"{short.median / hours:.2f}", f"{whole.median / hours:.2f}", f"{ratio:.2f}"))
        good = ratio.median <= WANTED
        notes.append(verdict(f"short over long, {how}", ratio.median, wanted=f"at most {WANTED}", good=good))
    title = f"{files:,} files of {FILE_S} s beside one of {hours:.2f} h: CPU seconds an hour of audio, {rounds} rounds"
    return Table(title, ("", "short files", "one long file", "ratio"), rows, notes)
