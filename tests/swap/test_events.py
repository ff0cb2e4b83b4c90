"""Events and who is told of them."""

import dataclasses

import pytest

from segue.swap.events import Event, Listeners, Outcome, Refused, Released
from segue.swap.spec import VersionId

EVENT = Refused("switch", "to b", "ada", "busy", "another is under way")


def test_events_are_frozen() -> None:
    """A fact cannot be changed by whoever hears of it."""
    released = Released(VersionId("a"), 1, "k", Outcome.OK, 0.1, 9.0, None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        released.weight = 0.0  # type: ignore[misc]


def test_all_are_told_in_order_whatever_one_raises(caplog: pytest.LogCaptureFixture) -> None:
    """A listener that raises is logged; those after it hear all the same."""
    told: list[Event] = []

    def broken(event: Event) -> None:
        raise RuntimeError(f"cannot take {event}")

    listeners = Listeners([broken])
    listeners.add(told.append)
    listeners.tell(EVENT)
    assert told == [EVENT]
    assert "a listener failed at Refused" in caplog.text


def test_no_listener_is_false() -> None:
    """So that a lease makes no event for nobody."""
    assert not Listeners()
    assert Listeners([print])
