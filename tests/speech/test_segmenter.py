"""The segment state machine, whatever the mode: chunks, events, and rules or modes that change between two frames."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.speech.rules import MODES
from segue.speech.segmenter import Event, Segment, Segmenter, SpeechEnded, SpeechStarted
from tests.speech.frames import SILENCE, SPEECH, any_mode, ended, feed, probabilities, rules_of, runs


@settings(max_examples=200, deadline=None)
@given(runs=runs, parameters=any_mode, sizes=st.lists(st.integers(0, 50), max_size=30))
def test_events_do_not_depend_on_chunks(
    runs: list[tuple[float, int]], parameters: dict[str, object], sizes: list[int]
) -> None:
    """Whole, frame by frame and in random chunks, the same events come in the same order."""
    p, rules = probabilities(*runs), rules_of(**parameters)
    whole = feed(p, rules)
    assert feed(p, rules, sizes) == whole
    assert feed(p, rules, [1] * len(p)) == whole


@settings(max_examples=200, deadline=None)
@given(runs=runs, parameters=any_mode)
def test_events_alternate_and_agree(runs: list[tuple[float, int]], parameters: dict[str, object]) -> None:
    """Each start is followed by its end; segments are ordered, never empty, and within the audio."""
    p, rules = probabilities(*runs), rules_of(**parameters)
    assert_well_formed(feed(p, rules), len(p) * rules.frame_ms)


def assert_well_formed(events: Sequence[Event], duration_ms: int) -> None:
    assert [type(e) for e in events] == [SpeechStarted, SpeechEnded] * (len(events) // 2)
    for started, over in zip(events[::2], events[1::2], strict=True):
        assert isinstance(started, SpeechStarted)
        assert isinstance(over, SpeechEnded)
        assert started.at_ms == over.segment.start_ms < over.segment.end_ms <= duration_ms
    for before, after in itertools.pairwise(ended(events)):
        assert before[1] <= after[0]


@settings(max_examples=200, deadline=None)
@given(runs=runs, each=st.lists(st.tuples(any_mode, st.integers(0, 200)), min_size=1, max_size=5), last=any_mode)
def test_new_rules_and_modes_take_over_between_two_frames(
    runs: list[tuple[float, int]], each: list[tuple[dict[str, object], int]], last: dict[str, object]
) -> None:
    """Rules and mode may change at any frame, an utterance open or not: events stay well-formed whatever the chunks."""
    p = probabilities(*runs)
    turns = [(rules_of(**parameters), frames) for parameters, frames in each] + [(rules_of(**last), len(p))]

    def moved(step: int) -> list[Event]:
        segmenter, events, at = Segmenter(), list[Event](), 0
        for rules, frames in turns:
            until, was_open = min(at + frames, len(p)), segmenter.is_open
            events += segmenter.accept(p[at:at], rules)
            assert segmenter.is_open == was_open
            for begin in range(at, until, step):
                events += segmenter.accept(p[begin : min(begin + step, until)], rules)
            at = until
        assert segmenter.frame == len(p)
        return events + segmenter.finish()

    assert moved(1) == moved(7) == moved(10_000)
    assert_well_formed(moved(10_000), len(p) * 10)


@settings(max_examples=100, deadline=None)
@given(runs=runs, parameters=any_mode, other=any_mode, at=st.integers(0, 400))
def test_to_another_mode_and_back_before_a_frame_came_loses_nothing(
    runs: list[tuple[float, int]], parameters: dict[str, object], other: dict[str, object], at: int
) -> None:
    """What is open stays open, and its end is told of the start that was announced."""
    p, rules = probabilities(*runs), rules_of(**parameters)
    segmenter = Segmenter()
    events = segmenter.accept(p[:at], rules)
    was_open = segmenter.is_open
    segmenter.accept(p[:0], rules_of(**other))
    segmenter.accept(p[:0], rules)
    assert (segmenter.is_open, segmenter.frame) == (was_open, min(at, len(p)))
    assert_well_formed(events + segmenter.accept(p[at:], rules) + segmenter.finish(), len(p) * 10)


@settings(max_examples=200, deadline=None)
@given(runs=runs, parameters=any_mode, step=st.integers(1, 40))
def test_equal_rules_change_nothing(runs: list[tuple[float, int]], parameters: dict[str, object], step: int) -> None:
    """Going over to rules that are equal but another object, at any frame, leaves every event as it was."""
    p = probabilities(*runs)
    segmenter, events = Segmenter(), list[Event]()
    for begin in range(0, len(p), step):
        events += segmenter.accept(p[begin : begin + step], rules_of(**parameters))
    assert events + segmenter.finish() == feed(p, rules_of(**parameters))


# What tight mode asks for in these: voice of 100 ms, pauses of 200 ms, no pads.
TIGHT = {"mode": "tight", "min_speech_duration_ms": 100, "min_silence_duration_ms": 200}
TIGHT |= {"speech_pad_start_ms": 0, "speech_pad_end_ms": 0}


def changed(first: dict[str, object], p: np.ndarray, then: dict[str, object], q: np.ndarray) -> list[Event]:
    """One stream under two rules."""
    segmenter = Segmenter()
    events = segmenter.accept(p, rules_of(**first)) + segmenter.accept(q, rules_of(**then))
    return events + segmenter.finish()


def test_speech_that_classic_mode_has_just_heard_is_part_of_the_run() -> None:
    """70 ms of speech are no utterance yet in either mode; with 30 ms more they are one, from their first frame on."""
    p, q = probabilities((SILENCE, 50), (SPEECH, 7)), probabilities((SPEECH, 3), (SILENCE, 30))
    assert changed({}, p, TIGHT, q) == [SpeechStarted(500), SpeechEnded(Segment(500, 600))]


def test_voice_that_tight_mode_has_just_heard_is_in_the_window() -> None:
    """80 ms of voice are no utterance yet; with 70 ms more classic mode's window turns, and looks back as ever."""
    p, q = probabilities((SILENCE, 50), (SPEECH, 8)), probabilities((SPEECH, 7), (SILENCE, 100))
    assert changed(TIGHT, p, {}, q)[0] == SpeechStarted((64 - 40) * 10)
    # what belongs to an utterance that has ended is not: 15 frames are wanted anew
    p = probabilities((SPEECH, 12), (SILENCE, 20))
    assert len(changed({**TIGHT, "min_silence_duration_ms": 0}, p[:13], {}, probabilities((SPEECH, 7)))) == 2


def test_an_utterance_of_classic_mode_ends_tightly_once_tight_mode_decides() -> None:
    """Its silence so far counts, as far as the window remembers it; the end is that of the speech in it."""
    p = probabilities((SPEECH, 100), (SILENCE, 10))
    assert changed({}, p, TIGHT, probabilities((SILENCE, 10))) == [SpeechStarted(0), SpeechEnded(Segment(0, 1000))]
    # 300 ms of silence are more than tight mode waits for; the window remembers 200 ms of them
    p = probabilities((SPEECH, 100), (SILENCE, 30))
    (_, end) = changed({}, p, TIGHT, probabilities((SILENCE, 1)))
    assert end == SpeechEnded(Segment(0, 1100))


def test_an_utterance_of_tight_mode_goes_on_in_dynamic_mode() -> None:
    """As one that has run through the blocks since its start: in the second minute 200 ms of silence end it."""
    speaks = probabilities((SPEECH, 6_100), (SILENCE, 3))
    tight = {**TIGHT, "max_single_segment_time": 100_000}
    q = probabilities((SILENCE, 60), (SPEECH, 100))
    assert len(ended(changed(tight, speaks, {"mode": "dynamic", "max_single_segment_time": 100_000}, q))) == 2
    assert len(ended(changed(tight, speaks[5_000:], {"mode": "dynamic"}, q))) == 1


def test_a_new_pad_is_that_of_a_run_that_is_no_utterance_yet() -> None:
    """Its start has not been announced."""
    p = probabilities((SILENCE, 50), (SPEECH, 5))
    assert changed(TIGHT, p, {**TIGHT, "speech_pad_start_ms": 200}, p[50:])[0] == SpeechStarted(300)


@pytest.mark.parametrize("mode", MODES)
def test_nothing_in_nothing_out(mode: str) -> None:
    """No frames, no events; finishing twice ends an utterance once."""
    segmenter, rules = Segmenter(), rules_of(mode=mode)
    assert segmenter.finish() == []
    assert segmenter.accept(np.empty(0, np.float32), rules) == []
    assert segmenter.finish() == []
    segmenter.accept(probabilities((SPEECH, 50)), rules)
    assert segmenter.is_open
    assert len(segmenter.finish()) == 1
    assert segmenter.finish() == []
    assert not segmenter.is_open


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("p", [0.0, 1.0])
def test_certain_probabilities_are_decided(p: float, mode: str) -> None:
    """p0 of exactly 0 or 1, on which FunASR's logarithms fail, decides like its neighbours."""
    near, rules = abs(p - 1e-6), rules_of(mode=mode)
    assert ended(feed(probabilities((p, 100)), rules)) == ended(feed(probabilities((near, 100)), rules))
