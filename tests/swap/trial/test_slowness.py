"""Bets on latency."""

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.swap.trial.blocks import Block, Unit
from segue.swap.trial.slowness import Slowness

LEVELS = st.floats(-20, 20)


def block(one: float | None, many: list[float | None], one_is_trial: bool = True) -> Block:
    return Block(Unit(0.0, False, one), tuple(Unit(0.0, False, y) for y in many), one_is_trial)


def learned(seed: int, margin: float = 1.25) -> Slowness:
    """One that has seen twenty of the primary."""
    chance = random.Random(seed)
    slow = Slowness(margin)
    for _ in range(20):
        slow.block(block(chance.gauss(0, 0.5), [chance.gauss(0, 0.5)]))
    return slow


@given(st.lists(LEVELS, min_size=2, max_size=17), st.booleans(), st.integers(0, 3))
def test_a_block_of_which_any_might_be_on_trial_is_a_fair_bet(
    levels: list[float], one_is_trial: bool, seed: int
) -> None:
    """Whatever the latencies: over who is the one, the average factor of each bet is 1, exactly at the margin."""
    shift = math.log(1.25)
    for bet in ("worse", "no_worse"):
        after = []
        for number, level in enumerate(levels):
            others = levels[:number] + levels[number + 1 :]
            one = level + shift if one_is_trial else level
            many = [other if one_is_trial else other + shift for other in others]
            slow = learned(seed)
            before = getattr(slow, bet).value
            slow.block(block(one, list(many), one_is_trial))
            after.append(getattr(slow, bet).value)
        assert sum(after) / len(after) == pytest.approx(before, rel=1e-6)


@given(st.lists(LEVELS, min_size=1, max_size=16), st.lists(LEVELS, min_size=2, max_size=6))
def test_a_slower_trial_speaks_more_for_worse_and_less_for_no_worse(many: list[float], ones: list[float]) -> None:
    """So the bets hold for all trials that are inside of the margin, not only for those on it."""
    worse, no_worse = [], []
    for one in sorted(ones):
        slow = learned(1)
        slow.block(block(one, list(many)))
        worse.append(slow.worse.value)
        no_worse.append(slow.no_worse.value)
    assert all(after >= before - 1e-9 for before, after in pairwise(worse))
    assert all(after <= before + 1e-9 for before, after in pairwise(no_worse))


def test_one_odd_request_decides_nothing() -> None:
    """An hour for a second, once."""
    slow = learned(1)
    slow.block(block(math.log(3600), [0.0] * 16))
    assert slow.worse.value < 20


def test_requests_without_a_latency_are_left_out() -> None:
    """Those that failed."""
    slow = Slowness(1.25)
    slow.block(block(None, [0.0]))
    slow.block(block(0.0, [None]))
    assert slow.ratio is None
    assert slow.worse.value == slow.no_worse.value == pytest.approx(1.0)
    slow.block(block(math.log(2), [None, 0.0]))
    assert slow.ratio == pytest.approx(2.0)


@pytest.mark.parametrize("one_is_trial", [True, False])
def test_the_ratio_is_that_of_the_trial(one_is_trial: bool) -> None:
    """Whichever of the two is the rarer."""
    slow = Slowness(1.25)
    trial, primary = math.log(0.3), math.log(0.1)
    for _ in range(5):
        one, other = (trial, primary) if one_is_trial else (primary, trial)
        slow.block(block(one, [other, other], one_is_trial))
    assert slow.ratio == pytest.approx(3.0)
    slow.step()
    assert slow.ratio is None


def test_equal_latencies_are_no_trouble() -> None:
    """A clock that says the same each time has no spread."""
    slow = Slowness(1.25)
    for _ in range(200):
        slow.block(block(0.0, [0.0, 0.0]))
    assert slow.no_worse.value > 20
    assert slow.worse.value < 1
