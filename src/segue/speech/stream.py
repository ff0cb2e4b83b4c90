"""A live stream: chunks in, events out, under one version after another."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from segue.errors import InvalidParameter, StreamFinished
from segue.speech.resample import Resampler
from segue.speech.rules import Rules
from segue.speech.samples import Block, as_samples, mix
from segue.speech.scorer import Samples, Scorer, SilenceProbs
from segue.speech.scores import Scores
from segue.speech.segmenter import Event, Segmenter


class DetectorStream:
    """One stream of audio: chunks in, events out. Used by one thread at a time.

    Chunk sizes never matter to the events, only to when they come. What the stream asked for when it was opened stays
    through every ``adopt``; what it left open comes from the rules in force.
    """

    def __init__(
        self,
        scorer: Scorer,
        rules: Rules,
        *,
        sample_rate: int | None = None,
        asked: Mapping[str, object] = MappingProxyType({}),
        keep: bool = False,
    ) -> None:
        self._asked = asked
        _check_frames(scorer, rules)
        rate = scorer.sample_rate if sample_rate is None else sample_rate
        self._resampler = Resampler(rate, scorer.sample_rate)
        self._channels: int | None = None
        self._accepted_samples = 0  # at the stream's own rate, for messages
        self._segmenter = Segmenter()
        self._scores = Scores(scorer)
        self._ended = self._finished = False
        self._version_rules = rules
        self.rules = rules.asking(self._asked)
        """The effective rules."""
        self.kept: list[SilenceProbs] | None = [] if keep else None
        """p(silence) of every frame decided, if asked to ``keep`` it; else None."""

    @property
    def is_open(self) -> bool:
        """Whether an utterance is open."""
        return self._segmenter.is_open

    @property
    def frame(self) -> int:
        """The next frame to be decided."""
        return self._segmenter.frame

    @property
    def is_finished(self) -> bool:
        """Whether all was decided."""
        return self._finished

    @property
    def sample_rate(self) -> int:
        """Hz of its chunks."""
        return self._resampler.source_rate

    @property
    def accepted_ms(self) -> int:
        """Whole milliseconds of audio that it was given, a half up."""
        return (2000 * self._accepted_samples + self.sample_rate) // (2 * self.sample_rate)

    @property
    def scores(self) -> Scores:
        """The view of the scorer in force: who scores by itself does it between ``offer`` and ``take``."""
        return self._scores

    def accept(self, samples: ArrayLike) -> list[Event]:
        """Feed a chunk of any length at the stream's rate: int16, int32 or float; (n,), (n, c) or (c, n), mixed.

        Returns the events that it completed, in order. Raises InvalidSamples (the chunk is not taken; the stream goes
        on), InferenceFailed (it is kept, and scored with the next or after ``adopt``), StreamFinished.
        """
        self.offer(samples)
        self._scores.score()
        return self.take()

    def finish(self) -> list[Event]:
        """Say that no audio follows. The open utterance ends with the last frame.

        Raises InferenceFailed; then it may be called again, after ``adopt`` or as it is. Once it has answered, it
        answers nothing more.
        """
        if self._finished:
            return []
        self.end()
        self._scores.score()
        return self.take()

    def adopt(self, scorer: Scorer, rules: Rules) -> int:
        """Go over to another version, between two frames: nothing is lost, repeated or decided twice.

        Returns f, the first frame that the new scorer and rules decide; window, counters and the open utterance are
        kept. The new scorer hears its ``context_ms`` again first, so that its state is what it would be had it heard
        the stream from the start. Raises InvalidParameter unless sample rate and frame agree; then, and when the new
        scorer fails, the stream goes on as it was.
        """
        return self.install(self.moved_to(scorer, rules), rules)

    def ask(self, asked: Mapping[str, object]) -> int:
        """Ask for other parameters, in place of those before: between two frames, an open utterance stays open.

        Returns the first frame that they decide. Raises InvalidParameter; then the stream goes on as it was.
        """
        self.rules, self._asked = self._version_rules.asking(asked), asked
        return self.frame

    # -- the steps of these, for who scores many streams together ---------------------------------------------------

    def offer(self, samples: ArrayLike) -> None:
        """What ``accept`` does before it scores. Raises as ``accept``."""
        if self._ended:
            raise StreamFinished("the stream is finished; open another for more audio")
        if np.size(samples) == 0:  # some microphones give such chunks; they say nothing about channels
            return
        block = as_samples(samples, channels=self._channels, at_sample=self._accepted_samples)
        self._channels = len(block)
        self._accepted_samples += block.shape[1]
        self._scores.offer(self._resampled(mix(block)))

    def end(self) -> None:
        """What ``finish`` does before it scores; again is once."""
        if not self._ended:
            self._ended = True
            self._scores.end(self._resampler.finish()[0])

    def take(self) -> list[Event]:
        """Decide what was scored: the events that it completed, and after ``end`` that of the end."""
        p_silence = self._scores.take()
        if self.kept is not None:
            self.kept.append(p_silence)
        events = self._segmenter.accept(p_silence, self.rules)
        if self._scores.is_finished and not self._finished:
            self._finished = True
            events += self._segmenter.finish()
        return events

    def moved_to(self, scorer: Scorer, rules: Rules) -> Scores:
        """What another version makes of this stream; the stream itself is left as it is. Raises as ``adopt``."""
        if self._finished:
            raise StreamFinished("the stream is finished; there is nothing left to decide")
        old = self._scores.scorer
        if (scorer.sample_rate, scorer.frame_ms) != (old.sample_rate, old.frame_ms):
            raise InvalidParameter(
                f"a stream at {old.sample_rate} Hz in frames of {old.frame_ms} ms cannot adopt a model at "
                f"{scorer.sample_rate} Hz in frames of {scorer.frame_ms} ms; open a new stream for it"
            )
        _check_frames(scorer, rules)
        rules.asking(self._asked)  # raises, if what was asked for does not go with these rules
        return self._scores.moved_to(scorer)

    def install(self, scores: Scores, rules: Rules) -> int:
        """Go on with what ``moved_to`` made; the first frame that it decides."""
        self._scores, self._version_rules, self.rules = scores, rules, rules.asking(self._asked)
        return self._segmenter.frame

    def _resampled(self, block: Block) -> Samples:
        samples: Samples = self._resampler.accept(block)[0]
        return samples


def _check_frames(scorer: Scorer, rules: Rules) -> None:
    if scorer.frame_ms != rules.frame_ms:
        raise InvalidParameter(
            f"the scorer has frames of {scorer.frame_ms} ms and the rules of {rules.frame_ms} ms; "
            "make the rules with Rules.of(..., frame_ms=scorer.frame_ms)"
        )
