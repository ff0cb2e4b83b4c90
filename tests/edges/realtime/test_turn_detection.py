"""server_vad as rules: that they do what OpenAI's words say, to the frame."""

import numpy as np
import pytest

from segue.edges.realtime.turn_detection import TurnDetection, threshold_of
from segue.speech.rules import Rules
from segue.speech.segmenter import Segmenter, SpeechEnded, SpeechStarted


def heard(turns: TurnDetection, *, speech_ms: int) -> tuple[int, int, int]:
    """Two seconds of silence, speech, and twelve of silence: where it starts and ends, and when that is known."""
    segmenter, rules = Segmenter(), Rules.of().asking(turns.asked)
    p_silence = np.ones(200 + speech_ms // 10 + 1_200, np.float32)
    p_silence[200 : 200 + speech_ms // 10] = 0.0
    starts, ends = [], []
    for frame in range(len(p_silence)):
        for event in segmenter.accept(p_silence[frame : frame + 1], rules):
            if isinstance(event, SpeechStarted):
                starts.append(event.at_ms)
            elif isinstance(event, SpeechEnded):
                ends.append((event.segment.end_ms, (frame + 1) * 10))
    assert len(starts) == len(ends) == 1
    return starts[0], *ends[0]


@pytest.mark.parametrize("speech_ms", [200, 1_000, 5_000])
@pytest.mark.parametrize(
    ("silence_ms", "after_ms"), [(0, 60), (50, 60), (60, 60), (200, 200), (500, 500), (505, 510), (10_000, 10_000)]
)
def test_a_turn_is_over_after_that_much_silence_and_has_it(speech_ms: int, silence_ms: int, after_ms: int) -> None:
    """It ends when it is known to, in whole frames; the window needs 60 ms of them."""
    _, end_ms, known_ms = heard(TurnDetection(silence_duration_ms=silence_ms), speech_ms=speech_ms)
    assert end_ms == known_ms == 2_000 + speech_ms + after_ms


@pytest.mark.parametrize("prefix_ms", [0, 50, 300, 1_000])
def test_a_turn_starts_that_much_before_the_window_with_the_speech(prefix_ms: int) -> None:
    """The window begins 60 ms before speech that fills it."""
    assert heard(TurnDetection(prefix_padding_ms=prefix_ms), speech_ms=500)[0] == 2_000 - 60 - prefix_ms


@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.5, 0.8, 1.0])
def test_the_threshold_is_the_least_probability_of_speech(threshold: float) -> None:
    """Whatever ratio the version has; and it is shown as it was given."""
    version = Rules.of({}, ("options", {"speech_2_noise_ratio": 2.0, "mode": "dynamic"}))
    turns = TurnDetection(threshold)
    rules = version.asking(turns.asked)
    speech = np.array([threshold - 0.01, threshold, threshold + 0.01], np.float32).clip(0, 1)
    expected = speech >= np.float32(threshold)
    if threshold in (0.0, 0.5, 1.0):  # what float32 has exactly
        assert rules.is_speech(1 - speech).tolist() == expected.tolist()
    assert rules.is_speech(1 - speech)[[0, 2]].tolist() == expected[[0, 2]].tolist()
    assert turns.shown(rules)["threshold"] == threshold
    assert threshold_of(rules) == threshold


def test_a_threshold_that_is_left_out_is_the_version_s() -> None:
    """It is shown as what it is, whatever the ratio."""
    rules = Rules.of({}, ("options", {"speech_noise_thres": 0.3})).asking(TurnDetection().asked)
    assert (rules.speech_noise_thres, TurnDetection().shown(rules)["threshold"]) == (0.3, 0.65)
    assert threshold_of(Rules.of()) == 0.8
    shown = threshold_of(rules := Rules.of({"speech_2_noise_ratio": 3.0}))
    assert rules.is_speech(np.array([1 - shown - 0.001, 1 - shown + 0.001], np.float32)).tolist() == [True, False]
