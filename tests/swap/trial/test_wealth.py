"""What the gambler has."""

import math
import random

import pytest

from segue.swap.trial.wealth import FIRST, Wealth


def test_he_begins_with_one() -> None:
    """And a new stretch alone changes nothing."""
    wealth = Wealth([0.5, 0.5])
    assert wealth.value == pytest.approx(1.0)
    wealth.stretch()
    wealth.stretch()
    assert wealth.value == pytest.approx(1.0)


def test_strategies_are_summed_by_their_weights() -> None:
    """Each has its own fortune; what is kept back is not at stake."""
    wealth = Wealth([0.25, 0.75])
    wealth.bet([math.log(4), math.log(0.5)])
    wealth.bet([math.log(2), math.log(0.5)])
    assert wealth.value == pytest.approx(1 - FIRST + FIRST * (0.25 * 8 + 0.75 * 0.25))


def test_a_lost_stretch_costs_only_its_stake() -> None:
    """What became of the stretches before stays; the next has half of what is left."""
    wealth = Wealth([1.0])
    wealth.bet([-100.0])
    wealth.stretch()
    wealth.bet([math.log(100)])
    assert wealth.value == pytest.approx(1 / 6 + 100 / 6)
    wealth.stretch()
    wealth.bet([-100.0])
    assert wealth.value == pytest.approx(1 / 12 + 100 / 6)


def test_he_never_has_more_than_a_number_can_tell() -> None:
    """Certainty is not an overflow."""
    wealth = Wealth([1.0])
    for _ in range(1000):
        wealth.bet([math.log(50)])
    assert math.isfinite(wealth.value)


@pytest.mark.parametrize("weights", [[0.5, 0.4], [1.5, -0.5], [1.0, 0.0]])
def test_stakes_are_the_whole(weights: list[float]) -> None:
    """More than there is, is no bet."""
    with pytest.raises(ValueError, match="sum to 1"):
        Wealth(weights)


def test_on_fair_bets_he_is_rarely_rich() -> None:
    """Ville: of 2,000 gamblers, no more than 1 in 20 ever have 20, whenever one looks; stretches included."""
    chance, rich = random.Random(7), 0
    for _ in range(2000):
        wealth, most = Wealth([0.5, 0.5]), 0.0
        for flip in range(300):
            if flip in (50, 150):
                wealth.stretch()
            wins = chance.random() < 0.3
            wealth.bet([math.log(q / 0.3 if wins else (1 - q) / 0.7) for q in (0.4, 0.6)])
            most = max(most, wealth.value)
        rich += most >= 20
    assert 0 < rich <= 100
