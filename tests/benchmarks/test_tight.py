"""The search for tight mode's defaults: what is held out takes no part in the choice."""

from pathlib import Path

import numpy as np
import pytest

import segue
from benchmarks.clips import Clip, read_clips
from benchmarks.held_out import f1
from benchmarks.tight import GOAL, Choice, Scored, best, choices, cross_validated, defaults, rules_of, table
from segue.accuracy.agreement import Agreement
from segue.speech.segmenter import Segment


def clip(name: str, p_speech: float) -> Scored:
    """Two seconds, of which the second one is speech; in it the model says so with that probability."""
    p_silence = np.concatenate([np.full(100, 0.99), np.full(100, 1 - p_speech)]).astype(np.float32)
    return Scored(Clip(name, np.zeros(32_000, np.float32), (Segment(1000, 2000),)), p_silence)


def test_each_clip_is_held_out_once_and_has_no_part_in_its_choice() -> None:
    """A choice that is best on a clip alone is not the one under which that clip is decided."""
    good, bad = Agreement(100, 0, 0, 100), Agreement(50, 50, 0, 100)
    measured: dict[Choice, list[Agreement]] = {(0.0,): [good, good, good, bad], (1.0,): [bad, bad, bad, good]}
    folds = cross_validated(measured, folds=4, seed=1)
    assert sorted(index for fold in folds for index in fold.clips) == [0, 1, 2, 3]
    (odd,) = [fold for fold in folds if fold.clips == (3,)]
    assert (odd.choice, odd.counts) == ((0.0,), (bad,))
    assert best(measured, [3]) == (1.0,)


def test_the_search_is_the_same_for_one_seed_and_begins_with_the_defaults() -> None:
    """All that is tried is accepted; the first of equals is Segue's own."""
    tried = list(choices(50, 3))
    assert tried == list(choices(50, 3)) != list(choices(50, 4))
    assert tried[0] == defaults()
    for choice in tried:
        assert rules_of(choice).mode == "tight"


def test_a_table_has_a_row_a_fold_and_says_what_is_worst() -> None:
    """And the defaults beside the other modes; a clip that nobody hears in is named."""
    scored = [clip("clear", 0.95), clip("fair", 0.9), clip("soft", 0.2)]
    made = table(scored, folds=3, tries=2, seed=0)
    first = [row[0] for row in made.rows]
    assert first[3:] == ["held out, all together", "best on all clips", "**tight**, its defaults", "classic", "dynamic"]
    assert sorted(first[:3]) == ["held out: clear", "held out: fair", "held out: soft"]
    assert "worst 0.000" in made.notes[1]
    assert made.notes[2] == "Under the defaults the worst clip is soft: 0.000."


def test_the_defaults_reach_the_goal_on_real_clips(shared_data: Path, model_directory: Path) -> None:
    """F1 of 10 ms frames, all clips together; classic mode's is lower."""
    detector = segue.load(model_directory)
    scored = [
        Scored(clip, (1 - detector.probabilities(clip.samples, sample_rate=16_000)).astype(np.float32))
        for clip in read_clips(shared_data / "ten")
    ]
    tight = f1([each.counts(rules_of(defaults())) for each in scored])
    assert tight >= GOAL
    assert tight == pytest.approx(0.927, abs=0.002)
    assert tight > f1([each.counts(detector.rules) for each in scored])
