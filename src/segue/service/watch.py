"""Calls in progress, and what becomes of those that never come back."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_LOG = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Running:
    """One call into a model. ``give_up`` answers its caller without it; True where it may come back all the same."""

    give_up: Callable[[], bool | None]
    beat_at_s: float = field(default_factory=time.monotonic)

    def beat(self) -> None:
        """It makes progress."""
        self.beat_at_s = time.monotonic()


class Watch:
    """Notices calls that have made no progress for ``stall_s``. Safe for threads; ``look`` is called now and then."""

    def __init__(self, stall_s: float) -> None:
        self.stall_s = stall_s
        self._looked_at_s = time.monotonic()
        self._lock = threading.Lock()  # guards _running
        self._running: set[Running] = set()

    @contextmanager
    def over(self, give_up: Callable[[], bool | None]) -> Iterator[Running]:
        """Watch over a call for the length of a block.

        ``give_up`` runs in another thread; again only after it has answered True, when that did not help either.
        """
        running = Running(give_up)
        with self._lock:
            self._running.add(running)
        try:
            yield running
        finally:
            with self._lock:
                self._running.discard(running)

    def look(self) -> None:
        """Give up what has stalled. Where the whole process stood still (stopped, or its machine), that is no stall."""
        now_s = time.monotonic()
        stood_s, self._looked_at_s = now_s - self._looked_at_s, now_s
        with self._lock:
            if stood_s > self.stall_s / 2:
                for running in self._running:
                    running.beat_at_s += stood_s
            stalled = [running for running in self._running if now_s - running.beat_at_s > self.stall_s]
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
