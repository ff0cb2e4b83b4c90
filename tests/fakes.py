"""Stand-ins that keep the seams' promises and cost nothing: a scorer that hears loudness, a detector made of it."""

from collections.abc import Callable, Sequence

import numpy as np

from segue.speech.detection import ModelIdentity
from segue.speech.detector import Detector
from segue.speech.rules import Rules
from segue.speech.scorer import Samples, ScoreStream, SilenceProbs

MODEL = ModelIdentity("fake/loudness", "v1", "f" * 64)


class LoudnessScorer:
    """p0 is 0.02 where a frame's loudest sample is over 0.05, else 0.98. 16 kHz, frames of 10 ms, no memory.

    ``on_accept`` is called with every chunk before it is scored: a test may wait or raise in it.
    """

    sample_rate = 16_000
    frame_ms = 10
    context_ms = 0

    def __init__(self, on_accept: Callable[[Samples], None] = lambda _: None) -> None:
        self.on_accept = on_accept

    def open(self) -> "LoudnessStream":
        return LoudnessStream(self)

    def accept_many(self, streams: Sequence[ScoreStream], chunks: Sequence[Samples]) -> list[SilenceProbs]:
        return [stream.accept(chunk) for stream, chunk in zip(streams, chunks, strict=True)]


class LoudnessStream:
    """Keeps the samples of a frame that is not whole yet."""

    def __init__(self, scorer: LoudnessScorer) -> None:
        self._scorer = scorer
        self._hop = scorer.sample_rate * scorer.frame_ms // 1000
        self._rest: Samples = np.empty(0, dtype=np.float32)

    def accept(self, samples: Samples) -> SilenceProbs:
        self._scorer.on_accept(samples)
        samples = np.concatenate((self._rest, samples))
        whole = len(samples) // self._hop * self._hop
        self._rest = samples[whole:]
        loud = np.abs(samples[:whole]).reshape(-1, self._hop).max(axis=1, initial=0) > 0.05
        return np.where(loud, np.float32(0.02), np.float32(0.98))

    def finish(self) -> SilenceProbs:
        return np.empty(0, dtype=np.float32)


def loudness_detector(on_accept: Callable[[Samples], None] = lambda _: None, **parameters: object) -> Detector:
    """A detector whose segments follow from loudness alone."""
    return Detector(LoudnessScorer(on_accept), Rules.of({}, ("options", parameters)), model=MODEL)
