"""A folder of recordings with labels."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.clips import read_clips
from segue.speech.segmenter import Segment


def write(folder: Path, name: str, *, rate: int = 16_000) -> None:
    soundfile.write(folder / name, np.zeros(rate), rate)


def test_labels_are_found_by_name_whatever_their_form(tmp_path: Path) -> None:
    """TEN's and Audacity's here; at another rate the clip is resampled; speech beyond the end is cut off."""
    write(tmp_path, "b.wav")
    write(tmp_path, "a.flac", rate=8_000)
    (tmp_path / "b.scv").write_text("b,0.000,0.250,0,0.250,2.000,1\n", encoding="utf-8")
    (tmp_path / "a.txt").write_text("0.1\t0.2\tspeech\n", encoding="utf-8")
    first, second = read_clips(tmp_path)
    assert (first.name, first.speech, first.duration_ms) == ("a", (Segment(100, 200),), 1000)
    assert (second.name, second.speech) == ("b", (Segment(250, 1000),))


def test_a_recording_without_labels_is_named(tmp_path: Path) -> None:
    """Nothing is left out in silence; and one clip, or no folder, is too little."""
    write(tmp_path, "a.wav")
    with pytest.raises(SystemExit, match="1 recordings"):
        read_clips(tmp_path)
    write(tmp_path, "b.wav")
    (tmp_path / "b.scv").write_text("b,0.000,0.250,0\n", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"no labels for a\.wav"):
        read_clips(tmp_path)
    with pytest.raises(SystemExit, match="0 recordings"):
        read_clips(tmp_path / "absent")
