"""An evaluation as JSON."""

import json

from segue.accuracy.comparison import Difference
from segue.accuracy.evaluation import evaluate
from segue.edges.eval.hearing import Heard
from segue.edges.eval.report import of_differences, of_evaluated, of_files, of_setup
from segue.edges.eval.setups import Setup
from segue.speech.segmenter import Segment
from tests.fakes import MODEL, loudness_detector

ONE = evaluate("a.wav", [Segment(100, 300)], [Segment(90, 340)], 1000)


def test_times_carry_their_unit() -> None:
    """Milliseconds, or frames of 10 ms; the shifts are milliseconds always."""
    in_ms, in_frames = (of_evaluated(ONE, in_frames=value) for value in (False, True))
    assert (in_ms["speech_ms"], in_ms["false_alarm_ms"], in_ms["recall"]) == (200, 50, 1)
    assert (in_frames["speech_frames"], in_frames["false_alarm_frames"]) == (20, 5)
    assert in_ms["start_shift_ms"] == in_frames["start_shift_ms"]
    assert in_ms["end_shift_ms"] == {"matched": 1, "p5": 40, "p25": 40, "p50": 40, "p75": 40, "p95": 40}


def test_a_figure_of_nothing_is_null() -> None:
    """Neither 0 nor NaN, which is no JSON."""
    said = json.dumps(of_evaluated(evaluate("a", [], [], 1000), in_frames=False), allow_nan=False)
    assert json.loads(said)["f1"] is None
    assert json.loads(said)["start_shift_ms"]["p50"] is None


def test_each_recording_has_figures_or_an_error() -> None:
    """In the order in which they were heard."""
    heard = [Heard("b.wav", code="audio", error="b.wav: is bad"), Heard("a.wav")]
    bad, good = of_files(heard, [ONE], in_frames=False)
    assert bad == {"file": "b.wav", "error": {"code": "audio", "message": "b.wav: is bad"}}
    assert (good["file"], good["both_ms"]) == ("a.wav", 200)


def test_the_setup_is_json_in_every_mode() -> None:
    """The dynamic schedule ends at infinity, which is text here, as --set takes it."""
    for mode in ("classic", "dynamic"):
        detector = loudness_detector(mode=mode)
        said = json.loads(json.dumps(of_setup(Setup(detector, detector.rules)), allow_nan=False))
        assert said["model"]["id"] == MODEL.id
        assert (said["mode"], said["preset"]) == (mode, None)
    schedule = said["parameters"]["silence_schedule"]
    assert schedule.endswith("inf:100")
    assert detector.rules.asking({"silence_schedule": schedule}) == detector.rules


def test_a_difference_without_an_interval_has_nulls() -> None:
    """As where the recordings are too few."""
    assert of_differences({"f1": Difference(0.5, 0.75)}) == {
        "f1": {"first": 0.5, "second": 0.75, "difference": 0.25, "low": None, "high": None, "clear": None}
    }
