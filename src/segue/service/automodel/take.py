"""A stream as FunASR's callers drive it: its state is in their ``cache``, and what is told depends on ``chunk_size``.

Restated from ``FsmnVADStreaming.inference`` of funasr 1.4.16: what comes is cut into pieces of ``chunk_size``, each is
decided by itself, and what is left over waits for the next call or the last.
"""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from segue.errors import InvalidParameter
from segue.service.automodel.options import Ask
from segue.speech.detector import Detector
from segue.speech.events import Event, SpeechEnded
from segue.speech.funasr import live_pairs
from segue.speech.samples import as_samples, mix

_IN_CACHE = "segue"


class Take:
    """One stream under way. Used by one thread at a time."""

    def __init__(self, detector: Detector, ask: Ask) -> None:
        self._asked = (dict(ask.asked), ask.sample_rate)
        self._stream = detector.stream(sample_rate=ask.sample_rate, **ask.asked)
        self._piece_samples = max(1, ask.chunk_ms * ask.sample_rate // 1000)
        self._left: NDArray[np.float32] = np.empty(0, np.float32)
        self._told: list[list[int]] = []  # not answered yet, where a piece after it failed

    @classmethod
    def of(cls, detector: Detector, ask: Ask) -> Self:
        """The stream of the cache, or a new one if that is empty. Raises InvalidParameter."""
        if not ask.cache:
            ask.cache[_IN_CACHE] = cls(detector, ask)
        take = ask.cache.get(_IN_CACHE)
        if not isinstance(take, cls):
            raise InvalidParameter("cache holds what generate() did not put there: pass an empty dict for a new stream")
        if take._asked != (dict(ask.asked), ask.sample_rate):
            raise InvalidParameter(
                "a stream keeps the parameters of its first call until is_final: give them in every call, unchanged"
            )
        return take

    def accept(self, samples: Any, ask: Ask) -> list[list[int]]:
        """Pairs of this call. Raises InvalidSamples (nothing is taken), InferenceFailed (all is kept for the next)."""
        block = mix(as_samples(samples))[0] if np.size(samples) else self._left[:0]
        self._left = np.concatenate((self._left, block))
        while len(self._left) >= self._piece_samples:
            piece, self._left = self._left[: self._piece_samples], self._left[self._piece_samples :]
            self._tell(self._stream.accept(piece), ask)
        if ask.is_final:
            piece, self._left = self._left, self._left[:0]
            self._tell(self._stream.accept(piece) + self._stream.finish(), ask)
            ask.cache.clear()  # the next call begins another stream, as in FunASR
        told, self._told = self._told, []
        return told

    def _tell(self, events: list[Event], ask: Ask) -> None:
        whole = [event.segment for event in events if isinstance(event, SpeechEnded)]
        self._told += live_pairs(events) if ask.is_live else [[each.start_ms, each.end_ms] for each in whole]
