"""What came back from each version over the last minutes, moment by moment: a listener of the switchboard.

It is told in the thread of the request, so it does little: a count, and one in a table of latencies whose lines are
9 % wide. That is a microsecond, no thread, and a bound on its memory whatever the load is.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from segue.swap import Event, Outcome, Released, VersionId

STEP_S = 2.0
MOMENTS = 150
"""So many of ``STEP_S`` are kept: five minutes."""
_AN_OCTAVE = 8
"""Lines of the table for each doubling of the latency."""
_LEAST_MS, _MOST_MS = 0.05, 3_600_000.0


@dataclass(frozen=True, slots=True)
class Course:
    """One version: a value a moment, the oldest first. Latencies are None where nothing came back well."""

    version: VersionId
    rate_per_s: tuple[float, ...]
    p50_ms: tuple[float | None, ...]
    p99_ms: tuple[float | None, ...]
    errors: tuple[int, ...]


class _Cell:
    """One version in one moment."""

    __slots__ = ("_told", "errors", "lines", "requests")

    def __init__(self) -> None:
        self.requests = self.errors = 0
        self.lines: dict[int, int] = {}
        self._told: tuple[float | None, float | None] | None = None

    def percentiles(self) -> tuple[float | None, float | None]:
        """The 50th and 99th, in ms. Of a moment that is over: they are found once."""
        if self._told is None:
            self._told = self._percentile(50), self._percentile(99)
        return self._told

    def _percentile(self, percent: int) -> float | None:
        """By nearest rank, of the lines' middles."""
        wanted = -(-percent * (self.requests - self.errors) // 100)
        if wanted <= 0:
            return None
        for line in sorted(self.lines):
            wanted -= self.lines[line]
            if wanted <= 0:
                return round(_LEAST_MS * 2 ** ((line + 0.5) / _AN_OCTAVE), 3)
        return None


class Traffic:
    """``board.listen(traffic.hear)``. Safe for threads; ``clock``: seconds, never going back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()  # guards _moments and what is in them; held for a microsecond
        self._moments: deque[tuple[int, dict[VersionId, _Cell]]] = deque(maxlen=MOMENTS + 1)

    def hear(self, event: Event) -> None:
        """Count what came back; what was cancelled counts nowhere."""
        if not isinstance(event, Released) or event.outcome is Outcome.CANCELLED:
            return
        latency_ms = min(_MOST_MS, max(_LEAST_MS, 1000 * event.latency_s))
        line = int(_AN_OCTAVE * math.log2(latency_ms / _LEAST_MS))
        with self._lock:
            number = int(self._clock() / STEP_S)
            if not self._moments or self._moments[-1][0] != number:
                self._moments.append((number, {}))
            cells = self._moments[-1][1]
            cell = cells.get(event.version)
            if cell is None:
                cell = cells[event.version] = _Cell()
            cell.requests += 1
            if event.outcome is Outcome.OK:
                cell.lines[line] = cell.lines.get(line, 0) + 1
            else:
                cell.errors += 1

    def courses(self, most: int) -> tuple[Course, ...]:
        """Of the ``most`` versions that had most to do, up to the last moment that is over; by name."""
        with self._lock:
            now = int(self._clock() / STEP_S)
            moments = {number: dict(cells) for number, cells in self._moments if now - MOMENTS <= number < now}
        totals: dict[VersionId, int] = {}
        for cells in moments.values():
            for version, cell in cells.items():
                totals[version] = totals.get(version, 0) + cell.requests
        busiest = sorted(totals, key=lambda version: -totals[version])[:most]
        numbers = range(now - MOMENTS, now)
        return tuple(_course(version, [moments.get(number, {}) for number in numbers]) for version in sorted(busiest))


def _course(version: VersionId, moments: list[Mapping[VersionId, _Cell]] | list[dict[VersionId, _Cell]]) -> Course:
    cells = [cells.get(version) for cells in moments]
    return Course(
        version,
        tuple(cell.requests / STEP_S if cell else 0.0 for cell in cells),
        tuple(cell.percentiles()[0] if cell else None for cell in cells),
        tuple(cell.percentiles()[1] if cell else None for cell in cells),
        tuple(cell.errors if cell else 0 for cell in cells),
    )
