"""Who stands beside whom."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.swap.trial.blocks import WIDEST, Block, Blocks, Unit


def unit(at_s: float = 0.0) -> Unit:
    return Unit(at_s, False, 0.0)


def blocks_of(sides: list[bool], chance: float) -> list[Block]:
    """Of units that come in this order, a second apart."""
    blocks = Blocks(period_s=300.0)
    found = [blocks.accept(unit(number), chance, on_trial=side) for number, side in enumerate(sides)]
    return [block for block in found if block is not None]


@pytest.mark.parametrize(
    ("chance", "one_is_trial", "width"),
    [(0.5, True, 1), (0.1, True, 9), (0.01, True, WIDEST), (0.75, False, 3), (0.4, True, 1)],
)
def test_the_rarer_stands_against_as_many_as_the_share_promises(chance: float, one_is_trial: bool, width: int) -> None:
    """Up to sixteen."""
    found = blocks_of([one_is_trial] + [not one_is_trial] * width, chance)
    assert [(block.one_is_trial, len(block.many)) for block in found] == [(one_is_trial, width)]


def test_a_crowd_is_content_with_what_there_is() -> None:
    """Keys that stay with the primary whatever the share says do not stop the comparison."""
    found = blocks_of([True] * 7 + [False] * 3 + [True], 0.1)
    assert [len(block.many) for block in found] == [1]


def test_only_the_same_period_is_compared() -> None:
    """Who waited for longer than the period is not compared."""
    blocks = Blocks(period_s=10.0)
    assert blocks.accept(unit(0.0), 0.5, on_trial=True) is None
    assert blocks.accept(unit(10.5), 0.5, on_trial=False) is None
    block = blocks.accept(unit(11.0), 0.5, on_trial=True)
    assert block is not None
    assert (block.one.at_s, block.many[0].at_s) == (11.0, 10.5)


def test_only_equal_chances_are_compared() -> None:
    """A key that is known to have been with the primary is not compared with a new one."""
    blocks = Blocks(period_s=10.0)
    assert blocks.accept(unit(), 0.5, on_trial=True) is None
    assert blocks.accept(unit(), 0.4, on_trial=False) is None
    assert blocks.accept(unit(), 0.4, on_trial=True) is not None


def test_a_new_step_begins_with_nobody() -> None:
    """Those of the step before are not compared with it."""
    blocks = Blocks(period_s=10.0)
    blocks.accept(unit(), 0.5, on_trial=True)
    blocks.clear()
    assert blocks.accept(unit(), 0.5, on_trial=False) is None


@given(st.lists(st.booleans(), max_size=200), st.sampled_from([0.05, 0.3, 0.5, 0.8]))
def test_everybody_stands_in_one_block_at_most(sides: list[bool], chance: float) -> None:
    """On his own side."""
    used: set[float] = set()
    for block in blocks_of(sides, chance):
        members = [(block.one, block.one_is_trial), *((other, not block.one_is_trial) for other in block.many)]
        for member, on_trial in members:
            assert sides[int(member.at_s)] is on_trial
            assert member.at_s not in used
            used.add(member.at_s)


@pytest.mark.parametrize(("share", "least"), [(0.1, 0.85), (0.5, 0.9), (0.8, 0.85)])
def test_little_is_left_out(share: float, least: float) -> None:
    """Of 2,000 units of the rarer side, drawn by the share."""
    chance = random.Random(3)
    rarer = share <= 0.5
    sides = [chance.random() < share for _ in range(int(2000 / min(share, 1 - share)))]
    assert len(blocks_of(sides, share)) >= least * sides.count(rarer)


def test_only_equal_company_stands_side_by_side() -> None:
    """A request that ran beside others says nothing against one that ran alone; a full machine is a full machine."""
    blocks = Blocks(period_s=10.0)
    assert blocks.accept(unit(), 0.5, on_trial=True, company=3) is None
    assert blocks.accept(unit(), 0.5, on_trial=False, company=1) is None
    assert blocks.accept(unit(), 0.5, on_trial=False, company=3) is not None
    assert blocks.accept(unit(), 0.5, on_trial=True, company=40) is None
    assert blocks.accept(unit(), 0.5, on_trial=False, company=90) is not None
