"""Recordings of ten hours in several formats: memory and time of ``segue detect`` in a child process."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile

from benchmarks.command import detect_command, watched
from benchmarks.recording import RATE, Recording, Samples
from benchmarks.table import Table, verdict

WANTED_MB = 400
FORMATS = ("wav", "flac", "mp3", "ogg", "m4a")


def measure(recording: Recording, *, hours: float, scratch: Path) -> Table:
    """One file at a time, written by the minute and deleted when measured."""
    rows, peaks = [], []
    for suffix in FORMATS:
        path = scratch / f"long.{suffix}"
        write = _write_av if suffix == "m4a" else _write_soundfile
        write(path, _minutes(recording, hours))
        wall, peak = watched(detect_command(path))
        size_mb = path.stat().st_size / 1e6
        path.unlink()
        peaks.append(peak)
        rows.append((suffix, f"{size_mb:.0f}", f"{peak:.0f}", f"{wall:.0f}", f"{hours * 3600 / wall:.0f}"))
    note = verdict("the largest peak", max(peaks), wanted=f"under {WANTED_MB} MB", good=max(peaks) < WANTED_MB)
    columns = ("format", "file MB", "peak resident MB", "wall s", "x real time")
    return Table(f"A recording of {hours:g} hours, segue detect", columns, rows, (note,))


def _minutes(recording: Recording, hours: float) -> Iterator[Samples]:
    minute = np.resize(recording.samples, max(1, len(recording.samples) // (60 * RATE)) * 60 * RATE)
    for number in range(round(hours * 60)):
        at = number * 60 * RATE % len(minute)
        yield minute[at : at + 60 * RATE]


def _write_soundfile(path: Path, minutes: Iterator[Samples]) -> None:
    with soundfile.SoundFile(path, "w", samplerate=RATE, channels=1) as out:
        for minute in minutes:
            for at in range(0, len(minute), RATE):  # libsndfile's Vorbis encoder overflows its stack on long writes
                out.write(minute[at : at + RATE])


def _write_av(path: Path, minutes: Iterator[Samples]) -> None:
    with av.open(str(path), "w") as container:
        track = container.add_stream("aac", rate=RATE)
        track.bit_rate, track.layout = 32_000, "mono"
        written = 0
        for minute in minutes:
            frame = av.AudioFrame.from_ndarray(minute[None, :], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, written, Fraction(1, RATE)
            written += len(minute)
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
