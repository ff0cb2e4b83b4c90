"""What the store needs of a file system: locks that die with their process, durable writes, one clear error."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segue.errors import SegueError, StoreError

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM)


def explained(root: Path, error: OSError) -> StoreError:
    """The one line for whatever the file system says about the store at ``root``."""
    said = f"{error.strerror or error} ({error.filename or root})"
    if error.errno in NO_SPACE:
        return StoreError(f"no space left for the model store {root}: {said}; free some, or set SEGUE_HOME elsewhere")
    if error.errno in _NOT_WRITABLE:
        return StoreError(f"the model store {root} refuses: {said}; check its rights, or set SEGUE_HOME elsewhere")
    return StoreError(f"the model store {root} cannot be used: {said}; check its disk, or set SEGUE_HOME elsewhere")


@contextmanager
def translated(root: Path) -> Iterator[None]:
    """Turn an OSError into a StoreError. Segue's own errors pass, although some of them are OSErrors too."""
    try:
        yield
    except SegueError:
        raise
    except OSError as error:
        raise explained(root, error) from error


class Lock:
    """An exclusive lock on a file. The system releases it when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        from filelock import FileLock  # 50 ms of import, not needed by those who only read the store

        # Not a singleton and not bound to a thread: two of them in one process exclude each other too.
        self._lock = FileLock(path, thread_local=False)

    def acquire(self, *, timeout_s: float) -> bool:
        """Whether the lock was had within that time. Raises OSError."""
        from filelock import Timeout

        try:
            self._lock.acquire(timeout=timeout_s)
        except Timeout:  # filelock's Timeout is an OSError too
            return False
        return True

    def release(self) -> None:
        """Give the lock back. Harmless when it is not held."""
        self._lock.release()


def sync_file(path: Path) -> None:
    """Return when the file's bytes are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Return when the names in the directory are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_tree(path: Path) -> None:
    """Delete a directory whatever its rights; not following links; silent when it is not there."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        for directory, _, _ in os.walk(path):
            os.chmod(directory, 0o755)  # our own trees are read-only
        shutil.rmtree(path)
