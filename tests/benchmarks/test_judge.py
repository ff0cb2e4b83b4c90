"""A small form of what docs/rollouts.md promises: fixed seeds, some seconds."""

import re
from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.judge import (
    KINDS,
    PAGE,
    Outcome,
    Requests,
    World,
    by_mann_whitney,
    by_threshold,
    judged,
    part,
)


def run(judge: Callable[[World, int], Outcome], world: World, rollouts: int) -> list[Outcome]:
    """In this process."""
    return [judge(world, seed) for seed in range(rollouts)]


@pytest.mark.parametrize("kind", KINDS)
def test_equal_versions_are_hardly_ever_taken_back(kind: str) -> None:
    """One of 40 at most, at 5 % errors and half on trial; were it one of ten, that would be seen."""
    assert part(run(judged, World(kind, 0.5, 0.05, 0.05, requests=3000), 40)) <= 1 / 40


@pytest.mark.parametrize(
    ("world", "within"),
    [
        (World("independent", 0.1, 0.01, 0.05, requests=5000), 400),
        (World("independent", 0.5, 0.01, 0.05, requests=2000), 800),
        (World("independent", 0.1, 0.001, 0.001, 1.5, requests=6000), 500),
        (World("independent", 0.5, 0.001, 0.001, 1.5, requests=1200), 500),
    ],
)
def test_a_worse_version_is_caught_in_time(world: World, within: int) -> None:
    """In 90 % of 40, less what chance takes of so few."""
    assert part(run(judged, world, 40), within) >= 0.85


@pytest.mark.parametrize("rival", [by_threshold, by_mann_whitney])
def test_the_rivals_cry_wolf(rival: Callable[[World, int], Outcome]) -> None:
    """What is looked at again and again without being made for it is wrong far more often than 1 in 100."""
    world = World("heavy", 0.1, 0.05, 0.05)
    assert np.mean([rival(world, seed).worse > 0 for seed in range(20)]) > 0.2


def test_requests_are_as_the_world_says() -> None:
    """Shares, rates and the ratio of latencies; heavy keys keep their side; the same seed is the same rollout."""
    world = World("independent", 0.1, 0.01, 0.05, 1.5, requests=200_000)
    requests = Requests.of(world, 1)
    trial, pace = requests.on_trial, np.log(requests.pace)
    assert trial.mean() == pytest.approx(0.1, abs=0.005)
    assert requests.failed[trial].mean() == pytest.approx(0.05, abs=0.005)
    assert requests.failed[~trial].mean() == pytest.approx(0.01, abs=0.002)
    assert np.exp(pace[trial].mean() - pace[~trial].mean()) == pytest.approx(1.5, abs=0.03)
    assert not requests.shared[~trial].any()
    assert list(requests.evidence())[:50] == list(Requests.of(world, 1).evidence())[:50]
    heavy = Requests.of(World("heavy", 0.5, 0.05, 0.05), 2)
    sides = {(key, bool(side)) for key, side in zip(heavy.keys, heavy.on_trial, strict=True)}
    assert len(sides) == len(set(heavy.keys)) == 20
    same = Requests.of(World("input", 0.5, 0.05, 0.05), 3)
    assert (same.shared == (same.failed & same.on_trial)).all()


def test_the_page_says_what_was_measured() -> None:
    """Its tables are there, and every promise in them is met."""
    tables = re.search("<!-- judge -->(.*)<!-- /judge -->", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert tables is not None
    assert tables[1].count("### ") == 3
    assert "Met: " in tables[1]
    assert "Missed" not in tables[1]
