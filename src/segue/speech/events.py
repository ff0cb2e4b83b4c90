"""What a stream of speech is told as: a segment, and the two events that make one."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """A stretch of speech: [start_ms, end_ms) from the beginning of the audio."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """An utterance is open since ``at_ms``."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The open utterance is over; its start equals the ``at_ms`` announced before."""

    segment: Segment


Event: TypeAlias = SpeechStarted | SpeechEnded


def ended(first_frame: int, last_frame: int, frame_ms: int) -> SpeechEnded:
    """The end of an utterance that has these frames, both included."""
    return SpeechEnded(Segment(first_frame * frame_ms, (last_frame + 1) * frame_ms))
