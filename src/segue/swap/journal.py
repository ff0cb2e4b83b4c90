"""What survives the process: an append-only SQLite file of routes and transitions, never of requests.

- *Durable.* WAL, synchronous=FULL, and every commit is copied into the main file at once: when ``append`` returns,
  the rows are on the disk, whatever happens next.
- *In order.* Rows are numbered without gaps; the wall clock is only shown.
- *Append-only.* The file itself refuses to change or delete a row.
- *Never believed blindly.* Each row has a checksum. A file that is not as it was written is set aside, never deleted,
  and a new one begins with its rows up to the last good one: ``notice`` says so, and so does a row.
- *Never waited for* by those that cannot wait: ``defer`` keeps rows in memory until the next ``append`` or ``flush``.
"""

import logging
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from segue.errors import JournalUnavailable
from segue.swap import salvage
from segue.swap.entry import Entry, Kind, Row, from_row, to_row

_LOG = logging.getLogger(__name__)


class Journal:
    """The journal in one file; one process writes, any number read. Safe for threads.

    ``wall`` is the clock that people read, ``busy_s`` how long a lock held by another process is waited for, and
    ``most_pending`` how many rows are kept in memory while the file cannot be written.
    Raises JournalUnavailable when the file cannot be opened: locked by another process, full disk, permissions.
    """

    def __init__(
        self, path: Path | None, *, wall: Callable[[], float] = time.time, busy_s: float = 1.0, most_pending: int = 1000
    ) -> None:
        """``path`` None is a journal in memory: it ends with the process."""
        self.path = path
        self.notice = ""
        """Empty, or what was found damaged at opening and what became of it."""
        self._wall = wall
        self._busy_s = busy_s
        self._most_pending = most_pending
        self._lock = threading.Lock()  # guards _connection, and so the order of rows in the file; held during I/O
        self._was_written = True  # whether the last write succeeded
        self._pending_lock = threading.Lock()  # guards _pending and _dropped; never held during I/O; taken last
        self._pending: list[Entry] = []
        self._dropped = 0
        with _translated(path):
            self._connection = self._open()
        weakref.finalize(self, self._connection.close)  # one in memory is nobody's to close
        self.flush()

    def __repr__(self) -> str:
        return f"<Journal {self.path or 'in memory'}: {self.pending} rows pending>"

    # -- writing ---------------------------------------------------------------------------------------------------

    def append(self, entry: Entry) -> int:
        """Write what is pending and then this, durably, in one transaction; its number. Raises JournalUnavailable."""
        return self._write(replace(entry, at=self._wall()), busy_s=self._busy_s)

    def defer(self, entry: Entry) -> None:
        """Keep for the next ``append`` or ``flush``. Never waits. Beyond the bound, rows of no route are lost first."""
        with self._pending_lock:
            self._pending.append(replace(entry, at=self._wall()))
            if len(self._pending) > self._most_pending:
                self._dropped += 1
                spare = (at for at, row in enumerate(self._pending) if row.kind is not Kind.DONE and row.of is None)
                del self._pending[next(spare, 0)]

    def flush(self) -> bool:
        """Write what is pending, if it can be written; whether nothing is pending now. Never raises.

        A lock is not waited for again where the last write has done so in vain.
        """
        if self.pending:
            with suppress(JournalUnavailable):
                self._write(busy_s=self._busy_s if self._was_written else 0)
        return not self.pending

    @property
    def pending(self) -> int:
        """How many rows are not on the disk yet."""
        return len(self._pending)

    def close(self) -> None:
        """Write what is pending, if it can be, and close the file. Later writes raise JournalUnavailable."""
        self.flush()
        with self._lock, suppress(sqlite3.Error):
            self._connection.close()

    # -- reading ---------------------------------------------------------------------------------------------------

    def history(self, limit: int = 50, *, before: int | None = None) -> list[Entry]:
        """The newest rows, newest first; with ``before``, those with smaller numbers. Raises JournalUnavailable."""
        try:
            return [from_row(row) for row in self._select(limit, before)]
        except (ValueError, TypeError, LookupError) as error:
            raise JournalUnavailable(f"{self.path}: {error}; restart to set the damaged file aside") from error

    def last_routes(self) -> tuple[Entry, ...]:
        """The newest row whose route was installed or being installed, then the last ``done`` with another route.

        If that was a trial, the last without one follows: a trial that cannot be loaded must not cost its primary.
        """
        found: list[Entry] = []
        settled: set[int | None] = set()
        for entry in self._backwards():
            if entry.kind in (Kind.DONE, Kind.REFUSED):
                settled.add(entry.of)
            under_way = entry.kind is Kind.INTENT and not found and entry.seq not in settled
            route = entry.route if under_way or entry.kind is Kind.DONE else None
            if route is None or any(other.route == route for other in found):
                continue
            if len(found) < 2 or not route.is_trial:
                found.append(entry)
            if len(found) >= 2 and not route.is_trial:
                break
        return tuple(found)

    def _backwards(self) -> Iterator[Entry]:
        page = self.history(100)
        while page:
            yield from page
            page = self.history(100, before=page[-1].seq)

    # -- the file --------------------------------------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        if self.path is None:
            return salvage.create(":memory:")
        if not self.path.exists():
            return salvage.create(self.path, busy_s=self._busy_s)
        try:
            return salvage.open_whole(self.path, busy_s=self._busy_s)
        except salvage.Damaged as damage:
            aside, kept = salvage.set_aside(self.path)
            self.notice = (
                f"{self.path.name} was damaged ({damage}): kept as {aside.name}, begun anew with {kept} good rows"
            )
        _LOG.error("journal: %s", self.notice)
        self.defer(Entry(Kind.NOTE, what=self.notice))
        return salvage.open_whole(self.path, busy_s=self._busy_s)

    def _write(self, *entries: Entry, busy_s: float) -> int:
        with self._lock, _translated(self.path):
            self._was_written = False
            if self.path is not None and not self.path.exists():
                raise FileNotFoundError("it was removed; restart to begin another")
            with self._pending_lock:
                pending, dropped = tuple(self._pending), self._dropped
            note = f"{dropped} rows were lost while the journal could not be written"
            lost = [Entry(Kind.NOTE, what=note, at=self._wall())] if dropped else []
            with self._connection as connection:  # commits, or rolls back
                connection.execute(f"PRAGMA busy_timeout = {round(1000 * busy_s)}")
                connection.execute("BEGIN IMMEDIATE")
                (seq,) = connection.execute("SELECT seq FROM tail").fetchone()
                for entry in (*lost, *pending, *entries):
                    seq += 1
                    connection.execute("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?)", to_row(entry, seq))
            self._was_written = True
            written = set(map(id, pending))
            with self._pending_lock:
                self._pending = [entry for entry in self._pending if id(entry) not in written]
                self._dropped -= dropped
            with suppress(sqlite3.Error):  # a reader in the way: the next commit copies it
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            return int(seq)

    def _select(self, limit: int, before: int | None) -> list[Row]:
        where, values = ("", ()) if before is None else ("WHERE seq < ?", (before,))
        query = f"SELECT seq, at, kind, of, body, checksum FROM rows {where} ORDER BY seq DESC LIMIT ?"
        with self._lock, _translated(self.path), closing(self._connection.execute(query, (*values, limit))) as cursor:
            return cursor.fetchall()


@contextmanager
def _translated(path: Path | None) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise JournalUnavailable(f"the journal {path or 'in memory'} cannot be used: {error}") from error
