"""What a process of its own costs a model: ``python -m benchmarks.isolated``, a minute or two.

Seconds on the clock, for the work is in two processes: a recording in blocks of 20 s as it is decoded, live chunks of
200 ms one by one and 16 streams at once; how soon it is there, and what comes back of its memory.
"""

import argparse
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.clock import Measure, Spread, by_turns, wall_s
from benchmarks.recording import RATE, Recording, Samples, record
from benchmarks.table import Table, surroundings, verdict
from segue import models
from segue.models.isolated import scorer as isolated
from segue.service.loading import fetch
from segue.settings import read_settings
from segue.speech.scorer import Scorer

BATCH = 16
BLOCK = 20 * RATE
CHUNK = RATE // 5

Load = Callable[[], Scorer]


def measure(directory: Path, recording: Recording, *, rounds: int) -> Table:
    """All of it, by turns."""
    samples = recording.samples
    there = isolated.load(directory)[0]
    here = models.load(directory)[0]
    works: dict[str, tuple[Callable[[Scorer], float], str, float]] = {
        f"recording of {recording.seconds / 60:g} minutes, ms": (partial(_recording, samples=samples), ".0f", 1000),
        "live chunk of 200 ms, ms": (partial(_live, samples=samples[: 60 * RATE]), ".2f", 1000),
        f"{BATCH} streams' chunks at once, ms": (partial(_together, samples=samples), ".2f", 1000),
    }
    rows = []
    for what, (work, form, times) in works.items():
        contenders: dict[str, Measure] = {name: partial(work, scorer) for name, scorer in _both(here, there)}
        costs = by_turns(contenders, rounds=rounds)
        ratio = costs["isolated"].over(costs["here"])
        rows.append([what, *(_scaled(costs[name], times, form) for name in ("here", "isolated")), f"{ratio:.2f}"])
    back_mb = [there.host.close() / 1e6]
    loads: dict[str, Measure] = {
        "here": lambda: wall_s(lambda: models.load(directory)),
        "isolated": partial(_begin_and_end, directory, back_mb),
    }
    costs = by_turns(loads, rounds=rounds)
    rows.append(["loading, ms", *(_scaled(costs[name], 1000, ".0f") for name in ("here", "isolated")), ""])
    rows.append(["memory back when closed, MB", "", f"{Spread(tuple(back_mb)):.0f}", ""])
    notes = [verdict("processes left", len(_left()), wanted="0", good=not _left())]
    return Table(f"In a process of its own, {rounds} rounds", ("", "here", "isolated", "ratio"), rows, notes)


def _begin_and_end(directory: Path, back_mb: list[float]) -> float:
    """Seconds of its beginning alone."""
    loaded: list[isolated.IsolatedScorer] = []
    took_s = wall_s(lambda: loaded.append(isolated.load(directory)[0]))
    back_mb.append(loaded[0].host.close() / 1e6)
    return took_s


def _both(here: Scorer, there: Scorer) -> list[tuple[str, Scorer]]:
    return [("here", here), ("isolated", there)]


def _scaled(spread: Spread, times: float, form: str) -> str:
    return format(Spread(tuple(value * times for value in spread.values)), form)


def _recording(scorer: Scorer, *, samples: Samples) -> float:
    stream = scorer.open()

    def whole() -> None:
        for at in range(0, len(samples), BLOCK):
            stream.accept(samples[at : at + BLOCK])
        stream.finish()

    return wall_s(whole)


def _live(scorer: Scorer, *, samples: Samples) -> float:
    """The median chunk."""
    stream = scorer.open()
    chunks = [samples[at : at + CHUNK] for at in range(0, len(samples) - CHUNK, CHUNK)]
    return statistics.median(wall_s(partial(stream.accept, chunk)) for chunk in chunks)


def _together(scorer: Scorer, *, samples: Samples) -> float:
    """The median call, each with a chunk of every stream."""
    streams, step = [scorer.open() for _ in range(BATCH)], len(samples) // BATCH
    calls = [
        [samples[i * step + at : i * step + at + CHUNK] for i in range(BATCH)]
        for at in range(0, min(step, 30 * RATE) - CHUNK, CHUNK)
    ]
    return statistics.median(wall_s(partial(scorer.accept_many, streams, chunks)) for chunks in calls)


def _left() -> list[int]:
    import psutil

    return [child.pid for child in psutil.Process().children()]


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description="Measure what a process of its own costs a model.")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count, after one that does not")
    parser.add_argument("--minutes", type=float, default=10, help="length of the recording")
    given = parser.parse_args()
    directory = fetch(None, settings=read_settings()).directory
    recording = record(60 * given.minutes)
    print(surroundings(recording.source), end="\n\n", flush=True)
    print(measure(directory, recording, rounds=given.rounds).markdown())


if __name__ == "__main__":
    main()
