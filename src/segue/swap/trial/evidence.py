"""What a rollout is judged by: one request, on the version under trial or on the primary."""

import math
from dataclasses import dataclass
from enum import Enum


class Side(Enum):
    """Which version the route chose for the request."""

    TRIAL = "trial"
    PRIMARY = "primary"


class Fault(Enum):
    """How an answer was missed."""

    RAISED = "raised"
    HUNG = "hung"
    """It passed its deadline."""
    DIED = "died"
    """The process that ran it is over."""
    MALFORMED = "malformed"
    """It came, and was no answer: not finite, or of the wrong shape."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One request, told when it is known how it went on the version that it was routed to; never what the caller got.

    ``key`` is the unit of evidence: what the route was chosen by; "" stands for a key that no other request has.
    ``at_s`` is of any clock that does not go back. ``fault`` is None when the version answered. ``excused``: the other
    version was given the same input and failed as well. ``latency_s_per_audio_s``: see ``per_audio_s``; None when it
    failed, or is not to be timed (the first chunk that a stream has on another version, say). ``input`` is a digest of
    the audio, "" when unknown. ``share`` (0 to 1) is that of the route which chose; None: that of the judge's step.
    ``company``: how many calls were in progress when it began, on either version.
    """

    side: Side
    key: str
    at_s: float
    fault: Fault | None = None
    excused: bool = False
    latency_s_per_audio_s: float | None = None
    input: str = ""
    share: float | None = None
    company: int = 0

    @property
    def counts_against(self) -> bool:
        """A failure that the other version did not share."""
        return self.fault is not None and not self.excused


def per_audio_s(latency_s: float, audio_s: float, *, floor_s: float = 1.0) -> float:
    """Latency by seconds of audio. Clips shorter than the floor count as long as it: their cost is mostly fixed.

    Raises ValueError.
    """
    value = latency_s / max(audio_s, floor_s) if floor_s > 0 else math.nan
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{latency_s} s for {audio_s} s of audio, floor {floor_s} s: no latency")
    return value
