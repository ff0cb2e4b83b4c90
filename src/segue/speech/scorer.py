"""The protocols of the thing that is replaced: samples in, probabilities of silence out.

Of silence, because that is what FSMN-VAD's rules compare: in float32 ``1 - p`` of a p near 1 would not be exact. A
model that gives probabilities of speech answers ``1 - p`` here.
"""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.float32]
"""float32, shape (n,), full scale at -1 to 1, at the scorer's ``sample_rate``."""

SilenceProbs: TypeAlias = NDArray[np.float32]
"""float32, shape (frames,): the probability of *silence* (p0) of each frame that became decidable, in time order."""


class ScoreStream(Protocol):
    """All state of one audio stream in one scorer. Used by one thread at a time.

    Chunk sizes never matter: the concatenated output of ``accept`` and ``finish`` depends on the concatenated input
    alone, bit for bit or within float32 rounding of a batched matrix product. When a call raises, the stream has not
    moved: the same samples may be given again.
    """

    def accept(self, samples: Samples) -> SilenceProbs:
        """Feed any number of samples (0 too); return the frames that they completed."""
        ...

    def finish(self) -> SilenceProbs:
        """Say that no audio follows; return the frames that waited for look-ahead. Call once."""
        ...


class Scorer(Protocol):
    """An immutable, thread-safe model. One object serves every stream and thread."""

    @property
    def sample_rate(self) -> int:
        """Hz of the samples that streams accept."""
        ...

    @property
    def frame_ms(self) -> int:
        """Milliseconds from one frame to the next. Frame f speaks for [f * frame_ms, (f + 1) * frame_ms)."""
        ...

    @property
    def context_ms(self) -> int:
        """Milliseconds of audio to replay so that a new stream's state equals that of one that heard everything."""
        ...

    def open(self) -> ScoreStream:
        """A new stream at time 0."""
        ...

    def accept_many(self, streams: Sequence[ScoreStream], chunks: Sequence[Samples]) -> list[SilenceProbs]:
        """``[s.accept(c) for s, c in zip(streams, chunks)]`` in one inference; the streams are distinct and its own.

        When it raises, no stream has moved.
        """
        ...
