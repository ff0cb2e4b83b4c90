"""A detection is the sequence of its segments."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from segue.errors import InvalidParameter
from segue.speech.detection import Detection, ModelIdentity, check_channels, check_same
from segue.speech.rules import Rules
from segue.speech.segmenter import Segment
from tests.fakes import MODEL

SEGMENTS = (Segment(0, 500), Segment(700, 1000), Segment(1000, 1010))


@pytest.fixture
def detection() -> Detection:
    return Detection(SEGMENTS, duration_ms=2000, rules=Rules.of({"mode": "dynamic"}), model=MODEL)


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


def test_answers_with_probabilities_can_be_compared_and_hashed() -> None:
    """Equality and hash are those of what was decided; arrays take no part."""
    rules, p = Rules.of(), np.zeros(100, np.float32)
    one, two = (Detection(SEGMENTS, 1000, rules, MODEL, probabilities=p + i) for i in range(2))
    assert one == two
    assert hash(one) == hash(two)


def test_a_model_names_itself() -> None:
    """ID@REVISION, and the ID alone where there is no revision."""
    assert str(ModelIdentity("iic/vad", "v2", "0")) == "iic/vad@v2"
    assert str(ModelIdentity("/a/directory", None, "0")) == "/a/directory"


def test_answers_travel_between_processes(detection: Detection) -> None:
    """A worker process can give its answer back."""
    assert pickle.loads(pickle.dumps(detection)) == detection


def test_a_detection_of_another_recording_is_told_from_its_own(detection: Detection) -> None:
    """By its length, give or take what two decoders differ by, and by its channel."""
    check_same([detection], 2100)
    with pytest.raises(InvalidParameter, match="it is of 2000 ms of audio and the recording has 2101 ms"):
        check_same([detection], 2101)
    check_channels([detection, replace(detection, channel=1)], 2)
    with pytest.raises(InvalidParameter, match="it is of channel 2 and the recording has 2, counted from 0"):
        check_channels([replace(detection, channel=2)], 2)
