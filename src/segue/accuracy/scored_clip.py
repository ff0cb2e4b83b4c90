"""A labelled recording that was scored once: any number of rules can then decide on it in a moment."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from segue.accuracy.evaluation import Evaluated, evaluate
from segue.speech.audio import AudioSource, decode
from segue.speech.rules import Rules
from segue.speech.scorer import SilenceProbs
from segue.speech.segmenter import Segment, Segmenter, SpeechEnded
from segue.speech.stream import DetectorStream

if TYPE_CHECKING:
    from segue.speech.detector import Detector


@dataclass(frozen=True, slots=True, eq=False)
class ScoredClip:
    """``p_silence``: float32 (frames,), of every frame, as the scorer gave it. ``reference``: where speech is."""

    name: str
    duration_ms: int
    reference: tuple[Segment, ...]
    p_silence: SilenceProbs

    def detect(self, rules: Rules) -> list[Segment]:
        """The segments that a detector with these rules finds in it."""
        segmenter = Segmenter()
        events = segmenter.accept(self.p_silence, rules) + segmenter.finish()
        return [event.segment for event in events if isinstance(event, SpeechEnded)]

    def evaluate(self, rules: Rules) -> Evaluated:
        """How well they are found under these rules."""
        return evaluate(self.name, self.reference, self.detect(rules), self.duration_ms)


def hear(detector: "Detector", source: AudioSource, reference: Iterable[Segment], *, name: str) -> ScoredClip:
    """Score a recording, its channels mixed, as ``Detector.detect`` does. Raises AudioError, InferenceFailed."""
    with decode(
        source, target_rate=detector.scorer.sample_rate, channels="mix", max_audio_s=detector.max_audio_s
    ) as decoded:
        stream = DetectorStream(detector.scorer, detector.rules, keep=True)
        for (samples,) in decoded:
            stream.accept(samples)
        stream.finish()
    p_silence = np.concatenate((np.empty(0, dtype=np.float32), *(stream.kept or ())))
    return ScoredClip(name, decoded.duration_ms, tuple(reference), p_silence)
