"""The switchboard at one moment."""

import dataclasses

import pytest

from segue.swap.spec import VersionId
from tests.swap.models import World


def test_a_snapshot_stays_as_it_was() -> None:
    """What happens later does not change it, and nobody can."""
    world = World()
    (a,) = world.ready("a")
    before = world.board.snapshot()
    world.board.close(a)
    assert before[a].state.value == "ready"
    with pytest.raises(dataclasses.FrozenInstanceError):
        before.epoch = 9  # type: ignore[misc]


def test_a_version_is_found_by_name() -> None:
    """One that is not there is a KeyError."""
    snapshot = World().board.snapshot()
    with pytest.raises(KeyError):
        snapshot[VersionId("v0")]


def test_closed_versions_are_not_printed() -> None:
    """The line stays short: what is new or closed and has nothing out is left out."""
    world = World()
    (a,) = world.ready("a")
    world.add("b")
    world.board.close(a)
    assert str(world.board.snapshot()) == "epoch 0; serves nothing"
