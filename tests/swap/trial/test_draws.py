"""The chance that a key would be on trial."""

import random
from collections import Counter

import pytest

from segue.swap.route import Route
from segue.swap.spec import VersionId
from segue.swap.trial.draws import Draws


def test_a_key_is_counted_once_for_a_share() -> None:
    """With the share as its chance; on either side."""
    draws = Draws()
    assert draws.draw("a", 0.1, on_trial=False) == 0.1
    assert draws.draw("b", 0.1, on_trial=True) == 0.1
    assert draws.draw("a", 0.1, on_trial=False) is None
    assert draws.draw("b", 0.1, on_trial=True) is None


def test_a_key_of_the_primary_is_flipped_again_as_the_share_grows() -> None:
    """Its number is known to lie above the share of then; one on trial stays there; a lower share flips nobody."""
    draws = Draws()
    draws.draw("a", 0.1, on_trial=False)
    draws.draw("b", 0.1, on_trial=True)
    assert draws.draw("a", 0.05, on_trial=False) is None
    assert draws.draw("a", 0.55, on_trial=False) == pytest.approx(0.5)
    assert draws.draw("b", 0.55, on_trial=True) is None
    assert draws.draw("a", 1.0, on_trial=True) == pytest.approx(1.0)


def test_requests_without_a_key_are_flips_of_their_own() -> None:
    """Each, and none is remembered."""
    draws = Draws()
    assert [draws.draw("", 0.1, on_trial=False) for _ in range(3)] == [0.1] * 3
    assert len(draws) == 0


def test_nobody_is_flipped_while_nothing_is_on_trial() -> None:
    """A share of 0 has no chance."""
    assert Draws().draw("a", 0.0, on_trial=False) is None
    assert Draws().draw("", 0.0, on_trial=False) is None


def test_memory_is_bounded() -> None:
    """The one counted first is forgotten first."""
    draws = Draws(most=3)
    for key in "abcd":
        draws.draw(key, 0.5, on_trial=True)
    assert len(draws) == 3
    assert draws.draw("d", 0.5, on_trial=True) is None
    assert draws.draw("a", 0.5, on_trial=True) == 0.5


def test_the_chances_are_those_of_the_route() -> None:
    """20,000 keys through shares of 5, 20 and 60 %: of those given a chance, so many are on trial."""
    draws, seen, on = Draws(), Counter[float](), Counter[float]()
    keys = [str(number) for number in random.Random(1).sample(range(10**9), 20_000)]
    for share in (0.05, 0.2, 0.6):
        route = Route(VersionId("old"), VersionId("new"), share, salt="rollout")
        for key in keys:
            on_trial = route.choose(key) == "new"
            chance = draws.draw(key, share, on_trial=on_trial)
            if chance is not None:
                seen[chance] += 1
                on[chance] += on_trial
    assert {round(chance, 4) for chance in seen} == {0.05, 0.1579, 0.5}
    for chance, count in seen.items():
        assert on[chance] / count == pytest.approx(chance, abs=4 * (chance * (1 - chance) / count) ** 0.5)
