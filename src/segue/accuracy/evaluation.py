"""Recordings with references -> how well they were detected: one by one, and pooled. Pure functions.

Pooled: the times of all recordings are added, and then the rates are taken, so that a long recording counts for more
than a short one. The formulas are in ``agreement``; here they stand once more as one table, in which each is a ratio of
two sums of the four times. So a bootstrap can add up thousands of resamples at once, and figures have names.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from segue.accuracy.agreement import Agreement, Shifts, agreement, agreement_of_frames, shifts
from segue.speech.segmenter import Segment

BEYOND_MS = 100
"""A label may go so far beyond the end of the audio: times that were rounded, a last frame that was filled up."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure: weights of (both, missed, false alarm, neither) whose sums are divided."""

    label: str
    part: tuple[int, int, int, int]
    whole: tuple[int, int, int, int]
    more_is_better: bool

    def of(self, found: Agreement) -> float | None:
        """The figure; None where there is nothing to take it of."""
        times = (found.both, found.missed, found.false_alarm, found.neither)
        part, whole = (sum(a * b for a, b in zip(weights, times, strict=True)) for weights in (self.part, self.whole))
        return part / whole if whole else None


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "missed_rate": Metric("missed speech", (0, 1, 0, 0), (1, 1, 0, 0), False),
        "false_alarm_rate": Metric("false alarm", (0, 0, 1, 0), (0, 0, 1, 1), False),
        "detection_error": Metric("detection error", (0, 1, 1, 0), (1, 1, 0, 0), False),
        "precision": Metric("precision", (1, 0, 0, 0), (1, 0, 1, 0), True),
        "recall": Metric("recall", (1, 0, 0, 0), (1, 1, 0, 0), True),
        "f1": Metric("F1", (2, 0, 0, 0), (2, 1, 1, 0), True),
        "iou": Metric("IoU", (1, 0, 0, 0), (1, 1, 1, 0), True),
    }
)
"""By the names that ``Agreement`` has for them."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A recording's detection beside its reference, or that of several recordings together (``total``)."""

    name: str
    duration_ms: int
    ms: Agreement
    """In milliseconds, exactly."""
    frames: Agreement
    """In whole frames of 10 ms, as papers count."""
    shifts: Shifts

    def agreement(self, *, in_frames: bool = False) -> Agreement:
        """In milliseconds, or in frames."""
        return self.frames if in_frames else self.ms


def evaluate(name: str, reference: Iterable[Segment], detected: Iterable[Segment], duration_ms: int) -> Evaluated:
    """The agreement of one recording. What lies beyond its end is not counted."""
    ours, theirs = tuple(reference), tuple(detected)
    return Evaluated(
        name,
        duration_ms,
        agreement(ours, theirs, duration_ms),
        agreement_of_frames(ours, theirs, duration_ms),
        shifts(ours, theirs, duration_ms),
    )


def total(each: Iterable[Evaluated]) -> Evaluated:
    """All of them pooled."""
    all_of_them = tuple(each)
    return Evaluated(
        "total",
        sum(one.duration_ms for one in all_of_them),
        sum((one.ms for one in all_of_them), Agreement()),
        sum((one.frames for one in all_of_them), Agreement()),
        Shifts(
            tuple(ms for one in all_of_them for ms in one.shifts.start_ms),
            tuple(ms for one in all_of_them for ms in one.shifts.end_ms),
        ),
    )


def beyond(reference: Iterable[Segment], duration_ms: int) -> tuple[int, bool] | None:
    """(where the last label ends in ms, whether a label begins there) if labels go beyond the end of the audio."""
    segments = [segment for segment in reference if segment.end_ms > duration_ms + BEYOND_MS]
    if not segments:
        return None
    return (
        max(segment.end_ms for segment in segments),
        any(segment.start_ms > duration_ms + BEYOND_MS for segment in segments),
    )
