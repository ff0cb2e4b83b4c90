"""The fleet: what the verbs of the switchboard rely on, where it cannot be seen from there."""

import pytest

from segue.errors import Busy
from segue.swap.fleet import Todo
from segue.swap.lifecycle import State, Step
from tests.swap.models import Model, World


def test_preparing_twice_at_once_is_busy() -> None:
    """While one thread loads a version another is told so, instead of loading it a second time."""
    world = World()
    a = world.add("a")
    seen: list[str] = []

    def again() -> None:
        with pytest.raises(Busy, match="is loading in another thread") as busy:
            world.board.prepare(a)
        seen.append(busy.value.under_way)

    world.during_load = again
    world.board.prepare(a)
    assert (seen, world.loads["a"]) == ([f"prepare {a}"], 1)


def test_a_model_is_doomed_once() -> None:
    """Whoever asks second gets nothing to close."""
    world = World()
    (a,) = world.ready("a")
    fleet = world.board._fleet
    record, todo = fleet.find(a), Todo[Model]()
    with fleet.lock:
        fleet.doom(record.current, todo)
        assert todo.doomed == []  # READY: it is not ending
        record.take(Step.DRAIN)
        fleet.doom(record.current, todo)
        fleet.doom(record.current, todo)
    assert len(todo.doomed) == 1
    fleet.do(todo)
    assert (world.open, record.state) == ([], State.CLOSED)
