"""Bets on failures."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.swap.trial.blocks import Block, Unit
from segue.swap.trial.failures import Failures

RIGHT, WRONG = Unit(0.0, False, None), Unit(0.0, True, None)


@given(st.floats(0.001, 0.999))
def test_the_bet_on_a_key_is_fair(chance: float) -> None:
    """What is had after a failure on trial, and after one of the primary, by their chances: 1."""
    after = []
    for on_trial in (True, False):
        failures = Failures(0.02)
        failures.failed(chance, on_trial=on_trial)
        after.append(failures.worse.value)
    assert chance * after[0] + (1 - chance) * after[1] == pytest.approx(1.0)
    assert after[0] > 1 > after[1]


@given(st.lists(st.booleans(), max_size=40), st.randoms())
def test_the_order_of_failures_does_not_matter(sides: list[bool], chance: random.Random) -> None:
    """Those of the same moment may come in any."""
    values = []
    for _ in range(2):
        failures = Failures(0.02)
        for side in sides:
            failures.failed(0.1, on_trial=side)
        values.append(failures.worse.value)
        chance.shuffle(sides)
    assert values[0] == pytest.approx(values[1])


@given(st.floats(0.0001, 0.5), st.floats(0, 1))
def test_alone_the_bet_is_fair_or_worse(at_most: float, part: float) -> None:
    """At any rate up to the one that the primary may have had."""
    after = []
    for failed in (True, False):
        failures = Failures(0.02)
        failures.alone(at_most, failed=failed)
        after.append(failures.worse.value)
    rate = at_most * part
    assert rate * after[0] + (1 - rate) * after[1] <= 1 + 1e-9


@given(st.floats(0.001, 0.5), st.floats(0, 1), st.integers(1, 16), st.booleans())
def test_the_bet_on_no_worse_is_fair_at_the_margin(margin: float, base: float, width: int, one_is_trial: bool) -> None:
    """With trial and primary failing just the margin apart, in blocks of any width: 1 on the average."""
    base *= 1 - margin
    one, many = (base + margin, base) if one_is_trial else (base, base + margin)
    expected = 0.0
    for first, chance_first in ((WRONG, one), (RIGHT, 1 - one)):
        for count in range(width + 1):
            failures = Failures(margin)
            failures.block(Block(first, (WRONG,) * count + (RIGHT,) * (width - count), one_is_trial))
            expected += chance_first * _binomial(width, count, many) * failures.no_worse.value
    assert expected == pytest.approx(1.0)


def _binomial(width: int, count: int, rate: float) -> float:
    ways = 1.0
    for number in range(count):
        ways *= (width - number) / (number + 1)
    return float(ways * rate**count * (1 - rate) ** (width - count))


def test_a_failure_after_the_key_was_counted_is_a_lost_bet() -> None:
    """It never speaks for the trial."""
    failures = Failures(0.02)
    for _ in range(100):
        failures.block(Block(RIGHT, (RIGHT,), True))
    before = failures.no_worse.value
    failures.late()
    assert failures.no_worse.value < before


def test_a_step_begins_anew() -> None:
    """No worse is to be shown again; what spoke for worse stays."""
    failures = Failures(0.02)
    for _ in range(5):
        failures.failed(0.1, on_trial=True)
    for _ in range(400):
        failures.block(Block(RIGHT, (RIGHT,), True))
    before = failures.worse.value
    assert before > 1000
    assert failures.no_worse.value > 20
    failures.step()
    assert failures.worse.value == pytest.approx(before)
    assert failures.no_worse.value == pytest.approx(1.0)
