"""At process start: serve again what served when the last process ended, however it ended, and go on with its rollout.

1. The newest route of the journal, done or intended, is prepared and installed; if that fails, the last done before it.
2. *Boot guard*: a version that was on trial or in its bake time when the process ended without a clean end, twice in a
   row within ten minutes of taking traffic, is left out: its route without it, or the one before, serves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from segue.errors import RestoreFailed, SegueError
from segue.swap.entry import Entry, Kind
from segue.swap.events import Switched
from segue.swap.journal import Journal
from segue.swap.progress import Phase
from segue.swap.route import Route
from segue.swap.spec import VersionId
from segue.swap.switchboard import Switchboard

T = TypeVar("T")

CLEAN_END = "clean end"
"""The verb of the last row of a process that ended by itself."""

_SOON_S = 600.0
_TOO_OFTEN = 2
_OVER = frozenset(phase.value for phase in Phase if phase.is_over)
_TRIALS = frozenset(phase.value for phase in Phase if phase.is_trial)


@dataclass(frozen=True, slots=True)
class Restored:
    """What serves again, and the row of the journal that named it. ``failures``: why no newer route does."""

    switched: Switched
    entry: Entry
    failures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A rollout that was under way when the process ended. ``said``: what the newest row of it says.

    ``crashes``: so often in a row the process ended without a clean end within ten minutes of taking traffic.
    """

    said: Mapping[str, Any]
    crashes: int

    @property
    def version(self) -> VersionId:
        """The one that is released."""
        return VersionId(self.said["rollout"]["version"])

    @property
    def is_trial(self) -> bool:
        """Whether it was beside the primary, not the primary yet."""
        return self.said["rollout"].get("phase") in _TRIALS

    @property
    def is_to_be_taken_back(self) -> bool:
        """Whether that was too often."""
        return self.crashes >= _TOO_OFTEN


def last_mark(journal: Journal, *, now: float, most: int = 1000) -> Mark | None:
    """The rollout that the journal ends with, if one was under way. ``now``: seconds since 1970.

    Raises JournalUnavailable.
    """
    newest = journal.history(most)
    was_clean = not newest or newest[0].verb == CLEAN_END
    settled, over = set[int | None](), set[str]()
    for entry in newest:
        if entry.kind in (Kind.DONE, Kind.REFUSED):
            settled.add(entry.of)
        is_under_way = entry.kind is Kind.INTENT and entry.seq not in settled  # what is tried first by ``restore``
        known = entry.evidence.get("rollout")
        if (entry.kind in (Kind.DONE, Kind.NOTE) or is_under_way) and isinstance(known, dict) and "plan" in known:
            if str(known.get("phase")) in _OVER:  # it may be told after what has begun in its place
                over.add(str(known.get("id")))
                continue
            if str(known.get("id")) in over or not isinstance(known.get("version"), str):
                return None
            was_soon = not was_clean and now - entry.at <= _SOON_S
            before = known.get("crashes")
            return Mark(entry.evidence, (before if isinstance(before, int) else 0) + 1 if was_soon else 0)
        if entry.kind is Kind.DONE and entry.verb not in ("restore", "fall back"):
            return None  # something else was installed after it
    return None


def restore(board: Switchboard[T], *, who: str = "start", without: VersionId | None = None) -> Restored | None:
    """Prepare and install the newest route of the journal (rule 1), leaving out a version (rule 2).

    None when the journal names no route. Until this returns, the switchboard serves nothing. The versions are added
    without payload: the loader finds their content by digest. Those of earlier routes, and those that were warm beside
    it, are known again and not loaded. ``Journal.last_routes`` says what is tried. Raises RestoreFailed, Busy,
    JournalUnavailable, and Superseded when the restoring itself was cancelled.
    """
    failures: list[str] = []
    with board.change("the last route", verb="restore", who=who) as change:
        if without is not None:
            change.says(f"{without} is left out: the process ended twice soon after it took traffic", {})
        for entry in board.journal.last_routes():
            route, back = _without(entry, without)
            try:
                for resolved in entry.versions.values():
                    board.add(resolved)
                switched = board.reinstate(route, back, change=change)
            except SegueError as error:
                change.check()
                failures.append(f"{route}: {error}")
            else:
                return Restored(switched, entry, tuple(failures))
        if failures:
            raise RestoreFailed(f"no route of the journal can be served again: {'; '.join(failures)}")
    return None


def _without(entry: Entry, version: VersionId | None) -> tuple[Route, tuple[Route, ...]]:
    """The route of a row and those that can be gone back to, without a version where there is another."""
    route, back = entry.route, entry.back
    assert route is not None  # by last_routes
    if version is None or version not in route.versions:
        return route, back
    rest = route.without(version)
    if rest is not None:
        return rest, back[:-1] if back[-1:] == (rest,) else back
    others = [way for way in back if version not in way.versions]
    return (others[-1], tuple(others[:-1])) if others else (route, back)
