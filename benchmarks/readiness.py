"""From nothing to a service that answers: ``segue serve`` with the model in the store, until ``/readyz`` says 200."""

import time
from pathlib import Path

from benchmarks.clock import Spread
from benchmarks.server import new_home, segue_server
from benchmarks.table import Table, verdict

WANTED_S = 3.0


def measure(*, rounds: int, scratch: Path) -> Table:
    """The first start, with nothing but the model there; and those after it, which find the route in the journal."""
    first, again = [], []
    for number in range(rounds + 1):
        home = new_home(scratch / f"ready{number}")
        first.append(_start_s(home))
        again.append(_start_s(home))
    starts = {"first start": Spread(tuple(first[1:])), "start after a stop": Spread(tuple(again[1:]))}
    rows = [(name, f"{spread:.2f}") for name, spread in starts.items()]
    most = max(spread.median for spread in starts.values())
    note = verdict("seconds", most, wanted=f"under {WANTED_S:g}", good=most < WANTED_S)
    return Table(f"Ready: from start to the first 200 of /readyz, {rounds} rounds", ("", "wall s"), rows, (note,))


def _start_s(home: Path) -> float:
    begun_s = time.perf_counter()
    with segue_server(home):
        return time.perf_counter() - begun_s
