"""What finds speech in accuracy's tables: Segue's modes over scores that are made once, and the peers as they come."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from benchmarks.clips import Clip
from benchmarks.peers import Pairs
from benchmarks.recording import Samples
from segue.accuracy.agreement import Agreement, agreement_of_frames
from segue.speech.rules import Rules
from segue.speech.scorer import Scorer, SilenceProbs
from segue.speech.segmenter import Segment, Segmenter, SpeechEnded

EVERYTHING = "everything is speech"
FUNASR = {"classic": "funasr-onnx", "dynamic": "FunASR (torch), as it comes"}
"""Whose segments a mode's are to be."""


class Detects(Protocol):
    """A peer, as far as its answers go."""

    @property
    def name(self) -> str:
        """Of its row."""
        ...

    def detect(self, samples: Samples) -> Pairs:
        """The segments of a whole recording."""
        ...


@dataclass(frozen=True, eq=False)
class Heard:
    """A clip without its samples: what Segue's network made of it, and where its speech is."""

    p_silence: SilenceProbs
    speech: tuple[Segment, ...]
    duration_ms: int

    @classmethod
    def of(cls, clip: Clip, scorer: Scorer) -> "Heard":
        """Score a whole clip."""
        stream = scorer.open()
        scores = np.concatenate((stream.accept(clip.samples), stream.finish()))
        return cls(scores, clip.speech, clip.duration_ms)

    def segments(self, rules: Rules) -> list[Segment]:
        """What Segue answers: the very state machine that a detector runs."""
        segmenter = Segmenter()
        events = segmenter.accept(self.p_silence, rules) + segmenter.finish()
        return [event.segment for event in events if isinstance(event, SpeechEnded)]

    def counts(self, detected: Sequence[Segment]) -> Agreement:
        """Frames of 10 ms, against the labels."""
        return agreement_of_frames(self.speech, detected, self.duration_ms)


def peers(directory: Path) -> dict[str, Callable[[Samples], Pairs]]:
    """Name -> samples to segments, for all that is not Segue; FSMN-VADs from the same directory."""
    from benchmarks.peers.funasr_onnx import FunasrOnnx
    from benchmarks.peers.funasr_torch import FunasrTorch
    from benchmarks.peers.silero import Silero
    from benchmarks.peers.webrtc import WebRtc

    dynamic = FunasrTorch(directory, dynamic=True)
    loaded: Sequence[Detects] = (
        FunasrOnnx(directory),
        dynamic,
        Silero(),
        WebRtc(aggressiveness=2),
        WebRtc(aggressiveness=3),
    )
    return {peer.name: peer.detect for peer in loaded}
