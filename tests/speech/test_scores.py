"""One scorer taking over from another, and how much audio is kept for it."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.errors import InferenceFailed
from segue.speech.scorer import Samples, ScoreStream, SilenceProbs
from segue.speech.scores import Scores, score_many
from tests.fakes import LoudnessScorer, LoudnessStream

HOP = 160
RATE = 16_000


def fed(scores: Scores, samples: Samples) -> SilenceProbs:
    """A chunk, from the offer to the frames."""
    scores.offer(samples)
    scores.score()
    return scores.take()


def ended(scores: Scores) -> SilenceProbs:
    """The frames of the end."""
    scores.end(np.empty(0, np.float32))
    scores.score()
    return scores.take()


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
        out.append(fed(scores, samples[at : at + size]))
        at += size
        if i in moves:
            scores = scores.moved_to(LoudnessScorer())
    out.append(ended(scores))
    whole = fed(Scores(LoudnessScorer()), samples)
    np.testing.assert_array_equal(np.concatenate(out), whole)
    assert scores.frame == len(whole)


def test_kept_audio_is_bounded() -> None:
    """Hours of chunks, of whatever size, keep about one second."""
    scores = Scores(LoudnessScorer())
    for size in (3_200, 16, 50_000):
        for _ in range(200):
            fed(scores, np.zeros(size, np.float32))
        kept = sum(len(chunk) for chunk in scores._recent)
        assert 16_000 <= kept <= 16_000 + size + HOP


def test_a_scorer_that_needs_no_context_keeps_it_for_the_next_one() -> None:
    """A stream that passes through such a scorer still has a second of audio for one that wants to hear it."""
    scores, heard = Scores(LoudnessScorer()), list[Samples]()
    fed(scores, loud(3))
    scores = scores.moved_to(LoudnessScorer())
    wants_more = LoudnessScorer(heard.append)
    wants_more.context_ms = 900
    scores.moved_to(wants_more)
    assert sum(map(len, heard)) == 900 * RATE // 1000


def test_a_chunk_whose_scoring_failed_is_kept_for_the_next_scorer() -> None:
    """After a failure the frames of that chunk come out of the scorer that takes over."""
    samples = loud(1)

    def refuse(chunk: Samples) -> None:
        if len(chunk) == 1_600:
            raise InferenceFailed("made to fail")

    scores = Scores(LoudnessScorer(refuse))
    out = [fed(scores, samples[:8_000])]
    with pytest.raises(InferenceFailed):
        fed(scores, samples[8_000:9_600])
    scores = scores.moved_to(LoudnessScorer())
    out.append(fed(scores, samples[9_600:]))
    np.testing.assert_array_equal(np.concatenate(out), fed(Scores(LoudnessScorer()), samples))


def test_a_scorer_that_fails_while_it_hears_again_leaves_the_old_one() -> None:
    """moved_to raises what the new scorer raises, and the view that was stays usable."""

    def refuse(_: Samples) -> None:
        raise InferenceFailed("made to fail")

    samples = loud(1)
    scores = Scores(LoudnessScorer())
    out = [fed(scores, samples[:5_000])]
    with pytest.raises(InferenceFailed):
        scores.moved_to(LoudnessScorer(refuse))
    out.append(fed(scores, samples[5_000:]))
    np.testing.assert_array_equal(np.concatenate(out), fed(Scores(LoudnessScorer()), samples))


def test_a_chunk_whose_scoring_failed_is_scored_with_the_next() -> None:
    """The same scorer that failed once goes on without a hole: later frames are where they were."""
    samples, failures = loud(2), iter([True, True])

    def refuse(chunk: Samples) -> None:
        if len(chunk) > 8_000 and next(failures, False):
            raise InferenceFailed("made to fail")

    scores, out = Scores(LoudnessScorer(refuse)), []
    for at, size in ((0, 8_000), (8_000, 9_000), (17_000, 3_000), (20_000, 12_000)):
        try:
            out.append(fed(scores, samples[at : at + size]))
        except InferenceFailed:
            assert at in (8_000, 17_000)
    np.testing.assert_array_equal(np.concatenate(out), fed(Scores(LoudnessScorer()), samples))


def test_a_scorer_that_goes_on_failing_holds_a_minute_at_most() -> None:
    """After a minute that could not be scored the stream takes no more, so that memory stays bounded."""

    def refuse(_: Samples) -> None:
        raise InferenceFailed("made to fail")

    scores, minute = Scores(LoudnessScorer(refuse)), np.zeros(RATE * 61, np.float32)
    with pytest.raises(InferenceFailed, match="made to fail"):
        fed(scores, minute)
    with pytest.raises(InferenceFailed, match="could not be scored"):
        fed(scores, minute)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -0.5, 1.5])
def test_what_is_no_probability_is_a_failure_and_not_silence(wrong: float) -> None:
    """NaN, infinite and out of range values raise, again and again, until another scorer takes over from that frame."""
    samples = loud(2)
    scorer = LoudnessScorer()
    scorer.open = lambda: _Wrong(scorer, wrong)  # type: ignore[method-assign]  # a fake made to lie
    scores = Scores(scorer)
    out = [fed(scores, samples[:RATE])]
    for at in (RATE, RATE + 3_200):
        with pytest.raises(InferenceFailed, match="no probability"):
            fed(scores, samples[at : at + 3_200])
    scores = scores.moved_to(LoudnessScorer())
    out.append(fed(scores, samples[RATE + 6_400 :]))
    np.testing.assert_array_equal(np.concatenate(out), fed(Scores(LoudnessScorer()), samples))


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
    fed(scores, np.zeros(RATE * 3600, np.float32))
    assert sum(chunk.nbytes for chunk in scores._recent) < 200_000
    assert all(chunk.base is None for chunk in scores._recent)


def test_many_streams_are_scored_in_one_call() -> None:
    """Chunks of many streams go to the scorer together, each stream gets its own frames; who owes none is left out."""
    calls: list[int] = []
    scorer = LoudnessScorer()
    together = scorer.accept_many
    scorer.accept_many = lambda streams, chunks: calls.append(len(streams)) or together(streams, chunks)  # type: ignore[method-assign,func-returns-value]
    views, samples = [Scores(scorer) for _ in range(4)], loud(1)
    for i, view in enumerate(views[:3]):
        view.offer(samples[: 4_000 * (i + 1)])
    score_many(views)
    for i, view in enumerate(views):
        view.score()
        whole = fed(Scores(LoudnessScorer()), samples[: 4_000 * (i + 1) if i < 3 else 0])
        np.testing.assert_array_equal(view.take(), whole)
    assert calls == [3]


def test_a_failure_in_company_leaves_every_stream_as_it_was() -> None:
    """When the one call for many fails, none has moved: each can be scored by itself, and only the culprit raises."""
    samples = loud(1)

    def refuse(chunk: Samples) -> None:
        if len(chunk) == 4_001:
            raise InferenceFailed("made to fail")

    scorer = _AllOrNone(refuse)
    good, bad = Scores(scorer), Scores(scorer)
    good.offer(samples[:4_000])
    bad.offer(samples[:4_001])
    with pytest.raises(InferenceFailed):
        score_many([good, bad])
    good.score()
    with pytest.raises(InferenceFailed):
        bad.score()
    np.testing.assert_array_equal(good.take(), fed(Scores(LoudnessScorer()), samples[:4_000]))


class _AllOrNone(LoudnessScorer):
    """Looks at all chunks before it moves any stream, as the protocol asks."""

    def accept_many(self, streams: Sequence[ScoreStream], chunks: Sequence[Samples]) -> list[SilenceProbs]:
        for chunk in chunks:
            self.on_accept(chunk)
        return super().accept_many(streams, chunks)


def test_one_answer_that_is_no_probability_spoils_no_other_stream() -> None:
    """A NaN in one stream's frames is raised for that stream alone, though they were scored together."""
    samples, honest, liar = loud(1), LoudnessScorer(), LoudnessScorer()
    streams = iter([honest.open(), _Wrong(liar, np.nan)])
    honest.open = lambda: next(streams)  # type: ignore[method-assign]  # a fake made to lie
    views = [Scores(honest), Scores(honest)]
    for at in (0, 4_000):
        for view in views:
            view.offer(samples[at : at + 4_000])
        score_many(views)
    views[0].score()
    with pytest.raises(InferenceFailed, match="no probability"):
        views[1].score()
    np.testing.assert_array_equal(views[0].take(), fed(Scores(LoudnessScorer()), samples[:8_000]))
