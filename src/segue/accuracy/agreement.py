"""Two lists of segments of one recording, a reference and what was detected -> how far they agree. Pure functions.

Each list is first cut to the recording, and what touches or overlaps in it is joined. Time is whole milliseconds, so
every figure is exact: no frames, unless they are asked for (``agreement_of_frames``).

Sources of the formulas. Missed speech, false alarm, detection error rate, precision and recall: pyannote.metrics 4
(``DetectionErrorRate``, ``DetectionPrecision``, ``DetectionRecall``; Bredin, Interspeech 2017), without collar. Rates
of missed speech and false alarm: NIST's OpenSAT plan (Pmiss over speech, Pfa over what is no speech). F1: van
Rijsbergen's harmonic mean, as ``2 both / (reference + detected)``. IoU: Jaccard's index.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from segue.speech.segmenter import Segment

FRAME_MS = 10


@dataclass(frozen=True, slots=True)
class Agreement:
    """A recording's time (in ms, or in frames) by what the reference and the detection say of it; ``+`` pools.

    A rate is None where there is nothing to take it of: pyannote.metrics answers 0 or 1 there.
    """

    both: int = 0
    missed: int = 0
    false_alarm: int = 0
    neither: int = 0

    def __add__(self, other: "Agreement") -> "Agreement":
        return Agreement(
            self.both + other.both,
            self.missed + other.missed,
            self.false_alarm + other.false_alarm,
            self.neither + other.neither,
        )

    @property
    def reference(self) -> int:
        """Speech, by the reference."""
        return self.both + self.missed

    @property
    def detected(self) -> int:
        """Speech, as detected."""
        return self.both + self.false_alarm

    @property
    def missed_rate(self) -> float | None:
        """Missed speech of the reference's speech."""
        return _ratio(self.missed, self.reference)

    @property
    def false_alarm_rate(self) -> float | None:
        """False alarm of what is no speech in the reference. (Of its speech: ``detection_error - missed_rate``.)"""
        return _ratio(self.false_alarm, self.false_alarm + self.neither)

    @property
    def detection_error(self) -> float | None:
        """Missed speech and false alarm together, of the reference's speech: it may exceed 1."""
        return _ratio(self.missed + self.false_alarm, self.reference)

    @property
    def precision(self) -> float | None:
        """How much of what was detected is speech."""
        return _ratio(self.both, self.detected)

    @property
    def recall(self) -> float | None:
        """How much of the speech was detected."""
        return _ratio(self.both, self.reference)

    @property
    def f1(self) -> float | None:
        """The harmonic mean of precision and recall."""
        return _ratio(2 * self.both, self.reference + self.detected)

    @property
    def iou(self) -> float | None:
        """Speech in both, of speech in either."""
        return _ratio(self.both, self.both + self.missed + self.false_alarm)


@dataclass(frozen=True, slots=True)
class Shifts:
    """How far detected boundaries lie from the reference's, in ms: negative is earlier. One of each a match."""

    start_ms: tuple[int, ...] = ()
    end_ms: tuple[int, ...] = ()

    def __add__(self, other: "Shifts") -> "Shifts":
        return Shifts(self.start_ms + other.start_ms, self.end_ms + other.end_ms)


def agreement(reference: Iterable[Segment], detected: Iterable[Segment], duration_ms: int) -> Agreement:
    """The agreement in milliseconds over [0, ``duration_ms``)."""
    ours, theirs = speech(reference, duration_ms), speech(detected, duration_ms)
    both = sum(end - start for start, end in _common(ours, theirs))
    missed, false_alarm = _total(ours) - both, _total(theirs) - both
    return Agreement(both, missed, false_alarm, duration_ms - both - missed - false_alarm)


def agreement_of_frames(
    reference: Iterable[Segment], detected: Iterable[Segment], duration_ms: int, *, frame_ms: int = FRAME_MS
) -> Agreement:
    """The same in whole frames of ``frame_ms``, as VAD papers count: a frame is speech when its middle is."""

    def first(at_ms: int) -> int:  # the first frame whose middle is not before that
        return -((frame_ms - 2 * at_ms) // (2 * frame_ms))

    def framed(segments: Iterable[Segment]) -> Iterator[Segment]:
        for segment in speech(segments, duration_ms):
            yield Segment(first(segment.start_ms), first(segment.end_ms))

    return agreement(framed(reference), framed(detected), duration_ms // frame_ms)


def shifts(reference: Iterable[Segment], detected: Iterable[Segment], duration_ms: int) -> Shifts:
    """The shifts of matched boundaries.

    Segments that overlap match, and so do chains of them: where one detected segment spans three of the reference, the
    first start and the last end are compared. That has one answer whatever the order, and no shift is a pause that was
    bridged: that is in the agreement. What overlaps nothing has no shift.
    """
    ours, theirs = speech(reference, duration_ms), speech(detected, duration_ms)
    starts, ends = [], []
    for group, other in _chains(ours, theirs):
        starts.append(other[0].start_ms - group[0].start_ms)
        ends.append(other[-1].end_ms - group[-1].end_ms)
    return Shifts(tuple(starts), tuple(ends))


def differences(
    ours: Iterable[Segment], theirs: Iterable[Segment], duration_ms: int
) -> tuple[list[Segment], list[Segment]]:
    """What only ours holds, and what only theirs does: in order, over [0, ``duration_ms``)."""
    one, other = speech(ours, duration_ms), speech(theirs, duration_ms)
    return list(_without(one, other)), list(_without(other, one))


def percentiles(values: Sequence[int], at: Sequence[float]) -> list[float] | None:
    """Percentiles by linear interpolation (Hyndman and Fan's type 7, NumPy's own); None of nothing."""
    return [float(value) for value in np.percentile(values, at)] if len(values) else None


def speech(segments: Iterable[Segment], duration_ms: int) -> list[Segment]:
    """The segments within [0, ``duration_ms``), in order, those that touch or overlap joined, the empty left out."""
    joined: list[Segment] = []
    for start_ms, end_ms in sorted((max(s.start_ms, 0), min(s.end_ms, duration_ms)) for s in segments):
        if start_ms >= end_ms:
            continue
        if joined and start_ms <= joined[-1].end_ms:
            joined[-1] = Segment(joined[-1].start_ms, max(joined[-1].end_ms, end_ms))
        else:
            joined.append(Segment(start_ms, end_ms))
    return joined


def _common(ours: Sequence[Segment], theirs: Sequence[Segment]) -> Iterator[tuple[int, int]]:
    """What is in both of two lists made by ``speech``: one sweep over their boundaries."""
    i = j = 0
    while i < len(ours) and j < len(theirs):
        start, end = max(ours[i].start_ms, theirs[j].start_ms), min(ours[i].end_ms, theirs[j].end_ms)
        if start < end:
            yield start, end
        if ours[i].end_ms <= theirs[j].end_ms:
            i += 1
        else:
            j += 1


def _without(ours: Sequence[Segment], theirs: Sequence[Segment]) -> Iterator[Segment]:
    """What is left of one list made by ``speech`` when another is cut out of it: one sweep over both."""
    j = 0
    for segment in ours:
        start_ms = segment.start_ms
        while j < len(theirs) and theirs[j].start_ms < segment.end_ms:
            if theirs[j].start_ms > start_ms:
                yield Segment(start_ms, theirs[j].start_ms)
            start_ms = max(start_ms, theirs[j].end_ms)
            if theirs[j].end_ms > segment.end_ms:
                break  # it may hold some of the next one too
            j += 1
        if start_ms < segment.end_ms:
            yield Segment(start_ms, segment.end_ms)


def _chains(ours: Sequence[Segment], theirs: Sequence[Segment]) -> Iterator[tuple[list[Segment], list[Segment]]]:
    """Segments that hang together by overlaps, ours and theirs; those that overlap nothing are left out."""
    chain: tuple[list[Segment], list[Segment]] = ([], [])
    end_ms = 0
    for segment, whose in sorted([*((s, 0) for s in ours), *((s, 1) for s in theirs)]):
        if segment.start_ms >= end_ms:  # to touch is not to overlap
            if all(chain):
                yield chain
            chain = ([], [])
        chain[whose].append(segment)
        end_ms = max(end_ms, segment.end_ms)
    if all(chain):
        yield chain


def _total(segments: Iterable[Segment]) -> int:
    return sum(segment.end_ms - segment.start_ms for segment in segments)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
