"""Tight mode, held against a plain statement of its rules."""

import numpy as np
from hypothesis import given, settings

from segue.speech.rules import Rules
from segue.speech.scorer import SilenceProbs
from segue.speech.segmenter import Event, Segment, Segmenter, SpeechEnded, SpeechStarted
from tests.speech.frames import SILENCE, SPEECH, ended, feed, probabilities, rules_of, runs, tight
from tests.speech.plain_tight import segments as plain_segments


@settings(max_examples=600, deadline=None)
@given(runs=runs, parameters=tight)
def test_segments_follow_the_plain_rules(runs: list[tuple[float, int]], parameters: dict[str, object]) -> None:
    """For any probabilities and any parameters the segments are those of the plain statement of the rules."""
    p, rules = probabilities(*runs), rules_of(**parameters)
    assert ended(feed(p, rules)) == plain_segments(p.tolist(), rules)


@settings(max_examples=200, deadline=None)
@given(runs=runs, parameters=tight)
def test_no_utterance_is_too_long_or_too_short(runs: list[tuple[float, int]], parameters: dict[str, object]) -> None:
    """None is longer than max_single_segment_time; each has min_speech_duration_ms of voice, the parts of a cut too."""
    p, rules = probabilities(*runs), rules_of(**parameters)
    voiced = [10 * t for t, is_voiced in enumerate(_is_voiced(p, rules)) if is_voiced]
    for start_ms, end_ms in ended(feed(p, rules)):
        assert end_ms - start_ms <= rules.max_single_segment_time
        voice_ms = 10 * sum(start_ms <= at_ms < end_ms for at_ms in voiced)
        assert voice_ms >= rules.min_speech_duration_ms // 10 * 10


def tight_rules(**parameters: object) -> Rules:
    """100 ms of voice, pauses of 200 ms, no pads, unless asked for otherwise."""
    plain = {"min_speech_duration_ms": 100, "min_silence_duration_ms": 200}
    return rules_of(mode="tight", **{**plain, "speech_pad_start_ms": 0, "speech_pad_end_ms": 0, **parameters})


def when(p: SilenceProbs, rules: Rules) -> list[tuple[int, Event]]:
    """Each event and the frame with which it came."""
    segmenter = Segmenter()
    return [(t, event) for t in range(len(p)) for event in segmenter.accept(p[t : t + 1], rules)]


def test_a_start_is_announced_once_it_is_sure_and_an_end_after_its_pause() -> None:
    """Both say when they were, with their pads."""
    p = probabilities((SILENCE, 100), (SPEECH, 200), (SILENCE, 200))
    rules = tight_rules(speech_pad_start_ms=50, speech_pad_end_ms=30)
    assert when(p, rules) == [(109, SpeechStarted(950)), (299 + 20, SpeechEnded(Segment(950, 3030)))]


def test_voice_stays_while_it_is_over_the_lower_threshold() -> None:
    """It starts at the one and ends under the other; a lower one that is above the other counts as that."""
    p = probabilities((1 - 0.6, 50), (1 - 0.8, 20), (1 - 0.6, 30), (1 - 0.4, 50))
    assert ended(feed(p, tight_rules(threshold=0.7, neg_threshold=0.5))) == [(500, 1000)]
    assert ended(feed(p, tight_rules(threshold=0.7, neg_threshold=0.9))) == [(500, 700)]


def test_clicks_are_no_speech_and_short_pauses_no_end() -> None:
    """90 ms of voice are not 100; two halves with less than a pause between them are."""
    assert ended(feed(probabilities((SILENCE, 50), (SPEECH, 9), (SILENCE, 50)), tight_rules())) == []
    p = probabilities((SILENCE, 50), (SPEECH, 5), (SILENCE, 19), (SPEECH, 5), (SILENCE, 50))
    assert ended(feed(p, tight_rules())) == [(500, 790)]


def test_utterances_may_touch_and_never_overlap() -> None:
    """The end pad of the earlier one is kept as far as its silence was heard; the later one begins after it."""
    p = probabilities((SPEECH, 30), (SILENCE, 25), (SPEECH, 30), (SILENCE, 100))
    assert ended(feed(p, tight_rules(speech_pad_start_ms=200, speech_pad_end_ms=150))) == [(0, 450), (450, 1000)]
    assert ended(feed(p, tight_rules(speech_pad_end_ms=900))) == [(0, 500), (550, 1050)]


def test_a_long_utterance_is_cut_at_its_best_pause() -> None:
    """After the most silent frame of its later half, the last one of equals; the rest is open at once."""
    p = np.concatenate([probabilities((SPEECH, 100), (SILENCE, 1), (SPEECH, 80), (0.6, 1), (SPEECH, 300)), [SPEECH]])
    rules = tight_rules(max_single_segment_time=2_500)
    cut = [(249, SpeechEnded(Segment(0, 1820))), (249, SpeechStarted(1820))]
    assert when(p.astype(np.float32), rules)[1:3] == cut  # frame 100 is more silent, and not in the later half
    assert len(ended(feed(np.full(1_000, SPEECH, np.float32), rules))) == 1_000 // 240 + 1  # 10 frames of voice remain


def test_a_cut_looks_back_no_further_than_ten_seconds() -> None:
    """The pause at 15 s is the best one, and too far back in an utterance of 30 s."""
    p = probabilities((SPEECH, 1_500), (SILENCE, 1), (SPEECH, 800), (0.6, 1), (SPEECH, 800))
    assert ended(feed(p, tight_rules(max_single_segment_time=30_000)))[0] == (0, 23_020)


def test_an_utterance_that_is_full_in_a_pause_ends_there() -> None:
    """No cut: what follows has to be speech by itself."""
    p = probabilities((SPEECH, 190), (SILENCE, 15), (SPEECH, 5), (SILENCE, 100))
    events = feed(p, tight_rules(max_single_segment_time=2_000, speech_pad_end_ms=50))
    assert events == [SpeechStarted(0), SpeechEnded(Segment(0, 1950))]


def test_both_parts_of_a_cut_have_voice() -> None:
    """Frames of the pad, and those that would leave less than the shortest speech behind, are no place to cut."""
    rules = tight_rules(max_single_segment_time=1_000, speech_pad_start_ms=700)
    p = probabilities((SILENCE, 70), (SPEECH, 15), (0.6, 1), (SPEECH, 200))
    assert ended(feed(p, rules))[:2] == [(0, 860), (860, 1850 - 100 + 10)]
    late = probabilities((SILENCE, 70), (SPEECH, 22), (0.6, 1), (SPEECH, 200))
    assert ended(feed(late, rules))[0] == (0, 890)  # after the pause at 920 ms are 70 ms of voice


def test_the_second_part_counts_its_own_voice() -> None:
    """The voice before a cut takes no part in the next one."""
    rules = tight_rules(max_single_segment_time=1_000, min_silence_duration_ms=700)
    p = probabilities((SPEECH, 80), (0.7, 1), (SPEECH, 29), (SILENCE, 62), (SPEECH, 5), (0.97, 1), (SPEECH, 60))
    assert ended(feed(p, rules)) == plain_segments(p.tolist(), rules)


def test_a_run_that_takes_too_long_to_be_speech_is_forgotten() -> None:
    """Clicks with short pauses do not add up for ever."""
    clicks = probabilities(*[(SPEECH, 1), (SILENCE, 18)] * 9, (SILENCE, 5), *[(SPEECH, 1), (SILENCE, 18)] * 2)
    assert ended(feed(clicks, tight_rules(max_single_segment_time=1_700))) == []
    assert ended(feed(clicks, tight_rules(max_single_segment_time=60_000, min_silence_duration_ms=300))) != []


def test_one_utterance_mode() -> None:
    """With detect_mode=0 nothing follows an end or a cut, or too much silence before the first."""
    rules = tight_rules(detect_mode=0, max_start_silence_time=1_000, max_single_segment_time=2_000)
    assert ended(feed(probabilities((SILENCE, 100), (SPEECH, 50), (SILENCE, 30), (SPEECH, 50)), rules)) == [
        (1000, 1500)
    ]
    assert ended(feed(probabilities((SILENCE, 101), (SPEECH, 50)), rules)) == []
    assert len(feed(np.full(1_000, SPEECH, np.float32), rules)) == 2


def test_the_end_of_the_audio_keeps_the_pad_that_there_is() -> None:
    """An open utterance ends after its last voiced frame and the pad, or with the audio."""
    for silence, end_ms in ((0, 500), (3, 530), (15, 550)):
        p = probabilities((SPEECH, 50), (SILENCE, silence))
        assert ended(feed(p, tight_rules(speech_pad_end_ms=50))) == [(0, end_ms)]


def _is_voiced(p: SilenceProbs, rules: Rules) -> list[bool]:
    found = [False]
    for speech in (1 - p.astype(np.float64)).tolist():
        found.append(speech >= rules.threshold or (found[-1] and speech >= rules.neg_threshold))
    return found[1:]
