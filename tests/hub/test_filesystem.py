"""Locks, errors and deletion."""

import errno
import os
from pathlib import Path

import pytest

from segue.errors import OriginUnavailable, StoreError
from segue.hub.filesystem import Lock, remove_tree, sync_directory, sync_file, translated


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "no space left"), (errno.EROFS, "check its rights"), (errno.EIO, "check its disk")],
)
def test_a_refusal_becomes_one_clear_line(tmp_path: Path, number: int, words: str) -> None:
    """Each kind of refusal says which store, what was said, and what to do."""
    with pytest.raises(StoreError) as caught, translated(tmp_path):
        raise OSError(number, os.strerror(number), "f")
    text = str(caught.value)
    assert words in text
    assert str(tmp_path) in text
    assert "SEGUE_HOME" in text
    assert isinstance(caught.value.__cause__, OSError)


def test_our_own_errors_pass_as_they_are(tmp_path: Path) -> None:
    """OriginUnavailable is an OSError too, and is not the store's fault."""
    with pytest.raises(OriginUnavailable), translated(tmp_path):
        raise OriginUnavailable("away")


def test_a_lock_excludes_a_second_one_of_the_same_process(tmp_path: Path) -> None:
    """Two locks on a file exclude each other until the first is released."""
    first, second = Lock(tmp_path / "l"), Lock(tmp_path / "l")
    assert first.acquire(timeout_s=0)
    assert not second.acquire(timeout_s=0)
    first.release()
    assert second.acquire(timeout_s=0)
    second.release()


def test_remove_tree_deletes_what_is_read_only_and_follows_no_link(tmp_path: Path) -> None:
    """A read-only tree goes; what a link in it points to stays; nothing there is no error."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    tree = tmp_path / "tree"
    (tree / "below").mkdir(parents=True)
    (tree / "below" / "link").symlink_to(outside)
    sync_file(outside / "kept")
    sync_directory(tree)
    (tree / "below").chmod(0o555)
    tree.chmod(0o555)
    remove_tree(tree)
    remove_tree(tree)
    assert not tree.exists()
    assert (outside / "kept").exists()
