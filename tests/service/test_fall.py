"""Failures that are begun again elsewhere, as facts."""

import os
import tempfile
from pathlib import Path

from segue.errors import MalformedOutput
from segue.service.fall import Fall, item_of
from segue.swap import FellBack
from tests.service.boards import Board


def test_a_fall_says_what_failed_at_what_and_how() -> None:
    """The version and its life from the lease, the code from the error: any that is not ours is a failed inference."""
    world = Board("a", "b")
    a, b = world.versions.values()
    lease = world.board.lease("k")
    assert Fall.of(lease, MalformedOutput("x"), item="i") == Fall(a, 1, "k", "i", "malformed_output")
    fall = Fall.of(lease, ValueError("x"), item="i")
    assert fall.ended(b, answered=True) == FellBack(a, 1, b, "k", "i", "inference_failed", True)
    lease.release()


def test_equal_bytes_are_one_item() -> None:
    """Whoever sends them, and however often."""
    assert item_of(b"x") == item_of(b"x") != item_of(b"y")
    assert item_of(Path("/proc/1/fd/nothing")) == "/proc/1/fd/nothing"


def test_uploads_that_had_the_same_descriptor_are_different_items(tmp_path: Path) -> None:
    """Three large recordings one after another are three inputs, though each had the number of the one before."""
    items, paths = [], []
    for number in range(3):
        with tempfile.TemporaryFile(dir=tmp_path) as upload:
            upload.write(bytes(number + 1))
            upload.flush()
            paths.append(Path(f"/proc/{os.getpid()}/fd/{upload.fileno()}"))
            items.append(item_of(paths[-1]))
            assert item_of(paths[-1]) == items[-1]
    assert len(set(paths)) == 1
    assert len(set(items)) == 3
