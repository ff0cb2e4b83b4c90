"""Versions whose probabilities differ, and that can be told to fail: stand-ins that keep the promises of a Scorer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segue.errors import InferenceFailed
from segue.speech.scorer import Samples, ScoreStream, SilenceProbs

RATE = 16_000
HOP = 160


@dataclass(frozen=True)
class Weights:
    """p(silence) falls with the loudness of a frame, of ``memory`` frames before it, and of the next one."""

    threshold: float
    steepness: float = 12.0
    memory: int = 3
    frame_ms: int = 10
    sample_rate: int = RATE


def plain(weights: Weights, samples: Samples) -> SilenceProbs:
    """What a version makes of a whole recording, as its definition states it."""
    hop = weights.sample_rate * weights.frame_ms // 1000
    whole = samples[: len(samples) // hop * hop].reshape(-1, hop)
    loud = np.abs(whole).max(axis=1, initial=0).astype(np.float64)
    around = np.concatenate((np.zeros(weights.memory), loud, np.zeros(1)))
    heard = np.array([around[t : t + weights.memory + 2].mean() for t in range(len(loud))])
    return _p_silence(weights, heard)


def _p_silence(weights: Weights, heard: NDArray[np.float64]) -> SilenceProbs:
    return (1 / (1 + np.exp(weights.steepness * (heard - weights.threshold)))).astype(np.float32)


@dataclass
class Trouble:
    """What a version does when it is called; shared by all its lives."""

    raising: int = 0
    """So many of the calls to come raise."""
    answering_nan: int = 0
    """So many of the calls to come answer NaN, and have moved."""
    refusing: bool = False
    """No stream can be opened."""
    during: Callable[[], object] = field(default=lambda: None)
    """Called in the middle of each call: a test may wait in it."""
    on_samples: Callable[[Samples], object] = field(default=lambda _: None)
    """Called with the samples of each stream: a test may raise in it."""

    def heal(self) -> None:
        """Work from now on."""
        self.raising, self.answering_nan, self.refusing = 0, 0, False
        self.during, self.on_samples = lambda: None, lambda _: None


class Voice:
    """A scorer. Its streams move together or not at all."""

    def __init__(self, weights: Weights, trouble: Trouble) -> None:
        self.weights = weights
        self.trouble = trouble
        self.sample_rate, self.frame_ms = weights.sample_rate, weights.frame_ms
        self.context_ms = weights.memory * weights.frame_ms
        self.is_closed = False
        self.misuse = 0
        self.batches: list[int] = []

    def open(self) -> "VoiceStream":
        if self.trouble.refusing:
            raise MemoryError("made to refuse")
        return VoiceStream(self)

    def accept_many(self, streams: Sequence[ScoreStream], chunks: Sequence[Samples]) -> list[SilenceProbs]:
        self.batches.append(len(streams))
        mine: Any = streams
        moved = [stream.after(chunk) for stream, chunk in zip(mine, chunks, strict=True)]
        self.called(*chunks)
        return [stream.move(*after) for stream, after in zip(mine, moved, strict=True)]

    def called(self, *chunks: Samples) -> None:
        """The middle of a call."""
        self.misuse += self.is_closed
        trouble = self.trouble
        trouble.during()
        for chunk in chunks:
            trouble.on_samples(chunk)
        if trouble.raising:
            trouble.raising -= 1
            raise InferenceFailed("made to fail")


class VoiceStream:
    """Samples of a frame that is not whole; loudness of the frames in memory; how many wait for their next one."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._rest: Samples = np.empty(0, np.float32)
        self._loud: NDArray[np.float64] = np.zeros(voice.weights.memory)
        self._waits = 0

    def after(self, samples: Samples) -> tuple[Samples, NDArray[np.float64]]:
        """What is left of a frame, and the loudness of all frames known then."""
        samples = np.concatenate((self._rest, samples))
        hop = self._voice.sample_rate * self._voice.frame_ms // 1000
        whole = len(samples) // hop * hop
        loud = np.abs(samples[:whole].reshape(-1, hop)).max(axis=1, initial=0).astype(np.float64)
        return samples[whole:], np.concatenate((self._loud, loud))

    def move(self, rest: Samples, loud: NDArray[np.float64], *, last: bool = False) -> SilenceProbs:
        """Decide what is decidable."""
        weights, trouble = self._voice.weights, self._voice.trouble
        around = np.concatenate((loud, np.zeros(1))) if last else loud
        frames = max(0, len(around) - weights.memory - 1)
        heard = np.array([around[t : t + weights.memory + 2].mean() for t in range(frames)])
        self._rest, self._loud = rest, loud[min(frames, len(loud)) :]
        scored = _p_silence(weights, heard)
        if trouble.answering_nan and len(scored):
            trouble.answering_nan -= 1
            scored = np.full(len(scored), np.nan, np.float32)
        return scored

    def accept(self, samples: Samples) -> SilenceProbs:
        after = self.after(samples)
        self._voice.called(samples)
        return self.move(*after)

    def finish(self) -> SilenceProbs:
        self._voice.called()
        return self.move(self._rest, self._loud, last=True)


def talk(seed: int, seconds: float) -> Samples:
    """Bursts of all lengths and levels: versions disagree on many of them."""
    rng = np.random.default_rng(seed)
    count = int(seconds * RATE)
    samples: Samples = rng.uniform(-1, 1, count).astype(np.float32)
    at = 0
    while at < count:
        size = int(rng.choice([300, 1_000, 4_000, 9_000]))
        samples[at : at + size] *= np.float32(rng.choice([0.0, 0.1, 0.25, 0.4, 0.6, 0.9]))
        at += size
    return samples


QUICK: Mapping[str, Any] = {
    "window_size_ms": 50,
    "sil_to_speech_time_thres": 30,
    "speech_to_sil_time_thres": 20,
    "max_end_silence_time": 80,
    "lookback_time_start_point": 20,
    "lookahead_time_end_point": 20,
    "max_single_segment_time": 700,
}
"""Rules that decide often."""
