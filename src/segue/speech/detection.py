"""The answer for one recording, and what made it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload

import numpy as np
from numpy.typing import NDArray

from segue.errors import InvalidParameter
from segue.speech.rules import Rules
from segue.speech.segmenter import Segment

_SLACK_MS = 100
"""Two decoders of one lossy file may differ by that much: a service's and that of this machine."""


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model answered: its ID, revision (None for a directory of the user's) and SHA-256 digest."""

    id: str
    revision: str | None
    digest: str
    version: str | None = None
    """Its name where a service answered, whose versions are models with options; else None."""

    def __str__(self) -> str:
        return f"{self.id}@{self.revision}" if self.revision else self.id


@dataclass(frozen=True, slots=True)
class Detection(Sequence[Segment]):
    """The answer for one recording (or one channel of it); iterates and indexes as its segments."""

    segments: tuple[Segment, ...]
    duration_ms: int
    rules: Rules
    model: ModelIdentity
    channel: int | None = None
    """0, 1, … where channels were split; None for the mix."""
    probabilities: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    """Speech probability (1 - p0) a frame, float32 (frames,), where asked for."""

    @property
    def mode(self) -> str:
        """The mode that made the segments."""
        return self.rules.mode

    @property
    def preset(self) -> str:
        """The preset that took part in it; empty without one."""
        return self.rules.preset

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


def check_same(detections: Sequence[Detection], duration_ms: int) -> None:
    """Raise InvalidParameter where a recording of that length cannot be what was detected."""
    for detection in detections:
        if abs(detection.duration_ms - duration_ms) > _SLACK_MS:
            raise InvalidParameter(
                f"detection: it is of {detection.duration_ms} ms of audio and the recording has {duration_ms} ms; "
                "give the recording that it was made of, or detect again if that has changed"
            )


def check_channels(detections: Sequence[Detection], channels: int) -> None:
    """Raise InvalidParameter where a detection is of a channel that the recording does not have."""
    for detection in detections:
        if detection.channel is not None and not 0 <= detection.channel < channels:
            raise InvalidParameter(
                f"detection: it is of channel {detection.channel} and the recording has {channels}, counted from 0; "
                "give the recording that it was made of"
            )
