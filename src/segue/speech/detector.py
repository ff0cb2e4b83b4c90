"""A model with its rules, ready for recordings and live streams. ``detect(x)`` is a stream fed once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segue.speech.audio import MAX_AUDIO_S, AudioSource, Channels, Decoded, decode
from segue.speech.detection import Detection, ModelIdentity
from segue.speech.presets import Preset
from segue.speech.rules import Rules
from segue.speech.scorer import Samples, Scorer
from segue.speech.segmenter import Event, Segment, SpeechEnded
from segue.speech.stream import DetectorStream

Progress = Callable[[int, int | None], None]
"""Called with the milliseconds of audio detected so far, and those that the recording promises, if it says."""


@dataclass(frozen=True, repr=False)
class Detector:
    """A model with its rules, ready to detect. Immutable and thread-safe: one serves any number of threads and streams.

    ``max_audio_s``: longer recordings are refused with AudioTooLong, however small their file is.
    """

    scorer: Scorer
    rules: Rules
    model: ModelIdentity
    max_audio_s: float = MAX_AUDIO_S

    def __repr__(self) -> str:
        return f"Detector({self.model}, {self.scorer.sample_rate} Hz, mode={self.rules.mode})"

    def detect(
        self,
        source: AudioSource,
        *,
        sample_rate: int | None = None,
        mode: str | None = None,
        preset: str | Preset | None = None,
        probabilities: bool = False,
        progress: Progress | None = None,
        **parameters: object,
    ) -> Detection:
        """The segments of a recording, its channels mixed.

        ``source``: a path, the bytes of a file, a binary file object, or samples (int16, int32 or float of shape (n,),
        (n, c) or (c, n)) with their ``sample_rate`` in Hz; given for a file, it must be the file's own. ``mode``,
        ``preset`` and ``parameters`` (see ``segue.Rules``) win over the model's. ``probabilities``: keep them in the
        answer. An array must not change while it is read.
        Raises AudioError, InvalidParameter, InferenceFailed.
        """
        rules = self.rules.asking({"mode": mode, "preset": preset, **parameters})
        (detection,) = self._detect(source, sample_rate, "mix", rules, probabilities, progress)
        return detection

    def detect_channels(
        self,
        source: AudioSource,
        *,
        sample_rate: int | None = None,
        mode: str | None = None,
        preset: str | Preset | None = None,
        probabilities: bool = False,
        progress: Progress | None = None,
        **parameters: object,
    ) -> list[Detection]:
        """Like ``detect``, each channel for itself: one answer a channel, in order."""
        rules = self.rules.asking({"mode": mode, "preset": preset, **parameters})
        return self._detect(source, sample_rate, "split", rules, probabilities, progress)

    def probabilities(self, source: AudioSource, *, sample_rate: int | None = None) -> NDArray[np.float32]:
        """Speech probability (1 - p0) a frame of ``scorer.frame_ms``, float32 (frames,), the channels mixed."""
        scored = self.detect(source, sample_rate=sample_rate, probabilities=True).probabilities
        assert scored is not None  # asked for
        return scored

    def stream(
        self,
        *,
        sample_rate: int | None = None,
        mode: str | None = None,
        preset: str | Preset | None = None,
        **parameters: object,
    ) -> DetectorStream:
        """A live stream. ``sample_rate``: Hz of its chunks; the model's own where left out."""
        asked = {"mode": mode, "preset": preset, **parameters}
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
                    progress(decoded.duration_ms, decoded.promised_ms)
        split = channels == "split"
        return [take.finish(self, decoded, channel if split else None) for channel, take in enumerate(takes)]


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
            probabilities=None if kept is None else 1 - np.concatenate(kept),
        )

    def _collect(self, events: list[Event]) -> None:
        self._segments += [event.segment for event in events if isinstance(event, SpeechEnded)]
