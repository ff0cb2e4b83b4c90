"""Recordings that differ most are kept, and no more of them than asked for."""

import json
from dataclasses import replace
from pathlib import Path

from segue.service.worst import Worst
from segue.speech.detection import Detection, ModelIdentity
from segue.speech.rules import Rules
from segue.speech.segmenter import Segment

ONE = Detection((Segment(0, 100),), 1000, Rules.of(), ModelIdentity("a/b", None, "", "va"))
OTHER = replace(ONE, segments=(Segment(0, 300),), model=ModelIdentity("a/b", None, "", "vb"))


def test_the_most_different_stay(tmp_path: Path) -> None:
    """Their bytes as they came, and both answers beside them; those alike are never kept."""
    worst = Worst(tmp_path / "kept", 2)
    for difference, source in ((0.3, b"c"), (0.0, b"alike"), (0.5, b"b"), (0.1, b"d"), (0.9, b"a")):
        worst.offer(difference, source, (ONE, OTHER))
    kept = {path.read_bytes() for path in (tmp_path / "kept").glob("*.audio")}
    assert kept == {b"a", b"b"}
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0  # for nobody else on this machine
    told = [json.loads(path.read_text()) for path in sorted((tmp_path / "kept").glob("*.json"))]
    assert [each["difference"] for each in told] == [0.5, 0.9]
    assert told[0]["answers"] == [
        {"version": "va", "segments": [[0, 100]]},
        {"version": "vb", "segments": [[0, 300]]},
    ]


def test_a_disk_that_refuses_harms_nothing(tmp_path: Path) -> None:
    """It is logged."""
    (tmp_path / "file").write_text("x")
    Worst(tmp_path / "file" / "kept", 2).offer(0.5, b"a", (ONE, OTHER))


def test_what_is_kept_in_part_is_not_kept(tmp_path: Path) -> None:
    """A disk that is full in the middle: nothing of it stays, however many come, and the next one finds room."""
    for number in range(1, 6):
        (tmp_path / f"{number:05}.json").mkdir()
    worst = Worst(tmp_path, 2)
    for _ in range(5):
        worst.offer(0.5, b"a", (ONE, OTHER))
    assert list(tmp_path.glob("*.audio")) == []
    worst.offer(0.1, b"b", (ONE, OTHER))
    assert [path.read_bytes() for path in tmp_path.glob("*.audio")] == [b"b"]
