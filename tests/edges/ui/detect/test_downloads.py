"""The files of an answer."""

import json
from pathlib import Path

import numpy as np

from segue.edges.ui.detect.downloads import written
from segue.speech.formats import FORMATS
from tests.fakes import loudness_detector


def test_there_is_one_in_each_format_named_after_the_recording() -> None:
    """Beside each other, not guessed by their address, and without the probabilities."""
    samples = np.repeat(np.array([0, 0.5, 0], np.float32), 16_000)
    found = loudness_detector().detect(samples, sample_rate=16_000, probabilities=True)
    paths = [Path(path) for path in written("talk 会议.mp3", [found])]
    try:
        assert [path.name for path in paths] == [f"talk 会议.{form.extension}" for form in FORMATS.values()]
        (told,) = json.loads(paths[0].read_text(encoding="utf-8"))
        assert told["segments"] == [{"start_ms": s.start_ms, "end_ms": s.end_ms} for s in found]
        assert "probabilities" not in told
        assert all(path.read_text(encoding="utf-8") for path in paths)
    finally:
        for path in paths:
            path.unlink()
        paths[0].parent.rmdir()
