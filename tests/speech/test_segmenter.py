"""The segment state machine, held against a plain statement of its rules."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.speech.rules import Rules
from segue.speech.segmenter import Event, Segment, Segmenter, SpeechEnded, SpeechStarted
from tests.speech.plain_rules import segments as plain_segments

SPEECH, SILENCE = 0.02, 0.95


def probabilities(*runs: tuple[float, int]) -> np.ndarray:
    """(p0, frames), … -> float32 (frames,)."""
    return np.concatenate([np.full(frames, p, dtype=np.float32) for p, frames in runs])


def feed(p: np.ndarray, rules: Rules, sizes: Sequence[int] = ()) -> list[Event]:
    """Events of one stream fed in chunks of these sizes, the rest in one."""
    segmenter, events, at = Segmenter(), list[Event](), 0
    for size in (*sizes, len(p)):
        events += segmenter.accept(p[at : at + size], rules)
        at += size
    return events + segmenter.finish()


def ended(events: Sequence[Event]) -> list[tuple[int, int]]:
    return [(e.segment.start_ms, e.segment.end_ms) for e in events if isinstance(e, SpeechEnded)]


def rules_of(**parameters: object) -> Rules:
    return Rules.of({}, ("request", parameters))


runs = st.lists(
    st.one_of(
        st.tuples(st.just(SPEECH), st.integers(1, 120)),
        st.tuples(st.just(SILENCE), st.integers(1, 120)),
        st.tuples(st.floats(0.0, 1.0, width=32), st.integers(1, 5)),
        # as many speech frames as keep the window on its threshold, where it turns at every frame
        st.tuples(st.just(SPEECH), st.just(15)),
        st.tuples(st.just(SILENCE), st.sampled_from([5, 64, 65, 66, 700])),
    ),
    min_size=1,
    max_size=40,
)

parameters = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["classic", "dynamic"]),
        "detect_mode": st.integers(0, 1),
        "max_end_silence_time": st.sampled_from([150, 160, 200, 255, 260, 400, 800, 805, 2000]),
        "max_start_silence_time": st.sampled_from([100, 1000, 3000]),
        "window_size_ms": st.sampled_from([150, 200, 300]),
        "sil_to_speech_time_thres": st.sampled_from([0, 50, 100, 150]),
        "speech_to_sil_time_thres": st.sampled_from([0, 50, 100, 150]),
        "speech_2_noise_ratio": st.sampled_from([0.5, 1.0, 2.0]),
        "do_extend": st.integers(0, 1),
        "lookback_time_start_point": st.sampled_from([0, 50, 200, 400]),
        "lookahead_time_end_point": st.sampled_from([0, 50, 100, 200]),
        "max_single_segment_time": st.sampled_from([1000, 3005, 5000, 60_000]),
        "speech_noise_thres": st.sampled_from([0.3, 0.5, 0.6, 0.8]),
        "chunk_size": st.sampled_from([200, 1000, 60_000]),
        "silence_schedule": st.sampled_from([(), "400:800,1000:400,2000:200,inf:150"]),
    },
)


@settings(max_examples=400, deadline=None)
@given(runs=runs, parameters=parameters)
def test_segments_follow_the_plain_rules(runs: list[tuple[float, int]], parameters: dict[str, object]) -> None:
    """For any probabilities and any parameters the segments are those of the slow, plain statement of the rules."""
    p, rules = probabilities(*runs), rules_of(**parameters)
    assert ended(feed(p, rules)) == plain_segments(p.tolist(), rules)


@settings(max_examples=200, deadline=None)
@given(runs=runs, parameters=parameters, sizes=st.lists(st.integers(0, 50), max_size=30))
def test_events_do_not_depend_on_chunks(
    runs: list[tuple[float, int]], parameters: dict[str, object], sizes: list[int]
) -> None:
    """Whole, frame by frame and in random chunks, the same events come in the same order."""
    p, rules = probabilities(*runs), rules_of(**parameters)
    whole = feed(p, rules)
    assert feed(p, rules, sizes) == whole
    assert feed(p, rules, [1] * len(p)) == whole


@settings(max_examples=200, deadline=None)
@given(runs=runs, parameters=parameters)
def test_events_alternate_and_agree(runs: list[tuple[float, int]], parameters: dict[str, object]) -> None:
    """Each start is followed by its end; segments are ordered, never empty, and within the audio."""
    p, rules = probabilities(*runs), rules_of(**parameters)
    events = feed(p, rules)
    assert [type(e) for e in events] == [SpeechStarted, SpeechEnded] * (len(events) // 2)
    for started, over in zip(events[::2], events[1::2], strict=True):
        assert isinstance(started, SpeechStarted)
        assert isinstance(over, SpeechEnded)
        assert started.at_ms == over.segment.start_ms < over.segment.end_ms <= len(p) * rules.frame_ms
    for before, after in itertools.pairwise(ended(events)):
        assert before[1] <= after[0]


@settings(max_examples=200, deadline=None)
@given(runs=runs, first=parameters, second=parameters, at=st.integers(0, 400))
def test_new_rules_take_over_between_two_frames(
    runs: list[tuple[float, int]], first: dict[str, object], second: dict[str, object], at: int
) -> None:
    """Rules may change at any frame, an utterance open or not: events stay well-formed and do not depend on chunks."""
    p, old, new = probabilities(*runs), rules_of(**first), rules_of(**second)

    def moved(step: int) -> list[Event]:
        segmenter, events = Segmenter(), list[Event]()
        for begin in range(0, min(at, len(p)), step):
            events += segmenter.accept(p[begin : min(begin + step, at, len(p))], old)
        for begin in range(at, len(p), step):
            events += segmenter.accept(p[begin : begin + step], new)
        return events + segmenter.finish()

    assert moved(1) == moved(7) == moved(10_000)
    for before, after in itertools.pairwise(ended(moved(10_000))):
        assert before[1] <= after[0]


@settings(max_examples=200, deadline=None)
@given(runs=runs, parameters=parameters, step=st.integers(1, 40))
def test_equal_rules_change_nothing(runs: list[tuple[float, int]], parameters: dict[str, object], step: int) -> None:
    """Going over to rules that are equal but another object, at any frame, leaves every event as it was."""
    p = probabilities(*runs)
    segmenter, events = Segmenter(), list[Event]()
    for begin in range(0, len(p), step):
        events += segmenter.accept(p[begin : begin + step], rules_of(**parameters))
    assert events + segmenter.finish() == feed(p, rules_of(**parameters))


def test_new_rules_inside_a_block_look_the_schedule_up_as_at_its_start() -> None:
    """What ended since then changes nothing: a block that began 60 s into an utterance keeps its short patience."""
    p = probabilities((SPEECH, 6_200), (SILENCE, 100), (SPEECH, 100), (SILENCE, 100), (SPEECH, 100), (SILENCE, 100))
    rules = rules_of(mode="dynamic")
    expected = feed(p, rules)
    assert len(ended(expected)) == 4  # cut at 60 s, then ended by every pause
    segmenter = Segmenter()
    events = segmenter.accept(p[:6_400], rules)
    events += segmenter.accept(p[6_400:], rules_of(mode="dynamic", lookahead_time_end_point=100.0))
    assert events + segmenter.finish() == expected


def test_an_utterance_by_hand() -> None:
    """100 silent, 200 speech and 200 silent frames: every boundary as the rules of FunASR give it."""
    events = feed(probabilities((SILENCE, 100), (SPEECH, 200), (SILENCE, 200)), rules_of())
    # The 15th speech frame, 114, turns the window; 40 frames back is 74. Of the window at 304 15 frames are speech:
    # it turns, and the utterance keeps 100 ms after that.
    assert events == [SpeechStarted(740), SpeechEnded(Segment(740, 3160))]


def test_start_is_announced_at_the_trigger_and_end_after_the_silence() -> None:
    """A start comes with the 15th speech frame, an end 650 ms after the window turned silent."""
    p = probabilities((SILENCE, 100), (SPEECH, 200), (SILENCE, 200))
    segmenter, rules = Segmenter(), rules_of()
    when = {type(event): t for t in range(len(p)) for event in segmenter.accept(p[t : t + 1], rules)}
    assert when == {SpeechStarted: 114, SpeechEnded: 304 + 65}


def test_a_long_utterance_is_cut_wherever_it_is() -> None:
    """Speech of 130 s is cut after 60.01 s, as FunASR does, and each part begins where the last ended."""
    assert ended(feed(probabilities((SPEECH, 13_000)), rules_of())) == [
        (0, 60_010),
        (60_010, 120_020),
        (120_020, 130_000),
    ]


def test_dynamic_patience_falls_only_at_block_boundaries() -> None:
    """A pause of 1 s does not end an utterance that began in its block; after the boundary, 200 ms end it."""
    early = probabilities((SPEECH, 300), (SILENCE, 100), (SPEECH, 300), (SILENCE, 300))
    assert len(ended(feed(early, rules_of(mode="dynamic")))) == 1
    across = probabilities((SILENCE, 5_500), (SPEECH, 700), (SILENCE, 100), (SPEECH, 300), (SILENCE, 300))
    assert len(ended(feed(across, rules_of(mode="dynamic")))) == 2


def test_new_rules_count_at_once() -> None:
    """A shorter patience ends, at the frame from which it holds, an utterance that had been silent for longer."""
    p = probabilities((SPEECH, 100), (SILENCE, 60))
    segmenter = Segmenter()
    assert len(segmenter.accept(p, rules_of(max_end_silence_time=2000))) == 1
    (event,) = segmenter.accept(probabilities((SILENCE, 1)), rules_of(max_end_silence_time=400))
    assert isinstance(event, SpeechEnded)


def test_patience_starts_anew_with_each_utterance() -> None:
    """What a long utterance did to the schedule's patience is forgotten when it ends."""
    rules = rules_of(mode="dynamic", chunk_size=200, silence_schedule="1000:1000,inf:200")
    long_then_short = probabilities((SPEECH, 200), (SILENCE, 200), (SPEECH, 40), (SILENCE, 60), (SPEECH, 40))
    assert len(ended(feed(long_then_short, rules))) == 2


def test_without_extension_the_frame_after_the_turn_is_taken_too() -> None:
    """With do_extend=0 FunASR takes one frame more than it reports, and the next utterance starts after that."""
    rules = rules_of(do_extend=0, max_end_silence_time=160)
    # The window fills at 14 and empties to 15 at 104; the utterance ends with that frame, decided at 105. The next
    # window fills at 120, and 20 frames back would be 100.
    p = probabilities((SPEECH, 100), (SILENCE, 6), (SPEECH, 60), (SILENCE, 30))
    assert ended(feed(p, rules))[:2] == [(0, 1050), (1060, 1710)]


def test_one_utterance_mode_waits_only_so_long() -> None:
    """With detect_mode=0, silence of more than max_start_silence_time before a start means that none comes."""
    rules = rules_of(detect_mode=0, max_start_silence_time=1000)
    # the window turns with the 15th speech frame, after 14 more silent ones
    assert len(ended(feed(probabilities((SILENCE, 86), (SPEECH, 50)), rules))) == 1
    assert ended(feed(probabilities((SILENCE, 87), (SPEECH, 50)), rules)) == []


def test_nothing_in_nothing_out() -> None:
    """No frames, no events; finishing twice ends an utterance once."""
    segmenter = Segmenter()
    assert segmenter.accept(np.empty(0, np.float32), rules_of()) == []
    assert segmenter.finish() == []
    segmenter.accept(probabilities((SPEECH, 50)), rules_of())
    assert segmenter.is_open
    assert len(segmenter.finish()) == 1
    assert segmenter.finish() == []
    assert not segmenter.is_open


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_certain_probabilities_are_decided(p: float) -> None:
    """p0 of exactly 0 or 1, on which FunASR's logarithms fail, decides like its neighbours."""
    near = abs(p - 1e-6)
    assert ended(feed(probabilities((p, 100)), rules_of())) == ended(feed(probabilities((near, 100)), rules_of()))
