"""Two evaluations of the same recordings: their difference, its interval, and when there is none."""

import numpy as np
import pytest

from segue.accuracy.agreement import Agreement, Shifts
from segue.accuracy.comparison import FEWEST, Difference, compare
from segue.accuracy.evaluation import METRICS, Evaluated, total
from segue.errors import InvalidParameter

Times = tuple[int, int, int, int]


def of(*times: Times) -> list[Evaluated]:
    return [Evaluated(str(n), sum(each), Agreement(*each), Agreement(*each), Shifts()) for n, each in enumerate(times)]


def drawn(rng: np.random.Generator, count: int, *, gain: float) -> tuple[list[Evaluated], list[Evaluated]]:
    """Recordings of many lengths and difficulties; in the second evaluation a ``gain`` more of the speech is found."""
    pairs = []
    for _ in range(count):
        speech, share = int(rng.integers(1000, 20_000)), float(rng.uniform(0.6, 0.8))
        found = [int(speech * np.clip(share + more + rng.normal(0, 0.02), 0, 1)) for more in (0.0, gain)]
        pairs.append([(both, speech - both, 500, 5000) for both in found])
    return of(*(one for one, _ in pairs)), of(*(other for _, other in pairs))


def test_the_difference_is_that_of_the_pooled_figures() -> None:
    """For every metric: the second minus the first, inside of its interval."""
    first, second = drawn(np.random.default_rng(0), 20, gain=0.05)
    found = compare(first, second)
    assert set(found) == set(METRICS)
    for name, difference in found.items():
        assert difference.first == METRICS[name].of(total(first).ms)
        assert difference.second == METRICS[name].of(total(second).ms)
        assert difference.low is not None
        assert difference.high is not None
        assert difference.low <= (difference.value or 0) <= difference.high, name
    assert found["recall"].is_clear
    assert not found["false_alarm_rate"].is_clear  # the same in both


def test_pairs_are_kept_together() -> None:
    """What differs between recordings drops out: a small gain on each is clear, however unlike they are."""
    easy_and_hard = [(1000 * n, 10_000 - 1000 * n, 0, 1000) for n in range(1, 9)]
    better = [(both + 100, missed - 100, alarm, rest) for both, missed, alarm, rest in easy_and_hard]
    recall = compare(of(*easy_and_hard), of(*better))["recall"]
    assert recall.is_clear
    assert recall.low == pytest.approx(0.01)
    assert recall.high == pytest.approx(0.01)


@pytest.mark.parametrize("count", [FEWEST, 20])
def test_the_interval_holds_the_truth_as_often_as_it_says(count: int) -> None:
    """Of 200 experiments about 95 % have the true gain in their interval, with few recordings as with more."""
    rng = np.random.default_rng(1)
    below = above = 0
    for _ in range(200):
        first, second = drawn(rng, count, gain=0.05)
        found = compare(first, second, resamples=499)["recall"]
        assert found.low is not None
        assert found.high is not None
        below += found.high < 0.05
        above += found.low > 0.05
    assert 2 <= below + above <= 18, (below, above)  # 10 are expected


def test_no_gain_is_not_clear() -> None:
    """Noise alone is taken for a difference about once in twenty times."""
    rng = np.random.default_rng(2)
    clear = sum(bool(compare(*drawn(rng, 20, gain=0.0), resamples=499)["f1"].is_clear) for _ in range(200))
    assert clear <= 18


def test_it_is_the_same_every_time() -> None:
    """The same seed gives the same interval; another one almost the same."""
    both = drawn(np.random.default_rng(3), 12, gain=0.02)
    assert compare(*both) == compare(*both)
    one, other = compare(*both)["f1"], compare(*both, seed=1)["f1"]
    assert one != other
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=0.003)


def test_with_few_recordings_there_is_no_interval() -> None:
    """The difference is told, and nothing of how sure it is."""
    first, second = drawn(np.random.default_rng(4), FEWEST - 1, gain=0.05)
    found = compare(first, second)["f1"]
    assert found.value
    assert (found.low, found.high, found.is_clear) == (None, None, None)


def test_alike_is_alike() -> None:
    """Where each recording has the same figure in both the interval is 0 to 0, and the difference is not clear."""
    first, _ = drawn(np.random.default_rng(5), 10, gain=0)
    assert compare(first, first)["f1"].is_clear is False
    assert (compare(first, first)["f1"].low, compare(first, first)["f1"].high) == (0, 0)


def test_a_figure_that_is_not_there_has_no_difference() -> None:
    """Where nobody speaks nothing is recalled, and nothing is missed."""
    silence = of(*[(0, 0, 10, 100)] * 8)
    found = compare(silence, silence)
    assert found["recall"] == Difference(None, None)
    assert found["recall"].value is None
    assert found["false_alarm_rate"].value == 0


def test_speech_in_one_recording_alone_has_no_interval() -> None:
    """Resamples without it have no recall: the interval would be one of nothing."""
    first = of((100, 100, 0, 10), *[(0, 0, 5, 100)] * 7)
    second = of((150, 50, 0, 10), *[(0, 0, 6, 100)] * 7)
    found = compare(first, second)["recall"]
    assert found.value == 0.25
    assert found.is_clear is None


def test_frames_count_where_they_are_asked_for() -> None:
    """The figures are then those of frames."""
    each = [Evaluated(str(n), 100, Agreement(90, 10, 0, 0), Agreement(8, 2, 0, 0), Shifts()) for n in range(6)]
    assert compare(each, each)["recall"].first == 0.9
    assert compare(each, each, in_frames=True)["recall"].first == 0.8


def test_other_recordings_are_refused() -> None:
    """What is not paired is not compared."""
    with pytest.raises(InvalidParameter, match="same recordings in the same order"):
        compare(of((1, 1, 1, 1)), of((1, 1, 1, 1), (1, 1, 1, 1)))
