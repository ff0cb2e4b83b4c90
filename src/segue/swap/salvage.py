"""The journal's file: how it is made, how it is known to be whole, and what is saved when it is not.

A damaged file is copied as it stands to ``journal.damaged-1.db`` (the next free number) with its WAL beside it, a new
file is made of its good rows, and put in its place by one rename. (The WAL has no rows that the file has not: see
``Journal``.) Cut off anywhere in between, the damaged file is
still there, and the next start begins again.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path

from segue.swap.entry import Row, from_row

VERSION = 1
_SCHEMA = f"""
CREATE TABLE rows (seq INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, of INTEGER, body TEXT NOT NULL,
                   checksum TEXT NOT NULL);
CREATE TABLE tail (seq INTEGER NOT NULL);
INSERT INTO tail VALUES (0);
CREATE TRIGGER next BEFORE INSERT ON rows WHEN new.seq != (SELECT seq + 1 FROM tail)
    BEGIN SELECT raise(ABORT, 'rows are numbered without gaps'); END;
CREATE TRIGGER count AFTER INSERT ON rows BEGIN UPDATE tail SET seq = new.seq; END;
CREATE TRIGGER fixed BEFORE UPDATE ON rows BEGIN SELECT raise(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER kept BEFORE DELETE ON rows BEGIN SELECT raise(ABORT, 'the journal is append-only'); END;
PRAGMA user_version = {VERSION};
"""
_ROWS = "SELECT seq, at, kind, of, body, checksum FROM rows ORDER BY seq"
_NOT_DAMAGE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
_NOT_DAMAGE |= {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM}


class Damaged(Exception):
    """The file is not one that we wrote, or not as we wrote it."""


def create(path: Path | str, *, busy_s: float = 1.0) -> sqlite3.Connection:
    """A new journal without rows. Raises sqlite3.Error, or OSError when the directory cannot be made."""
    if isinstance(path, Path):
        path.parent.mkdir(parents=True, exist_ok=True)
    connection = _connect(path, busy_s=busy_s)
    with _closed_on_error(connection):
        connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}COMMIT;")
    return connection


def open_whole(path: Path, *, busy_s: float) -> sqlite3.Connection:
    """Open a journal and check all of it. Raises Damaged, or sqlite3.Error when it cannot be used now."""
    try:
        if 0 < path.stat().st_size < 512:
            raise Damaged("it is cut short")  # SQLite would take it for empty
        connection = _connect(path, busy_s=busy_s)
        with _closed_on_error(connection):
            _check(connection)
    except sqlite3.Error as error:
        if _is_damage(error):
            raise Damaged(str(error)) from error
        raise
    return connection


def set_aside(path: Path) -> tuple[Path, int]:
    """Copy the damaged file aside and put one with its good rows in its place; the copy, and how many are kept."""
    numbered = (path.with_name(f"{path.stem}.damaged-{number}.db") for number in count(1))
    aside = next(name for name in numbered if not name.exists())
    for suffix in ("-wal", ""):  # the file itself last: its name says that the copy is whole
        with suppress(FileNotFoundError):
            _copy(Path(f"{path}{suffix}"), Path(f"{aside}{suffix}"))
    fresh = path.with_name(f"{path.name}.new")
    rows = _good_rows(path, fresh)
    _remove(fresh)
    with closing(create(fresh)) as connection:
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
    _remove(path, "-wal", "-shm")  # they belong to the damaged file: the new one must not find them
    fresh.replace(path)
    _sync(path.parent)
    return aside, len(rows)


def _connect(path: Path | str, *, busy_s: float) -> sqlite3.Connection:
    # One connection for all threads, under the journal's lock; transactions are begun and ended by hand.
    connection = sqlite3.connect(path, timeout=busy_s, check_same_thread=False, isolation_level=None)
    with _closed_on_error(connection):
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
    return connection


@contextmanager
def _closed_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:  # what Python makes of SQLite quoting a damaged schema
        connection.close()
        raise sqlite3.DatabaseError("it holds text that is none") from error
    except BaseException:
        connection.close()
        raise


def _check(connection: sqlite3.Connection) -> None:
    """Raise Damaged unless the file is whole: its pages, its tables, every row, and that none is missing."""
    faults = [str(fault) for (fault,) in connection.execute("PRAGMA integrity_check(1)")]
    if faults != ["ok"]:
        raise Damaged(faults[0])
    (version,), schema = connection.execute("PRAGMA user_version").fetchone(), _schema(connection)
    if version == 0 and not schema:
        connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}COMMIT;")  # a process ended while it made the file
        return
    with closing(create(":memory:")) as new:
        if version != VERSION or schema != _schema(new):
            raise Damaged(f"its tables are not those of a journal of version {VERSION}")
    expected, (tail,) = 0, connection.execute("SELECT seq FROM tail").fetchone()
    for row in connection.execute(_ROWS):
        expected += 1
        _check_row(row, expected)
    if expected != tail:
        raise Damaged(f"{tail} rows were written and {expected} are there")


def _schema(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    return connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()


def _check_row(row: Row, seq: int) -> None:
    try:
        entry = from_row(row)
    except (ValueError, TypeError, LookupError) as error:
        raise Damaged(f"row {seq}: {error}") from error
    if entry.seq != seq:
        raise Damaged(f"row {seq} is missing")


def _good_rows(damaged: Path, work: Path) -> list[Row]:
    """The rows before the first that cannot be read or is not as it was written.

    The header of the file is the same in every journal, so when it is what was damaged another one does: both are
    tried, on copies. Its "version valid for" is not 1, which makes SQLite take the number of pages from the file size.
    """
    _remove(work)  # of an attempt that was cut off
    with closing(create(work)):
        pass
    content, header = damaged.read_bytes(), work.read_bytes()[:92] + bytes(8)
    return max((_readable(work, content), _readable(work, header + content[100:])), key=len)


def _readable(work: Path, content: bytes) -> list[Row]:
    rows: list[Row] = []
    _remove(work)
    work.write_bytes(content)
    with suppress(sqlite3.Error, UnicodeDecodeError, Damaged), closing(_connect(work, busy_s=0)) as connection:
        for row in connection.execute(_ROWS):
            _check_row(row, len(rows) + 1)
            rows.append(row)
    return rows


def _remove(path: Path, *suffixes: str) -> None:
    for suffix in suffixes or ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def _is_damage(error: sqlite3.Error) -> bool:
    """Whether it is the file that is at fault, not the moment. Extended codes hold the primary one in the low byte."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF not in _NOT_DAMAGE


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    _sync(target)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
