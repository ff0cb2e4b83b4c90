"""What an int8 model costs: figures that are 0 between equals, and counted where two models differ."""

from pathlib import Path

import numpy as np
import pytest

from segue import models
from segue.service.int8_cost import int8_cost
from segue.speech.detection import ModelIdentity
from segue.speech.detector import Detector
from segue.speech.scorer import Samples
from tests.models.networks import write_int8_of


def detector(directory: Path) -> Detector:
    scorer, rules = models.load(directory)
    return Detector(scorer, rules, model=ModelIdentity("x/y", "v1", "0" * 64))


def test_a_model_costs_nothing_against_itself(model_directory: Path, speech: Samples) -> None:
    """No frame, segment or boundary differs; F1 is 1; both speeds are measured."""
    one, other = detector(model_directory), detector(model_directory)
    cost = int8_cost(one, other, [speech[: 16_000 * 10], speech[16_000 * 10 : 16_000 * 20]], sizes=(10, 3))
    assert [cost.frames_otherwise, cost.largest_dp, cost.segments_moved, cost.f1] == [0, 0, 0, 1]
    assert cost.shift_ms is not None
    assert max(cost.shift_ms) == 0
    assert (cost.audio_s, cost.frames, cost.bytes_before, cost.bytes_after) == (20, 2 * 998, 10, 3)
    assert cost.segments > 0
    assert min(cost.whole_before, cost.whole_after, cost.live_before, cost.live_after) > 1


def test_differences_are_counted(model_directory: Path, tmp_path: Path, speech: Samples) -> None:
    """Against the int8 variant each figure is what counting the two answers by hand gives."""
    one, other = detector(model_directory), detector(write_int8_of(model_directory, tmp_path))
    cost = int8_cost(one, other, [speech], sizes=(1, 1))
    p, q = (np.concatenate((s.accept(speech), s.finish())) for s in (one.scorer.open(), other.scorer.open()))
    assert cost.frames_otherwise == int((one.rules.is_speech(p) != one.rules.is_speech(q)).sum()) > 0
    assert cost.largest_dp == pytest.approx(float(np.abs(p - q).max()), abs=1e-6)
    ours, theirs = one.detect(speech, sample_rate=16_000), other.detect(speech, sample_rate=16_000)
    assert cost.segments == len(ours)
    assert cost.segments_moved == sum(segment not in theirs.segments for segment in ours)
    assert cost.f1 is not None
    assert 0.97 < cost.f1 <= 1


def test_silence_and_nothing_have_no_f1(model_directory: Path) -> None:
    """Where neither hears speech there is nothing to take a share of: None, not 1."""
    one = detector(model_directory)
    cost = int8_cost(one, one, [np.zeros(16_000, dtype=np.float32), np.zeros(0, dtype=np.float32)], sizes=(1, 1))
    assert (cost.f1, cost.shift_ms, cost.segments) == (None, None, 0)
