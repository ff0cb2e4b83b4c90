"""Recordings scored; what is wrong with one is its own affair."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from segue.accuracy.references import Reference
from segue.edges.eval.hearing import hear_all
from segue.speech.segmenter import Segment
from tests.fakes import loudness_detector


def put(directory: Path, name: str, seconds: float) -> str:
    path = directory / name
    soundfile.write(path, np.zeros(round(16_000 * seconds), dtype=np.float32), 16_000)
    return str(path)


def label(file: str, *pairs: tuple[int, int]) -> tuple[str, Reference]:
    return file, Reference((), tuple(Segment(*pair) for pair in pairs), "l.txt")


@pytest.mark.parametrize("jobs", [1, 4, None])
def test_all_are_heard_in_order_by_each_detector(tmp_path: Path, jobs: int | None) -> None:
    """However many at once: a clip a detector, its own label in it."""
    pairs = [label(put(tmp_path, f"{n}.wav", n / 2), (0, n)) for n in range(1, 7)]
    done: list[None] = []
    heard = hear_all(pairs, [loudness_detector(), loudness_detector()], jobs=jobs, advance=lambda: done.append(None))
    assert len(done) == 6
    assert [one.file for one in heard] == [file for file, _ in pairs]
    for number, one in enumerate(heard, 1):
        assert len(one.clips) == 2
        assert {(clip.duration_ms, clip.reference) for clip in one.clips} == {(number * 500, (Segment(0, number),))}


def test_none_is_none() -> None:
    """Without a pair nothing is heard."""
    assert hear_all([], [loudness_detector()], jobs=None) == []


def test_what_is_wrong_is_kept_with_its_recording(tmp_path: Path) -> None:
    """A file that is not there, a label past the end, one that only ends there."""
    file = put(tmp_path, "a.wav", 1)
    gone, past, over = hear_all(
        [label(str(tmp_path / "gone.wav")), label(file, (2000, 3000)), label(file, (500, 1500))],
        [loudness_detector()],
        jobs=2,
    )
    assert (gone.code, past.code, over.code) == ("audio_not_found", "label_beyond_audio", "")
    assert "gone.wav" in gone.error
    assert past.error.startswith("l.txt: a label begins after the 1.000 s of")
    assert over.note.startswith("l.txt: the last label ends at 1.500 s, after the 1.000 s of")
    assert not gone.clips
    assert not past.clips
    assert over.clips
