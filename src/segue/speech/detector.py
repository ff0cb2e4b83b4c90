"""Joins decoding, scoring and segmenting. ``detect(x)`` is a stream fed once."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segue.errors import InvalidParameter, StreamFinished
from segue.speech.audio import MAX_AUDIO_S, AudioSource, Channels, Decoded, decode
from segue.speech.resample import Resampler
from segue.speech.rules import Rules
from segue.speech.samples import Block, as_samples, mix
from segue.speech.scorer import Probs, Samples, Scorer, ScoreStream
from segue.speech.segmenter import Event, Segment, Segmenter, SpeechEnded


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model answered: its ID, revision (None for a directory of the user's) and SHA-256 digest."""

    id: str
    revision: str | None
    digest: str


@dataclass(frozen=True, slots=True)
class Detection(Sequence[Segment]):
    """The answer for one recording (or one channel of it); iterates and indexes as its segments."""

    segments: tuple[Segment, ...]
    duration_ms: int
    rules: Rules
    model: ModelIdentity
    channel: int | None = None
    """0, 1, … where channels were split; None for the mix."""
    probabilities: NDArray[np.float32] | None = None
    """Speech probability (1 - p0) a frame, float32 (frames,), where asked for."""

    @property
    def mode(self) -> str:
        """The mode that made the segments."""
        return self.rules.mode

    @property
    def speech_ms(self) -> int:
        """Total length of the segments."""
        return sum(segment.end_ms - segment.start_ms for segment in self.segments)

    @overload
    def __getitem__(self, index: int) -> Segment: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Segment, ...]: ...
    def __getitem__(self, index: int | slice) -> Segment | tuple[Segment, ...]:
        return self.segments[index]

    def __len__(self) -> int:
        return len(self.segments)

    def __iter__(self) -> Iterator[Segment]:
        return iter(self.segments)


_REPLAY_MS = 1_000
"""Audio that a stream keeps for a version to come: more than an FSMN-VAD's whole memory (825 ms)."""

_NOTHING = np.empty(0, dtype=np.float32)

Progress = Callable[[int], None]
"""Called with the milliseconds of audio detected so far."""


class Detector:
    """A model with its rules, ready to detect. Immutable and thread-safe: one serves any number of threads and streams.

    ``max_audio_s``: longer recordings are refused with AudioTooLong, however small their file is.
    """

    def __init__(self, scorer: Scorer, rules: Rules, *, model: ModelIdentity, max_audio_s: float = MAX_AUDIO_S) -> None:
        self.scorer = scorer
        self.rules = rules
        self.model = model
        self.max_audio_s = max_audio_s

    def __repr__(self) -> str:
        revision = f"@{self.model.revision}" if self.model.revision else ""
        return f"Detector({self.model.id}{revision}, {self.scorer.sample_rate} Hz, mode={self.rules.mode})"

    def detect(
        self,
        source: AudioSource,
        *,
        sample_rate: int | None = None,
        mode: str | None = None,
        probabilities: bool = False,
        progress: Progress | None = None,
        **parameters: object,
    ) -> Detection:
        """The segments of a recording, its channels mixed.

        ``source``: a path, the bytes of a file, a binary file object, or samples (int16, int32 or float of shape (n,),
        (n, c) or (c, n)) with their ``sample_rate`` in Hz. ``mode`` and ``parameters`` (FunASR's names, see
        ``segue.Rules``) win over the model's. ``probabilities``: keep them in the answer.
        Raises AudioError, InvalidParameter, InferenceFailed.
        """
        rules = self.rules.asking({"mode": mode, **parameters})
        (detection,) = self._detect(source, sample_rate, "mix", rules, probabilities, progress)
        return detection

    def detect_channels(
        self,
        source: AudioSource,
        *,
        sample_rate: int | None = None,
        mode: str | None = None,
        probabilities: bool = False,
        progress: Progress | None = None,
        **parameters: object,
    ) -> list[Detection]:
        """Like ``detect``, each channel for itself: one answer a channel, in order."""
        rules = self.rules.asking({"mode": mode, **parameters})
        return self._detect(source, sample_rate, "split", rules, probabilities, progress)

    def probabilities(self, source: AudioSource, *, sample_rate: int | None = None) -> NDArray[np.float32]:
        """Speech probability (1 - p0) a frame of ``scorer.frame_ms``, float32 (frames,), the channels mixed."""
        scored = self.detect(source, sample_rate=sample_rate, probabilities=True).probabilities
        assert scored is not None  # asked for
        return scored

    def stream(
        self, *, sample_rate: int | None = None, mode: str | None = None, **parameters: object
    ) -> "DetectorStream":
        """A live stream. ``sample_rate``: Hz of its chunks; the model's own where left out."""
        asked = {"mode": mode, **parameters}
        return DetectorStream(self.scorer, self.rules, sample_rate=sample_rate, asked=asked)

    def _detect(
        self,
        source: AudioSource,
        sample_rate: int | None,
        channels: Channels,
        rules: Rules,
        probabilities: bool,
        progress: Progress | None,
    ) -> list[Detection]:
        with decode(
            source,
            target_rate=self.scorer.sample_rate,
            sample_rate=sample_rate,
            channels=channels,
            max_audio_s=self.max_audio_s,
        ) as decoded:
            takes = [_Take(DetectorStream(self.scorer, rules, keep=probabilities)) for _ in range(decoded.channels)]
            for block in decoded:
                for take, samples in zip(takes, block, strict=True):
                    take.accept(samples)
                if progress:
                    progress(decoded.duration_ms)
        split = channels == "split"
        return [take.finish(self, decoded, channel if split else None) for channel, take in enumerate(takes)]


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
        self._rate = sample_rate or scorer.sample_rate
        self._resampler = Resampler(self._rate, scorer.sample_rate)
        self._channels: int | None = None
        self._accepted_samples = 0  # at the stream's own rate, for messages
        self._segmenter = Segmenter()
        self._scores = _Scores(scorer)
        self._finished = False
        self.rules = rules.asking(self._asked)
        """The effective rules."""
        self.kept: list[Probs] | None = [] if keep else None
        """p(silence) of every frame decided, if asked to ``keep`` it; else None."""

    @property
    def is_open(self) -> bool:
        """Whether an utterance is open."""
        return self._segmenter.is_open

    @property
    def frame(self) -> int:
        """The next frame to be decided."""
        return self._segmenter.frame

    def accept(self, samples: ArrayLike) -> list[Event]:
        """Feed a chunk of any length at the stream's rate: int16, int32 or float; (n,), (n, c) or (c, n), mixed.

        Returns the events that it completed, in order. Raises InvalidSamples (the chunk is not taken; the stream goes
        on), StreamFinished, InferenceFailed.
        """
        if self._finished:
            raise StreamFinished("the stream is finished; open another for more audio")
        block = as_samples(samples, channels=self._channels, at_sample=self._accepted_samples)
        self._channels = len(block)
        self._accepted_samples += block.shape[1]
        return self._decide(self._scores.accept(self._resampled(mix(block))))

    def finish(self) -> list[Event]:
        """Say that no audio follows. The open utterance ends with the last frame. A second call answers nothing."""
        if self._finished:
            return []
        self._finished = True
        events = self._decide(self._scores.accept(self._resampler.finish()[0]))
        return events + self._decide(self._scores.finish()) + self._segmenter.finish()

    def adopt(self, scorer: Scorer, rules: Rules) -> int:
        """Go over to another version, between two frames: nothing is lost, repeated or decided twice.

        Returns f, the first frame that the new scorer and rules decide; window, counters and the open utterance are
        kept. The new scorer hears its ``context_ms`` again first, so that its state is what it would be had it heard
        the stream from the start. Raises InvalidParameter unless sample rate and frame agree; then, and when the new
        scorer fails, the stream goes on as it was.
        """
        if self._finished:
            raise StreamFinished("the stream is finished; there is nothing left to decide")
        old = self._scores.scorer
        if (scorer.sample_rate, scorer.frame_ms) != (old.sample_rate, old.frame_ms):
            raise InvalidParameter(
                f"a stream at {old.sample_rate} Hz in frames of {old.frame_ms} ms cannot adopt a model at "
                f"{scorer.sample_rate} Hz in frames of {scorer.frame_ms} ms; open a new stream for it"
            )
        rules = rules.asking(self._asked)
        self._scores = self._scores.moved_to(scorer)
        self.rules = rules
        return self._segmenter.frame

    def _resampled(self, block: Block) -> Samples:
        samples: Samples = self._resampler.accept(block)[0]
        return samples

    def _decide(self, p_silence: Probs) -> list[Event]:
        if self.kept is not None:
            self.kept.append(p_silence)
        return self._segmenter.accept(p_silence, self.rules)


class _Scores:
    """One scorer's view of a stream: scores what comes, and keeps what another scorer would have to hear again.

    That is all audio from ``_REPLAY_MS`` before the first undecided frame on: so a chunk whose scoring failed is still
    there for the version that takes over.
    """

    def __init__(self, scorer: Scorer, *, frame: int = 0) -> None:
        self.scorer = scorer
        self.frame = frame
        """The next frame to come out."""
        self._stream: ScoreStream = scorer.open()
        self._skip = 0  # frames that will come out of the scorer and were decided by the version before
        self._ready: Probs = _NOTHING  # frames that the replay yielded beyond those
        self._recent: deque[Samples] = deque()
        self._recent_at = 0  # position in the stream of the first sample in them
        self._hop = scorer.sample_rate * scorer.frame_ms // 1000
        self._replay_samples = scorer.sample_rate * _REPLAY_MS // 1000

    def accept(self, samples: Samples) -> Probs:
        """Score the next samples of the stream: p(silence) of the frames that they completed."""
        self._recent.append(samples.copy())  # the caller may use its buffer again
        return self._out(self._stream.accept(samples))

    def finish(self) -> Probs:
        """Score what waited for look-ahead."""
        return self._out(self._stream.finish())

    def moved_to(self, scorer: Scorer) -> "_Scores":
        """The same stream in another scorer, from the same next frame on. This one is left as it is."""
        new = _Scores(scorer, frame=self.frame)
        oldest = -(-self._recent_at // self._hop)
        start = max(oldest, self.frame - -(-scorer.context_ms // scorer.frame_ms))
        replayed = np.concatenate((_NOTHING, *self._recent))[start * self._hop - self._recent_at :]
        new._recent, new._recent_at = deque([replayed]), start * self._hop
        new._skip = self.frame - start
        new._ready = new._undecided(new._stream.accept(replayed))
        return new

    def _out(self, scored: Probs) -> Probs:
        scored = self._undecided(scored)
        if len(self._ready):
            scored, self._ready = np.concatenate((self._ready, scored)), _NOTHING
        self.frame += len(scored)
        needed_from = self.frame * self._hop - self._replay_samples
        while self._recent and self._recent_at + len(self._recent[0]) <= needed_from:
            self._recent_at += len(self._recent.popleft())
        return scored

    def _undecided(self, scored: Probs) -> Probs:
        if not self._skip:
            return scored
        skipped = min(self._skip, len(scored))
        self._skip -= skipped
        return scored[skipped:]


class _Take:
    """One channel of a recording on its way through a stream."""

    def __init__(self, stream: DetectorStream) -> None:
        self._stream = stream
        self._segments: list[Segment] = []

    def accept(self, samples: Samples) -> None:
        self._collect(self._stream.accept(samples))

    def finish(self, detector: Detector, decoded: Decoded, channel: int | None) -> Detection:
        self._collect(self._stream.finish())
        kept = self._stream.kept
        return Detection(
            segments=tuple(self._segments),
            duration_ms=decoded.duration_ms,
            rules=self._stream.rules,
            model=detector.model,
            channel=channel,
            probabilities=None if kept is None else 1 - np.concatenate((_NOTHING, *kept)),
        )

    def _collect(self, events: list[Event]) -> None:
        self._segments += [event.segment for event in events if isinstance(event, SpeechEnded)]
