"""One look at the service a second for all pages that are open, in both languages."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from segue.edges.ui.door import Door
from segue.edges.ui.models.traffic import Course, Traffic
from segue.errors import SegueError, UnknownRollout
from segue.service.mirror import MirrorReport
from segue.service.status import Status
from segue.swap import Entry, RolloutReport

if TYPE_CHECKING:
    from segue.service import Service

KEPT_S = 1.0
ROWS = 240
"""Of the journal, in one look."""
_MOST_COURSES = 6


@dataclass(frozen=True, slots=True)
class Seen:
    """The service at one moment. ``rollout``: the one under way, or else the last. ``rows``: the newest first."""

    status: Status
    rollout: RolloutReport | None
    mirror: MirrorReport | None
    rows: tuple[Entry, ...]
    rows_error: SegueError | None
    courses: tuple[Course, ...]


class Lookout:
    """Looks when it is asked, and not again within ``KEPT_S``. Safe for threads. It listens to the traffic always."""

    def __init__(self, service: "Service", *, clock: Callable[[], float] = time.monotonic) -> None:
        self._service = service
        self._clock = clock
        self._traffic = Traffic(clock)
        self._lock = threading.Lock()  # guards all below, and is held for a look: who comes meanwhile shares it
        self._seen: Seen | None = None
        self._at_s = 0.0
        self._parts: dict[str, Mapping[str, str]] = {}
        service.board.listen(self._traffic.hear)

    def look(self, language: str, made: Callable[[Seen], Mapping[str, str]]) -> tuple[Seen, Mapping[str, str]]:
        """A look that is no older than ``KEPT_S``, and what ``made`` makes of it, once a language."""
        with self._lock:
            if self._seen is None or self._clock() - self._at_s >= KEPT_S:
                self._seen, self._at_s, self._parts = self._look(self._seen), self._clock(), {}
            if language not in self._parts:
                self._parts[language] = made(self._seen)
            return self._seen, self._parts[language]

    def forget(self) -> None:
        """Something was done: the next one looks anew."""
        with self._lock:
            self._at_s = -KEPT_S

    def _look(self, before: Seen | None) -> Seen:
        rollout, mirror = None, None
        try:
            rollout = self._service.rollouts.report()
            mirror = _mirror_of_one_over(rollout, before) or self._service.mirrored(rollout.version)
        except UnknownRollout:
            pass
        rows, rows_error = before.rows if before else (), None
        try:
            newest = self._service.history(1)
            if [row.seq for row in newest] != [row.seq for row in rows[:1]]:
                rows = tuple(self._service.history(ROWS))
        except SegueError as error:
            rows_error = error
        courses = self._traffic.courses(_MOST_COURSES)
        return Seen(self._service.status(), rollout, mirror, rows, rows_error, courses)


def _mirror_of_one_over(rollout: RolloutReport, before: Seen | None) -> MirrorReport | None:
    """Nothing is compared any more when it was over at the last look: to tell it costs a sort of ten thousand."""
    was_over = before is not None and before.rollout is not None and before.rollout.is_over
    return before.mirror if was_over and before and before.rollout and before.rollout.id == rollout.id else None


_LOOKOUTS: "WeakKeyDictionary[Door, Lookout]" = WeakKeyDictionary()
_MAKING = threading.Lock()  # guards _LOOKOUTS


def lookout_of(service: "Service", door: Door) -> Lookout:
    """The one of a service: its page is built once a language, and has one door."""
    with _MAKING:
        found = _LOOKOUTS.get(door)
        if found is None:
            found = _LOOKOUTS[door] = Lookout(service)
        return found
