"""At process start: serve again what served when the last process ended, however it ended."""

from dataclasses import dataclass
from typing import TypeVar

from segue.errors import RestoreFailed, SegueError
from segue.swap.entry import Entry
from segue.swap.events import Switched
from segue.swap.switchboard import Switchboard

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Restored:
    """What serves again, and the row of the journal that named it. ``failures``: why no newer route does."""

    switched: Switched
    entry: Entry
    failures: tuple[str, ...]


def restore(board: Switchboard[T], *, who: str = "start") -> Restored | None:
    """Prepare and install the newest route of the journal, done or intended; if that fails, the last done before it.

    None when the journal names no route. Until this returns, the switchboard serves nothing. The versions are added
    without payload: the loader finds their content by digest. Those of earlier routes, and those that were warm beside
    it, are known again and not loaded. ``Journal.last_routes`` says what is tried. Raises RestoreFailed, Busy,
    JournalUnavailable, and Superseded when the restoring itself was cancelled.
    """
    failures: list[str] = []
    with board.change("the last route", verb="restore", who=who) as change:
        for entry in board.journal.last_routes():
            assert entry.route is not None  # by last_routes
            try:
                for resolved in entry.versions.values():
                    board.add(resolved)
                switched = board.reinstate(entry.route, entry.back, change=change)
            except SegueError as error:
                change.check()
                failures.append(f"{entry.route}: {error}")
            else:
                return Restored(switched, entry, tuple(failures))
        if failures:
            raise RestoreFailed(f"no route of the journal can be served again: {'; '.join(failures)}")
    return None
