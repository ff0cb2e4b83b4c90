"""Failures that are begun again elsewhere, as facts."""

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
    assert item_of(Path("/proc/1/fd/7")) == "/proc/1/fd/7"
