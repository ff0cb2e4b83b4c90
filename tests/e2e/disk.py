"""Faults of the disk under a real server's ``SEGUE_HOME``, each for the length of a block.

A disk that is full or may only be read needs a file system of its own, which root alone may make: ``small_disk``.
Anyone may take the journal away, or lock it.
"""

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path

ROOM_BYTES = 32 * 2**20
Fault = Callable[[Path], AbstractContextManager[None]]


@contextmanager
def small_disk(home: Path) -> Iterator[bool]:
    """A disk of 32 MB for this new home; False where none can be mounted, and the home is a plain directory."""
    home.mkdir()
    is_mounted = _mount("-t", "tmpfs", "-o", f"size={ROOM_BYTES}", "tmpfs", str(home))
    try:
        yield is_mounted
    finally:
        if is_mounted:
            _unmount(home)


def faults(*, own_disk: bool) -> Mapping[str, Fault]:
    """What can be done to a home, by name; on a disk of its own more than on one that others use too."""
    anywhere = {"the journal is locked": locked, "the journal is gone": gone}
    return anywhere | {"the disk is full": full, "the disk is read-only": read_only} if own_disk else anywhere


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Another process holds the journal, as some backups do."""
    with closing(sqlite3.connect(home / "journal.db", isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def gone(home: Path) -> Iterator[None]:
    """The journal's file has another name."""
    journal, aside = home / "journal.db", home / "moved-away.db"
    journal.rename(aside)
    try:
        yield
    finally:
        aside.rename(journal)


@contextmanager
def full(home: Path) -> Iterator[None]:
    """Not a byte is left on the home's disk, nor in the journal's own files, where the next rows would find room."""
    ballast = home / "ballast"
    with closing(sqlite3.connect(home / "journal.db", isolation_level=None, timeout=30)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    try:
        with ballast.open("wb", buffering=0) as file:
            for size in (2**20, 4096, 1):
                with suppress(OSError):
                    while file.write(bytes(size)) == size:
                        pass
        yield
    finally:
        ballast.unlink()


@contextmanager
def read_only(home: Path) -> Iterator[None]:
    """No file below the home can be opened for writing; those that are open already can be written."""
    assert _mount("--bind", str(home), str(home))
    try:
        assert _mount("-o", "remount,bind,ro", str(home))
        yield
    finally:
        _unmount(home)


def _mount(*arguments: str) -> bool:
    if os.geteuid() != 0:
        return False
    with suppress(FileNotFoundError):
        return not subprocess.run(["mount", *arguments], capture_output=True, timeout=30, check=False).returncode
    return False


def _unmount(home: Path) -> None:
    """At once for who looks for it; files that are open there stay open."""
    subprocess.run(["umount", "--lazy", str(home)], check=True, timeout=30)
