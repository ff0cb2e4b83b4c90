"""A detection is the sequence of its segments."""

import pytest

from segue.speech.detection import Detection
from segue.speech.rules import Rules
from segue.speech.segmenter import Segment
from tests.fakes import MODEL

SEGMENTS = (Segment(0, 500), Segment(700, 1000), Segment(1000, 1010))


@pytest.fixture
def detection() -> Detection:
    return Detection(SEGMENTS, duration_ms=2000, rules=Rules.of(("model", {"mode": "dynamic"})), model=MODEL)


def test_it_is_a_sequence(detection: Detection) -> None:
    """Length, iteration, index and slice are those of the segments."""
    assert len(detection) == 3
    assert tuple(detection) == SEGMENTS
    assert detection[-1] == SEGMENTS[-1]
    assert detection[:2] == SEGMENTS[:2]
    assert Segment(700, 1000) in detection


def test_it_knows_its_mode_and_its_speech(detection: Detection) -> None:
    """The mode is that of its rules; speech is the sum of the segments."""
    assert detection.mode == "dynamic"
    assert detection.speech_ms == 810


def test_an_answer_without_speech_is_empty_and_false() -> None:
    """No segments: length 0, so that ``if detection`` asks whether there was speech."""
    assert not Detection((), duration_ms=10, rules=Rules.of(), model=MODEL)
