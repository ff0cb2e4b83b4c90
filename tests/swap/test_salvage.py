"""A damaged journal: never a crash, never believed, never deleted."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from segue.errors import JournalUnavailable
from segue.swap.entry import Entry, Kind
from segue.swap.route import Route
from segue.swap.spec import ModelSpec, Resolved, VersionId
from tests.swap.models import journal_at

ROWS = 60


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of several pages, closed cleanly."""
    directory = tmp_path_factory.mktemp("whole")
    journal = journal_at(directory, wall=lambda: 1.0)
    for number in range(ROWS):
        name = VersionId(f"v{number}")
        versions = {name: Resolved(ModelSpec(f"test/{number}"), "d" * 64)}
        journal.append(Entry(Kind.DONE, what=str(number), route=Route(name), versions=versions))
    journal.close()
    return directory / "journal.db"


def reopened(whole: Path, directory: Path, damage: Callable[[bytearray], object]) -> tuple[str, list[str], list[bytes]]:
    """Open a damaged copy: the notice, what the rows say (notes left out), and the files that were set aside."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    content = bytearray(whole.read_bytes())
    damage(content)
    (directory / "journal.db").write_bytes(content)
    journal = journal_at(directory)
    rows = [entry.what for entry in reversed(journal.history(1000)) if entry.kind is not Kind.NOTE]
    journal.append(Entry(Kind.NOTE, what="it can be written"))
    journal.close()
    aside = [path.read_bytes() for path in directory.glob("journal.damaged-*.db")]
    assert aside in ([], [bytes(content)])
    return journal.notice, rows, aside


@given(
    flips=st.lists(st.tuples(st.integers(0, 2**20), st.integers(1, 255)), min_size=1, max_size=8),
    cut=st.none() | st.integers(1, 2**20),
)
@example(flips=[(3341, 128)], cut=None)  # SQLite quotes the damaged schema, and Python cannot decode what it quotes
@example(flips=[(0, 1), (3341, 128)], cut=None)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_never_crashes_and_is_always_said(
    whole: Path, tmp_path: Path, flips: list[tuple[int, int]], cut: int | None
) -> None:
    """Whatever bytes are flipped or cut off: either every row is there, or a notice says what was kept, and where."""

    def damage(content: bytearray) -> None:
        for at, mask in flips:
            content[at % len(content)] ^= mask
        if cut is not None:
            del content[1 + cut % len(content) :]

    notice, rows, aside = reopened(whole, tmp_path / "case", damage)
    assert rows == [str(number) for number in range(len(rows))]
    if notice:
        assert aside
        assert f"{len(rows)} good rows" in notice
    else:
        assert len(rows) == ROWS


def test_a_damaged_row_ends_what_is_kept(whole: Path, tmp_path: Path) -> None:
    """A character changed in row 31 is found though the pages are whole; the 30 rows before it are kept."""

    def damage(content: bytearray) -> None:
        at = content.index(b'"what": "30"')
        content[at + 9] = ord("9")

    notice, rows, _ = reopened(whole, tmp_path / "case", damage)
    assert "row 31" in notice
    assert "journal.damaged-1.db" in notice
    assert rows == [str(number) for number in range(30)]


@pytest.mark.parametrize("at", [0, 16, 18, 28, 56, 60, 96])
def test_a_damaged_header_costs_no_row(whole: Path, tmp_path: Path, at: int) -> None:
    """The first hundred bytes are alike in all journals, so whichever of them is lost, every row is kept."""
    notice, rows, _ = reopened(
        whole, tmp_path / "case", lambda content: content.__setitem__(slice(at, at + 4), b"\xff" * 4)
    )
    assert len(rows) == ROWS
    assert bool(notice) == (at != 96)  # who wrote it last: of no consequence


def test_it_is_said_in_the_new_journal_too(whole: Path, tmp_path: Path) -> None:
    """The notice is a row, so the history tells of the gap; the next start finds nothing wrong."""
    (tmp_path / "journal.db").write_bytes(whole.read_bytes()[:-4096])
    notice = journal_at(tmp_path).notice
    again = journal_at(tmp_path)
    assert notice
    assert again.notice == ""
    assert notice in [entry.what for entry in again.history()]


def test_what_is_set_aside_is_never_overwritten(tmp_path: Path) -> None:
    """Each damaged file gets a name of its own."""
    for content in (b"not a database at all", b"nor this one"):
        (tmp_path / "journal.db").write_bytes(content)
        journal_at(tmp_path).close()
    assert (tmp_path / "journal.damaged-1.db").read_bytes() == b"not a database at all"
    assert (tmp_path / "journal.damaged-2.db").read_bytes() == b"nor this one"


def test_cut_off_in_the_middle_of_a_salvage(whole: Path, tmp_path: Path) -> None:
    """What an earlier attempt left half done is begun again: nothing of it is believed."""
    (tmp_path / "journal.db").write_bytes(whole.read_bytes()[:-4096])
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"journal.db.new{suffix}").write_bytes(b"half")
    journal = journal_at(tmp_path)
    assert journal.notice
    journal.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["journal.damaged-1.db", "journal.db"]


def test_a_database_of_somebody_else(tmp_path: Path) -> None:
    """Another program's SQLite file is set aside, not written into."""
    with closing(sqlite3.connect(tmp_path / "journal.db")) as other, other:
        other.execute("CREATE TABLE songs (name TEXT)")
        other.execute("PRAGMA user_version = 1")
    journal = journal_at(tmp_path)
    assert "its tables are not those of a journal" in journal.notice
    assert journal.append(Entry(Kind.NOTE)) == 2


def test_an_empty_file_is_a_new_journal(tmp_path: Path) -> None:
    """A process that ended while it made the file has lost nothing."""
    (tmp_path / "journal.db").touch()
    assert journal_at(tmp_path).append(Entry(Kind.NOTE)) == 1


def test_damage_found_while_running(whole: Path, tmp_path: Path) -> None:
    """A row that goes bad under an open journal is a clear error that says what to do."""
    shutil.copy(whole, tmp_path / "journal.db")
    journal = journal_at(tmp_path)
    with closing(sqlite3.connect(tmp_path / "journal.db")) as other, other:
        other.execute("DROP TRIGGER fixed")
        other.execute("UPDATE rows SET body = replace(body, '30', '99') WHERE seq = 31")
    with pytest.raises(JournalUnavailable, match="restart to set the damaged file aside"):
        journal.history(1000)
