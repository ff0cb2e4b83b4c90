"""Classic and dynamic mode, held against a plain statement of FunASR's rules."""

from hypothesis import given, settings

from segue.speech.segmenter import Segment, Segmenter, SpeechEnded, SpeechStarted
from tests.speech.frames import SILENCE, SPEECH, ended, feed, probabilities, rules_of, runs, windowed
from tests.speech.plain_rules import segments as plain_segments


@settings(max_examples=400, deadline=None)
@given(runs=runs, parameters=windowed)
def test_segments_follow_the_plain_rules(runs: list[tuple[float, int]], parameters: dict[str, object]) -> None:
    """For any probabilities and any parameters the segments are those of the slow, plain statement of the rules."""
    p, rules = probabilities(*runs), rules_of(**parameters)
    assert ended(feed(p, rules)) == plain_segments(p.tolist(), rules)


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
