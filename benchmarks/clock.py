"""Costs of calls: CPU seconds, wall seconds, memory; and contenders measured by turns."""

import math
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

Measure = Callable[[], float]
"""Does the work once; answers its cost."""


def cpu_s(work: Callable[[], object]) -> float:
    """CPU seconds, of all threads of this process, that the work takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def wall_s(work: Callable[[], object]) -> float:
    """Seconds on the clock that the work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def resident_mb(pid: int | str = "self", *, peak: bool = False) -> float:
    """Resident memory of a process now, or its peak so far. Linux only.

    Not ``ru_maxrss``: a child begins with its parent's, which has all peers loaded.
    """
    field = "VmHWM:" if peak else "VmRSS:"
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(f"process {pid} has no memory: it has ended")


def quantile(values: Iterable[float], share: float) -> float:
    """The least of the values that so large a share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True, slots=True)
class Spread:
    """One number measured several times."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The one to quote."""
        return statistics.median(self.values)

    def over(self, other: "Spread") -> "Spread":
        """The ratio in each round: load on the machine that both met in a round cancels."""
        return Spread(tuple(a / b for a, b in zip(self.values, other.values, strict=True)))

    def __format__(self, spec: str) -> str:
        """``median (least to most)``."""
        return f"{self.median:{spec}} ({min(self.values):{spec}} to {max(self.values):{spec}})"


def by_turns(contenders: Mapping[str, Measure], *, rounds: int) -> dict[str, Spread]:
    """Measure A B C, A B C, …, after one round that does not count."""
    costs: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, measure in contenders.items():
            cost = measure()
            if number:
                costs[name].append(cost)
    return {name: Spread(tuple(values)) for name, values in costs.items()}
