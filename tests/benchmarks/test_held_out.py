"""The bookkeeping: a choice is counted only where it was not made."""

import pytest

from benchmarks.held_out import REPEATS, Measured, best, f1, f1_difference, f1_interval, held_out, pooled
from segue.accuracy.agreement import Agreement

GOOD, BAD = Agreement(both=90, missed=10, neither=100), Agreement(both=50, missed=50, neither=100)


def measured(wanted: list[Agreement], quiet: list[Agreement] | None = None) -> Measured:
    return Measured(tuple(wanted), tuple(quiet or [GOOD] * len(wanted)))


def test_figures_are_of_all_frames_together() -> None:
    """Not the mean of the clips' figures: a long clip counts more."""
    long = Agreement(both=900, missed=100)
    assert pooled([long, BAD]) == Agreement(both=950, missed=150, neither=100)
    assert f1([long, BAD]) == pytest.approx(2 * 950 / (1100 + 950))


def test_the_best_is_judged_on_the_clips_that_were_named() -> None:
    """What others would say does not count."""
    choices = {"first": measured([GOOD, BAD]), "second": measured([BAD, GOOD])}
    assert best(choices, [0]) == "first"
    assert best(choices, [1]) == "second"


def test_of_nearly_equal_choices_the_one_that_harms_least_wins() -> None:
    """And where nothing tells them apart, the first, which is no change at all."""
    slightly = Agreement(both=901, missed=99, neither=1000)
    choices = {"none": measured([GOOD], [GOOD]), "harmful": measured([slightly], [BAD])}
    assert best(choices, [0]) == "none"
    assert best({"none": measured([GOOD]), "same": measured([GOOD])}, [0]) == "none"


def test_a_choice_that_only_fits_its_own_clip_gains_nothing() -> None:
    """Each of ten choices is good on one clip and bad on all others: fitted it gains, held out it loses."""
    clips = 10
    choices = {"none": measured([Agreement(both=60, missed=40, neither=100)] * clips)}
    choices |= {str(own): measured([GOOD if clip == own else BAD for clip in range(clips)]) for own in range(clips)}
    counts = held_out(choices)
    assert f1(counts.after) <= f1(counts.before)


def test_a_choice_that_is_good_everywhere_is_found() -> None:
    """Counts are added up over the repeats, each clip once in each."""
    counts = held_out({"none": measured([BAD] * 7), "good": measured([GOOD] * 7)})
    assert counts.after == tuple([Agreement(90 * REPEATS, 10 * REPEATS, 0, 100 * REPEATS)] * 7)
    assert counts.before == tuple([Agreement(50 * REPEATS, 50 * REPEATS, 0, 100 * REPEATS)] * 7)


def test_an_interval_holds_its_figure_and_is_paired() -> None:
    """Clips that differ much from each other, and alike between two contenders, leave no doubt of the difference."""
    before = [Agreement(both=share, missed=100 - share, neither=100) for share in range(20, 100, 4)]
    after = [Agreement(both=share + 1, missed=99 - share, neither=100) for share in range(20, 100, 4)]
    alone, difference = f1_interval(before), f1_difference(before, after)
    assert alone.low < alone.value < alone.high
    assert alone.high - alone.low > 0.1
    assert 0 < difference.low <= difference.value <= difference.high < 0.02
    assert f1_difference(before, before) == f1_difference(after, after)
    assert f1_difference(before, after) == difference
