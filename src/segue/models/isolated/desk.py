"""A scorer and its streams, inside of the process: what ``IsolatedScorer`` calls, with numbers in place of streams."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from segue import models
from segue.errors import MalformedOutput
from segue.speech.rules import Rules
from segue.speech.scorer import Samples, Scorer, ScoreStream, SilenceProbs


class Desk:
    """A scorer whose streams have numbers. As safe for threads as the scorer: a stream is one thread's at a time.

    A stream is opened by the first call that names it, and lives until a call says that it is ``gone``.
    """

    def __init__(self, scorer: Scorer, rules: Rules) -> None:
        self._scorer = scorer
        self._rules = rules
        self._streams: dict[int, ScoreStream] = {}
        self._moved: set[int] = set()  # streams that took their samples and answered nonsense

    def facts(self) -> Mapping[str, Any]:
        """What the scorer and its rules are."""
        scorer, rules = self._scorer, self._rules
        return {
            "scorer": [scorer.sample_rate, scorer.frame_ms, scorer.context_ms],
            "layers": rules.layers,
            "rules": {"frame_ms": rules.frame_ms, "schedule_lag_frames": rules.schedule_lag_frames},
        }

    def count(self) -> int:
        """How many streams there are."""
        return len(self._streams)

    def accept(self, number: int, samples: Samples, gone: Sequence[int]) -> SilenceProbs:
        """``ScoreStream.accept``."""
        (stream,) = self._found([number], gone)
        return self._checked(number, stream.accept(samples))

    def accept_many(
        self, numbers: Sequence[int], chunks: Sequence[Samples], gone: Sequence[int]
    ) -> Sequence[SilenceProbs]:
        """``Scorer.accept_many``."""
        streams = self._found(numbers, gone)
        answers = self._scorer.accept_many(streams, chunks)
        if len(answers) != len(streams):
            self._moved.update(numbers)
            raise MalformedOutput(f"the model gave {len(answers)} answers for {len(streams)} streams")
        return [self._checked(number, answer) for number, answer in zip(numbers, answers, strict=True)]

    def finish(self, number: int, gone: Sequence[int]) -> SilenceProbs:
        """``ScoreStream.finish``."""
        (stream,) = self._found([number], gone)
        return self._checked(number, stream.finish())

    def _found(self, numbers: Sequence[int], gone: Sequence[int]) -> list[ScoreStream]:
        for number in gone:
            self._streams.pop(number, None)
            self._moved.discard(number)
        if moved := self._moved.intersection(numbers):
            raise MalformedOutput(f"the model answered nonsense in {len(moved)} of these streams: open new ones")
        for number in numbers:
            if number not in self._streams:
                self._streams[number] = self._scorer.open()
        return [self._streams[number] for number in numbers]

    def _checked(self, number: int, answer: object) -> SilenceProbs:
        """The form of an answer; whether it holds probabilities is for who decides on them."""
        if isinstance(answer, np.ndarray) and answer.dtype == np.float32 and answer.ndim == 1:
            return answer
        self._moved.add(number)
        form = f"{answer.dtype} {answer.shape}" if isinstance(answer, np.ndarray) else type(answer).__name__
        raise MalformedOutput(f"the model answered {form} where float32 (frames,) is wanted")


def load(directory: str, kind: str, loader: str) -> Desk:
    """The desk of a model directory. ``loader``: ``module:attribute`` of a ``models.Loader`` in place of the kind's.

    Raises ModelError.
    """
    if not loader:
        return Desk(*models.load(Path(directory), kind))
    module, _, attribute = loader.partition(":")
    return Desk(*getattr(import_module(module), attribute)(Path(directory)))
