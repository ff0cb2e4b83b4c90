"""One scorer taking over from another, and how much audio is kept for it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.errors import InferenceFailed
from segue.speech.scorer import Samples, SilenceProbs
from segue.speech.scores import Scores
from tests.fakes import LoudnessScorer, LoudnessStream

HOP = 160
RATE = 16_000


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


def test_a_chunk_whose_scoring_failed_is_scored_with_the_next() -> None:
    """The same scorer that failed once goes on without a hole: later frames are where they were."""
    samples, failures = loud(2), iter([True, True])

    def refuse(chunk: Samples) -> None:
        if len(chunk) > 8_000 and next(failures, False):
            raise InferenceFailed("made to fail")

    scores, out = Scores(LoudnessScorer(refuse)), []
    for at, size in ((0, 8_000), (8_000, 9_000), (17_000, 3_000), (20_000, 12_000)):
        try:
            out.append(scores.accept(samples[at : at + size]))
        except InferenceFailed:
            assert at in (8_000, 17_000)
    np.testing.assert_array_equal(np.concatenate(out), Scores(LoudnessScorer()).accept(samples))


def test_a_scorer_that_goes_on_failing_holds_a_minute_at_most() -> None:
    """After a minute that could not be scored the stream takes no more, so that memory stays bounded."""

    def refuse(_: Samples) -> None:
        raise InferenceFailed("made to fail")

    scores, minute = Scores(LoudnessScorer(refuse)), np.zeros(RATE * 61, np.float32)
    with pytest.raises(InferenceFailed, match="made to fail"):
        scores.accept(minute)
    with pytest.raises(InferenceFailed, match="could not be scored"):
        scores.accept(minute)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -0.5, 1.5])
def test_what_is_no_probability_is_a_failure_and_not_silence(wrong: float) -> None:
    """NaN, infinite and out of range values raise, again and again, until another scorer takes over from that frame."""
    samples = loud(2)
    scorer = LoudnessScorer()
    scorer.open = lambda: _Wrong(scorer, wrong)  # type: ignore[method-assign]  # a fake made to lie
    scores = Scores(scorer)
    out = [scores.accept(samples[:RATE])]
    for at in (RATE, RATE + 3_200):
        with pytest.raises(InferenceFailed, match="no probability"):
            scores.accept(samples[at : at + 3_200])
    scores = scores.moved_to(LoudnessScorer())
    out.append(scores.accept(samples[RATE + 6_400 :]))
    np.testing.assert_array_equal(np.concatenate(out), Scores(LoudnessScorer()).accept(samples))


class _Wrong(LoudnessStream):
    """Answers its second call with one wrong value among the right ones."""

    def __init__(self, scorer: LoudnessScorer, wrong: float) -> None:
        super().__init__(scorer)
        self._answers = iter([None, wrong])

    def accept(self, samples: Samples) -> SilenceProbs:
        scored = super().accept(samples)
        wrong = next(self._answers, None)
        if wrong is not None:
            scored[len(scored) // 2] = wrong
        return scored


def test_one_chunk_of_an_hour_is_not_kept() -> None:
    """However long a chunk is, about a second of it stays."""
    scores = Scores(LoudnessScorer())
    scores.accept(np.zeros(RATE * 3600, np.float32))
    assert sum(chunk.nbytes for chunk in scores._recent) < 200_000
    assert all(chunk.base is None for chunk in scores._recent)
