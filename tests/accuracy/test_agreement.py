"""How far two lists of segments agree: held against a count of every millisecond, and against pyannote.metrics."""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.accuracy.agreement import (
    Agreement,
    Shifts,
    agreement,
    agreement_of_frames,
    differences,
    percentiles,
    shifts,
    speech,
)
from segue.speech.segmenter import Segment

TIMES_MS = st.integers(min_value=0, max_value=400)
SEGMENTS = st.lists(st.builds(Segment, TIMES_MS, TIMES_MS), max_size=8)
"""In any order, overlapping, empty, backwards, or beyond the end of the recording."""
DURATIONS_MS = st.integers(min_value=0, max_value=300)


def of(*pairs: tuple[int, int]) -> list[Segment]:
    return [Segment(*pair) for pair in pairs]


def marked(segments: Iterable[Segment], duration_ms: int) -> list[bool]:
    """Each millisecond for itself: whether any segment holds it."""
    held = list(segments)
    return [any(s.start_ms <= at < s.end_ms for s in held) for at in range(duration_ms)]


def counted(ours: list[bool], theirs: list[bool]) -> Agreement:
    pairs = list(zip(ours, theirs, strict=True))
    return Agreement(*(pairs.count(pair) for pair in ((True, True), (True, False), (False, True), (False, False))))


@given(SEGMENTS, SEGMENTS, DURATIONS_MS)
def test_it_is_the_count_of_every_millisecond(ours: list[Segment], theirs: list[Segment], duration_ms: int) -> None:
    """The sweep over boundaries gives what asking each millisecond gives, for any two lists."""
    expected = counted(marked(ours, duration_ms), marked(theirs, duration_ms))
    assert agreement(ours, theirs, duration_ms) == expected


@given(SEGMENTS, SEGMENTS, DURATIONS_MS, st.sampled_from([2, 6, 10, 16]))
def test_frames_are_asked_at_their_middle(
    ours: list[Segment], theirs: list[Segment], duration_ms: int, frame_ms: int
) -> None:
    """A frame is what its middle is; what is left at the end and is no whole frame is not counted."""
    middles = slice(frame_ms // 2, duration_ms // frame_ms * frame_ms, frame_ms)
    expected = counted(marked(ours, duration_ms)[middles], marked(theirs, duration_ms)[middles])
    assert agreement_of_frames(ours, theirs, duration_ms, frame_ms=frame_ms) == expected


@given(SEGMENTS, SEGMENTS, DURATIONS_MS)
def test_differences_are_the_milliseconds_that_one_alone_holds(
    ours: list[Segment], theirs: list[Segment], duration_ms: int
) -> None:
    """Each millisecond is in the first list when only ours holds it, in the second when only theirs does."""
    one, other = marked(ours, duration_ms), marked(theirs, duration_ms)
    only_ours, only_theirs = differences(ours, theirs, duration_ms)
    assert marked(only_ours, duration_ms) == [a and not b for a, b in zip(one, other, strict=True)]
    assert marked(only_theirs, duration_ms) == [b and not a for a, b in zip(one, other, strict=True)]
    assert only_ours == sorted(only_ours)
    assert all(segment.start_ms < segment.end_ms for segment in only_ours + only_theirs)


@given(SEGMENTS, DURATIONS_MS)
def test_a_list_agrees_with_itself(segments: list[Segment], duration_ms: int) -> None:
    """Against itself nothing is missed, nothing alarms falsely, and no boundary is shifted."""
    found = agreement(segments, segments, duration_ms)
    assert (found.missed, found.false_alarm) == (0, 0)
    assert found.both + found.neither == duration_ms
    assert found.f1 == found.iou == found.precision == found.recall == (1.0 if found.both else None)
    moved = shifts(segments, segments, duration_ms)
    assert set(moved.start_ms + moved.end_ms) <= {0}
    assert len(moved.start_ms) == len(speech(segments, duration_ms))


@given(SEGMENTS, SEGMENTS, DURATIONS_MS)
def test_changed_about_it_is_the_mirror_image(ours: list[Segment], theirs: list[Segment], duration_ms: int) -> None:
    """With the lists in each other's place misses are false alarms, precision is recall, later is earlier."""
    one, other = agreement(ours, theirs, duration_ms), agreement(theirs, ours, duration_ms)
    assert one == Agreement(other.both, other.false_alarm, other.missed, other.neither)
    assert (one.precision, one.recall, one.f1, one.iou) == (other.recall, other.precision, other.f1, other.iou)
    there, back = shifts(ours, theirs, duration_ms), shifts(theirs, ours, duration_ms)
    assert there == Shifts(tuple(-ms for ms in back.start_ms), tuple(-ms for ms in back.end_ms))


@given(SEGMENTS, SEGMENTS, DURATIONS_MS, DURATIONS_MS)
def test_the_parts_add_up_to_the_whole(ours: list[Segment], theirs: list[Segment], first_ms: int, rest_ms: int) -> None:
    """A recording cut in two anywhere has the agreements of its parts, added."""

    def later(segments: list[Segment]) -> list[Segment]:
        return [Segment(s.start_ms - first_ms, s.end_ms - first_ms) for s in segments]

    parts = agreement(ours, theirs, first_ms) + agreement(later(ours), later(theirs), rest_ms)
    assert parts == agreement(ours, theirs, first_ms + rest_ms)


@given(SEGMENTS, SEGMENTS, DURATIONS_MS)
def test_order_and_joints_do_not_matter(ours: list[Segment], theirs: list[Segment], duration_ms: int) -> None:
    """Turned about, doubled, or joined where they touch, the segments say the same."""
    expected = agreement(ours, theirs, duration_ms), shifts(ours, theirs, duration_ms)
    for same in (ours[::-1], ours + ours, speech(ours, duration_ms)):
        assert (agreement(same, theirs, duration_ms), shifts(same, theirs, duration_ms)) == expected


# (reference, detected, duration in ms) -> what pyannote.metrics 4.2.0 answered for them, over that time and without
# collar: miss and false alarm in ms, then detection error rate, precision, recall and F-measure.
PYANNOTE = [
    (
        of((0, 1000), (2000, 3500)),
        of((200, 1200), (1900, 3000), (4000, 4500)),
        5000,
        (700, 800, 0.6, 0.692307692, 0.72, 0.705882353),
    ),
    (
        of((1440, 13312), (13152, 16922), (18064, 18400), (18201, 20640)),
        of((900, 17100), (18000, 21000)),
        30000,
        (0, 1142, 0.063240669, 0.940520833, 1.0, 0.969348865),
    ),
    (
        of((403, 1204), (1440, 2470), (2929, 3402), (3709, 6617), (6880, 8413), (8902, 11520)),
        of((120, 11520)),
        11520,
        (0, 2037, 0.217558475, 0.821315789, 1.0, 0.90189279),
    ),
    (of((100, 200)), of((300, 400)), 1000, (100, 100, 2.0, 0.0, 0.0, 0.0)),
    (of((0, 777)), of((0, 777)), 777, (0, 0, 0.0, 1.0, 1.0, 1.0)),
    (of((500, 900), (900, 1300)), of((650, 1100), (1050, 1900)), 2000, (150, 600, 0.9375, 0.52, 0.8125, 0.634146341)),
]


@pytest.mark.parametrize(("reference", "detected", "duration_ms", "answered"), PYANNOTE)
def test_it_answers_as_pyannote_metrics_does(
    reference: list[Segment], detected: list[Segment], duration_ms: int, answered: tuple[float, ...]
) -> None:
    """Misses, false alarms, detection error, precision, recall and F1 are pyannote.metrics' own, to nine decimals."""
    found = agreement(reference, detected, duration_ms)
    rates = (found.detection_error, found.precision, found.recall, found.f1)
    assert (found.missed, found.false_alarm, *rates) == pytest.approx(answered, abs=1e-9)


def test_it_answers_as_pyannote_metrics_does_on_random_lists() -> None:
    """A hundred pairs of lists, overlapping and beyond the end, that pyannote.metrics 4.2.0 was asked about.

    Its answers are kept (``DetectionErrorRate``, ``DetectionPrecision``, ``DetectionRecall``, over [0, duration)
    without collar), because it brings pandas and scikit-learn.
    """
    cases = json.loads((Path(__file__).parents[1] / "data" / "pyannote_metrics.json").read_text(encoding="utf-8"))
    assert len(cases) == 100
    for case in cases:
        found = agreement(of(*case["reference"]), of(*case["detected"]), case["duration_ms"])
        assert (found.missed, found.false_alarm) == (case["missed_ms"], case["false_alarm_ms"])
        answered = [case[name] for name in ("detection_error", "precision", "recall")]
        assert [found.detection_error, found.precision, found.recall] == pytest.approx(answered, abs=1e-9)


def test_a_rate_of_nothing_is_none() -> None:
    """Where there is no speech, nothing detected, or nothing but speech, a rate has no value, and is not 0 or 1."""
    silent = agreement([], [], 1000)
    rates = (silent.missed_rate, silent.detection_error, silent.precision, silent.recall, silent.f1, silent.iou)
    assert set(rates) == {None}
    assert silent.false_alarm_rate == 0
    assert agreement([], of((0, 10)), 1000).precision == 0
    assert agreement(of((0, 1000)), [], 1000).false_alarm_rate is None


def test_the_two_rates_of_false_alarm() -> None:
    """``false_alarm_rate`` is of what is no speech; the detection error holds false alarm of the speech."""
    found = agreement(of((0, 400)), of((100, 600)), 1000)
    assert (found.missed_rate, found.false_alarm_rate, found.detection_error) == (0.25, 200 / 600, 0.75)


@pytest.mark.parametrize(
    ("reference", "detected", "starts", "ends"),
    [
        (of((100, 200), (300, 400)), of((90, 250), (310, 420)), (-10, 10), (50, 20)),
        (of((100, 200), (300, 400)), of((80, 450)), (-20,), (50,)),  # bridged
        (of((100, 400)), of((120, 200), (250, 390)), (20,), (-10,)),  # broken in two
        (of((100, 200)), of((200, 300)), (), ()),  # to touch is no match
        (of((0, 50), (60, 100)), of((40, 70), (90, 95)), (40,), (-5,)),  # a chain
        (of((0, 50)), of(), (), ()),
    ],
)
def test_what_matches_is_shifted(
    reference: list[Segment], detected: list[Segment], starts: tuple[int, ...], ends: tuple[int, ...]
) -> None:
    """Chains of overlapping segments are compared at their first start and last end; negative is earlier."""
    assert shifts(reference, detected, 1000) == Shifts(starts, ends)


def test_percentiles() -> None:
    """Between two values they are interpolated; of no values there are none."""
    assert percentiles([0, 10, 20], (5, 50, 95)) == pytest.approx([1, 10, 19])
    assert percentiles([], (50,)) is None
