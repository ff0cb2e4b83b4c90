"""One scorer taking over from another, and how much audio is kept for it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.errors import InferenceFailed
from segue.speech.scorer import Samples
from segue.speech.scores import Scores
from tests.fakes import LoudnessScorer

HOP = 160


def loud(seconds: float) -> Samples:
    """Frames that are loud and quiet by turns of odd lengths."""
    frames = np.random.default_rng(0).random(int(seconds * 100)) < 0.5
    return np.repeat(np.where(frames, np.float32(0.5), np.float32(0)), HOP)


@settings(max_examples=100, deadline=None)
@given(sizes=st.lists(st.integers(0, 5_000), max_size=30), moves=st.sets(st.integers(0, 30)))
def test_every_frame_comes_out_once(sizes: list[int], moves: set[int]) -> None:
    """However often the scorer changes, and wherever, each frame comes out once and in order."""
    samples = loud(3)
    scores, out, at = Scores(LoudnessScorer()), [np.empty(0, np.float32)], 0
    for i, size in enumerate((*sizes, len(samples))):
        out.append(scores.accept(samples[at : at + size]))
        at += size
        if i in moves:
            scores = scores.moved_to(LoudnessScorer())
    out.append(scores.finish())
    whole = Scores(LoudnessScorer()).accept(samples)
    np.testing.assert_array_equal(np.concatenate(out), whole)
    assert scores.frame == len(whole)


def test_kept_audio_is_bounded() -> None:
    """Hours of chunks, of whatever size, keep about one second."""
    scores = Scores(LoudnessScorer())
    for size in (3_200, 16, 50_000):
        for _ in range(200):
            scores.accept(np.zeros(size, np.float32))
        kept = sum(len(chunk) for chunk in scores._recent)
        assert 16_000 <= kept <= 16_000 + size + HOP


def test_a_chunk_whose_scoring_failed_is_kept_for_the_next_scorer() -> None:
    """After a failure the frames of that chunk come out of the scorer that takes over."""
    samples = loud(1)

    def refuse(chunk: Samples) -> None:
        if len(chunk) == 1_600:
            raise InferenceFailed("made to fail")

    scores = Scores(LoudnessScorer(refuse))
    out = [scores.accept(samples[:8_000])]
    with pytest.raises(InferenceFailed):
        scores.accept(samples[8_000:9_600])
    scores = scores.moved_to(LoudnessScorer())
    out.append(scores.accept(samples[9_600:]))
    np.testing.assert_array_equal(np.concatenate(out), Scores(LoudnessScorer()).accept(samples))


def test_a_scorer_that_fails_while_it_hears_again_leaves_the_old_one() -> None:
    """moved_to raises what the new scorer raises, and the view that was stays usable."""

    def refuse(_: Samples) -> None:
        raise InferenceFailed("made to fail")

    samples = loud(1)
    scores = Scores(LoudnessScorer())
    out = [scores.accept(samples[:5_000])]
    with pytest.raises(InferenceFailed):
        scores.moved_to(LoudnessScorer(refuse))
    out.append(scores.accept(samples[5_000:]))
    np.testing.assert_array_equal(np.concatenate(out), Scores(LoudnessScorer()).accept(samples))
