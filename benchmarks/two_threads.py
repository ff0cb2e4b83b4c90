"""Two threads on two recordings, beside two processes on the same two: what the interpreter's lock costs."""

import multiprocessing
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import segue
from benchmarks.clock import by_turns, wall_s
from benchmarks.recording import RATE, Recording, Samples
from benchmarks.table import Table, verdict

WANTED = 0.9


def measure(directory: Path, recording: Recording, *, rounds: int) -> Table:
    """Wall time of each; processes are started, and have loaded, before the clock runs."""
    detector = segue.load(directory)
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe() for _ in range(2)]
    children = [context.Process(target=_serve, args=(directory, recording.samples, far)) for _, far in pipes]
    for child in children:
        child.start()
    try:
        for near, _ in pipes:
            near.recv()  # loaded
        costs = by_turns(
            {
                "one thread, one recording": lambda: wall_s(_threads(detector, recording.samples, 1)),
                "two threads, two recordings": lambda: wall_s(_threads(detector, recording.samples, 2)),
                "two processes, two recordings": lambda: wall_s(_processes([near for near, _ in pipes])),
            },
            rounds=rounds,
        )
    finally:
        for near, _ in pipes:
            near.send(False)
        for child in children:
            child.join()
    ratio = costs["two processes, two recordings"].over(costs["two threads, two recordings"])
    rows = [(name, f"{cost:.2f}") for name, cost in costs.items()]
    note = verdict(
        "two threads' share of what two processes reach in the same round",
        ratio.median,
        wanted=f"at least {WANTED}",
        good=ratio.median >= WANTED,
    )
    title = f"Threads: wall time, {recording.seconds / 60:g} minutes a recording, {rounds} rounds"
    return Table(title, ("", "wall s"), rows, (note, f"By rounds: {ratio:.2f}."))


def _threads(detector: segue.Detector, samples: Samples, count: int) -> Callable[[], None]:
    def work() -> None:
        threads = [threading.Thread(target=lambda: detector.detect(samples, sample_rate=RATE)) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return work


def _processes(ends: "list[Connection[bool, bool]]") -> Callable[[], None]:
    def work() -> None:
        for end in ends:
            end.send(True)
        for end in ends:
            end.recv()

    return work


def _serve(directory: Path, samples: Samples, end: "Connection[bool, bool]") -> None:
    """In a child: detect each time that it is told to."""
    detector = segue.load(directory)
    end.send(True)
    while end.recv():
        detector.detect(samples, sample_rate=RATE)
        end.send(True)
