"""The journal: durable, in order, append-only, and clear when it cannot be written."""

import os
import resource
import signal
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from segue.errors import JournalUnavailable
from segue.swap.entry import Entry, Kind
from segue.swap.journal import Journal
from segue.swap.route import Route
from segue.swap.spec import VersionId
from tests.swap.models import journal_at

A, B, C = (Route(VersionId(name)) for name in "abc")
LITTLE, MUCH = (Route(A.primary, B.primary, share) for share in (0.1, 0.5))


def whats(journal: Journal) -> list[str]:
    """What the rows say, oldest first."""
    return [entry.what for entry in reversed(journal.history(10_000))]


def note(text: str) -> Entry:
    return Entry(Kind.NOTE, what=text)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another connection holds the write lock, as another process would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process may grow: a disk with no room, for one that need not be root."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old)


def test_rows_are_read_back_by_the_next_process(tmp_path: Path) -> None:
    """What was appended is there after closing and opening, numbered from 1 without gaps."""
    first = journal_at(tmp_path)
    assert [first.append(note(text)) for text in "xyz"] == [1, 2, 3]
    first.close()
    second = journal_at(tmp_path)
    assert whats(second) == ["x", "y", "z"]
    assert second.append(note("w")) == 4
    assert second.notice == ""


def test_history_is_newest_first_in_pages(tmp_path: Path) -> None:
    """A page ends where the next begins."""
    journal = journal_at(tmp_path)
    for number in range(1, 8):
        journal.append(note(str(number)))
    page = journal.history(3)
    assert [entry.seq for entry in page] == [7, 6, 5]
    assert [entry.seq for entry in journal.history(3, before=page[-1].seq)] == [4, 3, 2]


def test_a_route_is_found_however_far_back(tmp_path: Path) -> None:
    """Hundreds of rows of no route after it do not hide it."""
    journal = journal_at(tmp_path)
    journal.append(Entry(Kind.DONE, route=A))
    for _ in range(350):
        journal.defer(Entry(Kind.STATE))
    journal.flush()
    assert [entry.route for entry in journal.last_routes()] == [A]


def test_the_wall_clock_does_not_reorder(tmp_path: Path) -> None:
    """A clock that jumps back is shown as it was; the order is that of writing."""
    times = iter([100.0, 50.0, 75.0])
    journal = journal_at(tmp_path, wall=lambda: next(times))
    for text in "xyz":
        journal.append(note(text))
    assert [(entry.what, entry.at) for entry in journal.history()] == [("z", 75.0), ("y", 50.0), ("x", 100.0)]


def test_the_file_refuses_to_forget(tmp_path: Path) -> None:
    """No row can be changed, deleted, or put in between, even by hand."""
    journal = journal_at(tmp_path)
    journal.append(note("x"))
    journal.close()
    with closing(sqlite3.connect(tmp_path / "journal.db")) as other:
        for statement in ("UPDATE rows SET body = ''", "DELETE FROM rows", "INSERT INTO rows VALUES (9,0,'','','','')"):
            with pytest.raises(sqlite3.IntegrityError, match=r"append-only|without gaps"):
                other.execute(statement)


def test_a_lock_is_waited_for_once(tmp_path: Path) -> None:
    """While another process holds it each ``append`` waits its time, and ``flush`` only where the last write did not:
    a rollback flushes several times."""
    journal = journal_at(tmp_path, busy_s=1.0)
    with locked(tmp_path / "journal.db"):
        with pytest.raises(JournalUnavailable, match="locked"):
            journal.append(note("x"))
        journal.defer(note("y"))
        began_s = time.monotonic()
        assert not any(journal.flush() for _ in range(10))
        assert time.monotonic() - began_s < 0.9
        with pytest.raises(JournalUnavailable, match="locked"):
            journal.append(note("z"))
        assert time.monotonic() - began_s > 0.9
    assert journal.flush()
    assert whats(journal) == ["y"]


def test_deferred_rows_come_before_the_next(tmp_path: Path) -> None:
    """They are written in their order, in the same transaction, and with the time at which they were deferred."""
    times = iter([1.0, 2.0, 3.0])
    journal = journal_at(tmp_path, wall=lambda: next(times))
    journal.defer(note("x"))
    journal.defer(note("y"))
    assert (journal.pending, whats(journal)) == (2, [])
    journal.append(note("z"))
    assert (journal.pending, whats(journal)) == (0, ["x", "y", "z"])
    assert [entry.at for entry in journal.history()] == [3.0, 2.0, 1.0]


def test_locked_by_another_process(tmp_path: Path) -> None:
    """Writing says so, keeps what is pending, and goes on when the lock is free."""
    journal = journal_at(tmp_path)
    journal.defer(note("x"))
    with locked(tmp_path / "journal.db"):
        with pytest.raises(JournalUnavailable, match="locked"):
            journal.append(note("y"))
        assert not journal.flush()
        assert journal.history() == []
    assert journal.flush()
    assert whats(journal) == ["x"]


def test_locked_while_opening(tmp_path: Path) -> None:
    """Another process that holds all of it: a clear error, and nothing is set aside."""
    journal_at(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(JournalUnavailable, match="locked"):
            journal_at(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["journal.db"]


def test_a_full_disk(tmp_path: Path) -> None:
    """Writing says so; what was written before stays whole, and it goes on when there is room."""
    journal = journal_at(tmp_path)
    journal.append(note("x"))
    with full_disk(), pytest.raises(JournalUnavailable):
        journal.append(note("y" * 100_000))
    journal.append(note("z"))
    rows = whats(journal)
    assert (rows[0], rows[-1]) == ("x", "z")
    journal.close()
    again = journal_at(tmp_path)
    assert (again.notice, whats(again)) == ("", rows)


def test_a_full_disk_while_opening(tmp_path: Path) -> None:
    """A journal that cannot be made is a clear error."""
    with full_disk(), pytest.raises(JournalUnavailable):
        journal_at(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_no_permission(tmp_path: Path) -> None:
    """A directory that cannot be written is a clear error."""
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(JournalUnavailable):
        journal_at(tmp_path)


def test_a_directory_in_its_place(tmp_path: Path) -> None:
    """What is no file is a clear error, and stays."""
    (tmp_path / "journal.db").mkdir()
    with pytest.raises(JournalUnavailable):
        journal_at(tmp_path)
    assert (tmp_path / "journal.db").is_dir()


def test_what_is_pending_is_bounded(tmp_path: Path) -> None:
    """While nothing can be written, rows of no route are forgotten first, and the loss is told."""
    journal = journal_at(tmp_path, most_pending=3)
    journal.defer(Entry(Kind.DONE, what="route", route=A))
    for number in range(5):
        journal.defer(Entry(Kind.REFUSED if number % 2 else Kind.STATE, what=str(number)))
    assert journal.pending == 3
    journal.flush()
    assert whats(journal) == ["3 rows were lost while the journal could not be written", "route", "3", "4"]


def test_a_file_that_was_removed(tmp_path: Path) -> None:
    """SQLite would write on into a file without a name: that is refused."""
    journal = journal_at(tmp_path)
    (tmp_path / "journal.db").unlink()
    with pytest.raises(JournalUnavailable, match="it was removed"):
        journal.append(note("x"))


def test_a_closed_journal_refuses(tmp_path: Path) -> None:
    """Closing writes what is pending; writing afterwards is a clear error."""
    journal = journal_at(tmp_path)
    journal.defer(note("x"))
    journal.close()
    with pytest.raises(JournalUnavailable):
        journal.append(note("y"))
    assert whats(journal_at(tmp_path)) == ["x"]


def test_in_memory() -> None:
    """Without a path it works the same, and leaves nothing."""
    journal = Journal(None)
    journal.append(note("x"))
    assert whats(journal) == ["x"]
    assert repr(journal) == "<Journal in memory: 0 rows pending>"


# -- what served last ----------------------------------------------------------------------------------------------


def last(*entries: Entry) -> list[Route | None]:
    journal = Journal(None)
    for entry in entries:
        journal.append(entry)
    return [entry.route for entry in journal.last_routes()]


def intent(route: Route) -> Entry:
    return Entry(Kind.INTENT, route=route)


def done(route: Route | None, of: int | None = None) -> Entry:
    return Entry(Kind.DONE, route=route, of=of)


def test_nothing_served() -> None:
    """An empty journal, and one of states only, name no route."""
    assert last() == []
    assert last(Entry(Kind.STATE), note("x")) == []


def test_the_last_done_and_the_one_before() -> None:
    """A finished switch is the newest; then comes the last done with another route."""
    assert last(intent(A), done(A, 1), intent(B), done(B, 3)) == [B, A]
    assert last(intent(A), done(A, 1)) == [A]


def test_an_intent_that_was_cut_off_is_tried_first() -> None:
    """The process ended inside a switch: the route being installed, then the last done."""
    assert last(intent(A), done(A, 1), intent(B), done(B, 3), intent(C)) == [C, B]
    assert last(intent(A)) == [A]


def test_an_intent_that_was_refused_is_not_tried() -> None:
    """It was superseded before the pointer moved."""
    assert last(intent(A), done(A, 1), intent(B), Entry(Kind.REFUSED, of=3)) == [A]


def test_an_older_intent_is_never_tried() -> None:
    """Only the newest may have been under way; an older one without an end is from a process long gone."""
    assert last(intent(A), done(A, 1), intent(B), intent(C), done(C, 4)) == [C, A]


def test_restarts_do_not_hide_the_one_before() -> None:
    """Restoring the same route again and again writes rows, and the other route is found behind them."""
    assert last(intent(A), done(A, 1), intent(B), done(B, 3), intent(B), done(B, 5), intent(B)) == [B, A]


def test_a_route_recorded_late_counts() -> None:
    """A fall-back has a done row alone; one to nothing names no route."""
    assert last(intent(A), done(A, 1), intent(B), done(B, 3), done(A)) == [A, B]
    assert last(intent(A), done(A, 1), done(None)) == [A]


def test_behind_a_trial_comes_what_served_before_it() -> None:
    """Every route of a trial names its canary: if that cannot be loaded the last settled route is there to serve."""
    assert last(done(A), done(LITTLE), done(MUCH)) == [MUCH, LITTLE, A]
    assert last(done(C), done(A), done(LITTLE)) == [LITTLE, A]
    assert last(done(A), done(LITTLE), intent(C)) == [C, LITTLE, A]
    assert last(done(LITTLE), done(MUCH), done(C)) == [C, MUCH]
