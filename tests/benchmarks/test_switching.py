"""Which requests a switch may have touched."""

import pytest

from benchmarks.http_load import Sent
from benchmarks.switching import Change, is_close

CHANGES = (Change(10.0, 10.1, 200), Change(20.0, 20.1, 200))


@pytest.mark.parametrize(
    ("due_s", "answered_s", "close"),
    [
        (9.0, 9.9, False),  # over before
        (9.0, 10.0, True),  # under way when it was asked for
        (10.05, 10.06, True),  # while it was made
        (10.6, 11.0, True),  # up to half a second after
        (10.7, 11.0, False),  # later
        (10.7, 20.05, True),  # later than one, under way at the next
        (30.0, 30.1, False),
    ],
)
def test_close_is_all_that_a_switch_can_touch(due_s: float, answered_s: float, close: bool) -> None:
    """From what is in flight when it is asked for to what is sent half a second after it was acknowledged."""
    assert is_close(Sent(0, due_s, due_s, answered_s, 200, ""), CHANGES) is close


def test_without_a_switch_nothing_is_close() -> None:
    """The first warm-up."""
    assert not is_close(Sent(0, 1.0, 1.0, 2.0, 200, ""), ())
