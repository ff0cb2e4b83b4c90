"""Calls in progress, and what becomes of those that never come back."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_LOG = logging.getLogger(__name__)

_MOST_S = 0.5
"""So much counts between two looks at the most: who looks comes by more often, unless all stands still."""


@dataclass(slots=True, eq=False)
class Running:
    """One call into a model. ``give_up`` answers its caller without it; True where it may come back all the same.

    ``limit_s``: how long it may make no progress.
    """

    give_up: Callable[[], bool | None]
    limit_s: float
    beat_at_s: float = field(default_factory=time.monotonic)

    def beat(self) -> None:
        """It makes progress."""
        self.beat_at_s = time.monotonic()


class Watch:
    """Notices calls that make no progress, for ``stall_s`` unless they say less. Safe for threads.

    Whoever has it calls ``look`` now and then.
    """

    def __init__(self, stall_s: float) -> None:
        self.stall_s = stall_s
        self._looked_at_s = time.monotonic()
        self._lock = threading.Lock()  # guards _running
        self._running: set[Running] = set()

    @contextmanager
    def over(self, give_up: Callable[[], bool | None], *, limit_s: float | None = None) -> Iterator[Running]:
        """Watch over a call for the length of a block; ``limit_s`` in place of ``stall_s``.

        ``give_up`` runs in another thread; again only after it has answered True, when that did not help either.
        """
        running = Running(give_up, self.stall_s if limit_s is None else limit_s)
        with self._lock:
            self._running.add(running)
        try:
            yield running
        finally:
            with self._lock:
                self._running.discard(running)

    def look(self) -> None:
        """Give up what has stalled. While the whole process stands still, nothing stalls."""
        now_s = time.monotonic()
        stood_s, self._looked_at_s = now_s - self._looked_at_s - _MOST_S, now_s
        with self._lock:
            if stood_s > 0:
                for running in self._running:
                    running.beat_at_s += stood_s
            stalled = [running for running in self._running if now_s - running.beat_at_s > running.limit_s]
        for running in stalled:
            again: bool | None = False
            try:
                again = running.give_up()
            except Exception:  # noqa: BLE001 -- nobody looks at these again: the others must be given up now
                _LOG.exception("a stalled call could not be given up")
            if again:
                running.beat()
                continue
            with self._lock:
                self._running.discard(running)
