"""How the versions are doing: what came back lately, version by version.

1. Only what was answered, or should have been, counts: OK, FAILED, ABANDONED. CANCELLED counts neither for nor against.
2. Counts are kept by the second, so they are right at any load; latencies are kept singly, the newest few thousand.
3. A life has a window of its own: it begins with the load and ends with the closing. What comes back late from an
   earlier life of the same version counts nowhere.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from segue.swap.events import Event, Outcome, Released, Transitioned
from segue.swap.lifecycle import State
from segue.swap.spec import VersionId


@dataclass(frozen=True, slots=True)
class Figures:
    """One version, over the last ``window_s``; ``requests`` since its current life began.

    ``errors`` failed or were abandoned. ``p50_ms`` and ``p99_ms`` are of those that were OK, by nearest rank: of n
    latencies in order the one numbered ceil(p * n), from 1, so somebody had it; None when there is none.
    ``weight`` is the sum of what the leases said: seconds of audio, say. ``p99_pace`` is that of seconds per unit of
    weight, a weight under 1 taken for 1: the fixed cost of a short clip says nothing about a long one.
    """

    requests: int = 0
    rate_per_s: float = 0.0
    p50_ms: float | None = None
    p99_ms: float | None = None
    errors: int = 0
    weight: float = 0.0
    p99_pace: float | None = None


class _Second:
    """What came back in one second."""

    __slots__ = ("count", "errors", "number", "weight")

    def __init__(self, number: int) -> None:
        self.number = number
        self.count = self.errors = 0
        self.weight = 0.0


class _Window:
    """One life of a version."""

    __slots__ = ("incarnation", "latencies", "requests", "seconds", "since_s")

    def __init__(self, incarnation: int, most: int) -> None:
        self.incarnation = incarnation
        self.since_s: float | None = None  # when the first came back
        self.requests = 0
        self.seconds: deque[_Second] = deque()  # those in which anything came back, the newest last
        self.latencies: deque[tuple[int, float, float]] = deque(maxlen=most)  # (second, latency in s, weight)


class Health:
    """A listener of a Switchboard: ``board.listen(health.hear)``. Safe for threads.

    ``clock``: seconds, never going back. At most ``most`` latencies a version are kept: beyond that many in a window,
    the percentiles are of the newest.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, window_s: float = 60.0, most: int = 4096
    ) -> None:
        self._clock = clock
        self._window_s = window_s
        self._most = most
        self._lock = threading.Lock()  # guards all windows and what is in them; held for a microsecond
        self._windows: dict[VersionId, _Window] = {}

    def hear(self, event: Event) -> None:
        """Take note of what came back, and of lives that begin and end."""
        if isinstance(event, Released):
            if event.outcome is not Outcome.CANCELLED:
                self._count(event)
        elif isinstance(event, Transitioned) and event.after in (State.LOADING, State.CLOSED):
            with self._lock:  # of what is closed nothing is kept; what comes late finds the window of the next life
                self._window(event.version, event.incarnation + (event.after is State.CLOSED))

    def _count(self, event: Released) -> None:
        is_ok = event.outcome is Outcome.OK
        with self._lock:
            now_s = self._clock()
            number = int(now_s)
            window = self._windows.get(event.version)
            if window is None or window.incarnation != event.incarnation:
                window = self._window(event.version, event.incarnation)
                if window.incarnation != event.incarnation:
                    return  # of an earlier life
            seconds = window.seconds
            if not seconds or seconds[-1].number != number:
                seconds.append(_Second(number))
                if window.since_s is None:
                    window.since_s = now_s
                while seconds[0].number < self._first(now_s):
                    seconds.popleft()
            second = seconds[-1]
            second.count += 1
            second.weight += event.weight
            window.requests += 1
            if is_ok:
                window.latencies.append((number, event.latency_s, event.weight))
            else:
                second.errors += 1

    def _window(self, version: VersionId, incarnation: int) -> _Window:
        """Under the lock: the window of this life, or of a later one if that is known already."""
        window = self._windows.get(version)
        if window is None or window.incarnation < incarnation:
            window = self._windows[version] = _Window(incarnation, self._most)
        return window

    def _first(self, now_s: float) -> int:
        """The first second that is wholly in the window, which ends now."""
        return math.ceil(now_s - self._window_s)

    def figures(self, version: VersionId) -> Figures:
        """The figures of its current life; of one that nothing was heard of, zeros."""
        with self._lock:
            now_s = self._clock()
            window = self._windows.get(version)
            if window is None or window.since_s is None:
                return Figures()
            first = self._first(now_s)
            seconds = [second for second in window.seconds if second.number >= first]
            kept = list(window.latencies)
            requests, count = window.requests, sum(second.count for second in seconds)
            errors, weight = sum(second.errors for second in seconds), sum(second.weight for second in seconds)
            over_s = max(1.0, now_s - max(first, window.since_s))  # a young version's rate is over its own time
        ordered_ms = sorted(1000 * latency_s for number, latency_s, _ in kept if number >= first)
        paces = sorted(latency_s / max(1.0, heavy) for number, latency_s, heavy in kept if number >= first)
        p50_ms, p99_ms, p99_pace = _rank(ordered_ms, 50), _rank(ordered_ms, 99), _rank(paces, 99)
        return Figures(requests, count / over_s, p50_ms, p99_ms, errors, weight, p99_pace)


def _rank(ordered: Sequence[float], percent: int) -> float | None:
    rank = -(-percent * len(ordered) // 100)  # rounded up, in integers: 0.99 is no exact float
    return ordered[rank - 1] if ordered else None
