"""The figures of an evaluation, one by one and pooled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.accuracy.agreement import Agreement, Shifts
from segue.accuracy.evaluation import METRICS, Evaluated, beyond, evaluate, total
from segue.speech.segmenter import Segment

MS = st.integers(0, 10_000)


@given(st.builds(Agreement, MS, MS, MS, MS))
def test_the_table_says_what_the_agreement_says(found: Agreement) -> None:
    """Each metric, as a ratio of sums, is the property of that name, None included."""
    for name, metric in METRICS.items():
        assert metric.of(found) == pytest.approx(getattr(found, name)), name


def test_more_speech_found_is_better_and_more_error_is_not() -> None:
    """Which way is better is right for each: a perfect detection has the best figure there is."""
    perfect, poor = Agreement(500, 0, 0, 500), Agreement(300, 200, 200, 300)
    for name, metric in METRICS.items():
        best, worse = metric.of(perfect), metric.of(poor)
        assert best is not None
        assert worse is not None
        assert (best > worse) == metric.more_is_better, name


def test_a_recording_in_ms_and_in_frames() -> None:
    """The same lists counted both ways, and the shifts of their boundaries; the end of the audio ends all."""
    found = evaluate("a", [Segment(100, 203)], [Segment(90, 250), Segment(900, 2000)], 1000)
    assert found == Evaluated("a", 1000, Agreement(103, 0, 157, 740), Agreement(10, 0, 16, 74), Shifts((-10,), (47,)))
    assert found.agreement() == found.ms
    assert found.agreement(in_frames=True) == found.frames


def test_the_total_adds_times_before_it_takes_rates() -> None:
    """A long recording counts for more than a short one; of no recordings there is an empty total."""
    short = evaluate("a", [Segment(0, 100)], [], 100)
    long = evaluate("b", [Segment(0, 900)], [Segment(0, 910)], 1000)
    pooled = total([short, long])
    assert pooled.ms.recall == 0.9
    assert (pooled.name, pooled.duration_ms, pooled.shifts) == ("total", 1100, Shifts((0,), (10,)))
    assert total([]).ms.f1 is None


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([(0, 1000)], None),
        ([(0, 1100)], None),
        ([(500, 1101), (0, 900)], (1101, False)),
        ([(0, 900), (1200, 3000)], (3000, True)),
        ([], None),
    ],
)
def test_labels_beyond_the_end(pairs: list[tuple[int, int]], said: tuple[int, bool] | None) -> None:
    """A tenth of a second is rounding; more is said, and whether a label even begins there."""
    assert beyond([Segment(*pair) for pair in pairs], 1000) == said
