"""The table of loudness."""

import numpy as np

from benchmarks import loudness
from benchmarks.clips import Clip
from segue.speech.detection import ModelIdentity
from segue.speech.detector import Detector
from segue.speech.rules import Rules
from segue.speech.segmenter import Segment
from tests.fakes import LoudnessScorer


def test_a_row_a_gain_and_a_column_a_setup() -> None:
    """What is made softer is lost by a scorer that goes by loudness."""
    samples = np.zeros(32_000, dtype=np.float32)
    samples[8_000:24_000] = 0.5
    clips = [Clip(name, samples, (Segment(500, 1500),)) for name in ("one", "two")]
    table = loudness.measure(clips, Detector(LoudnessScorer(), Rules.of(), ModelIdentity("fake", None, "0")))
    assert [row[:2] for row in table.rows[:5]] == [("quiet", gain) for gain in ("+10", "0", "-10", "-20", "-30")]
    assert table.columns[2:] == ("classic", "tight", "tight, noisy", "tight, far-field")
    loud, soft = float(table.rows[1][2]), float(table.rows[4][2])
    assert loud > 0.5 > soft
