"""What is followed, in its file."""

import json
from pathlib import Path

import pytest

from segue.errors import InvalidParameter, StoreError
from segue.service.followed import Followed, FollowFile
from segue.swap import ModelSpec

SPEC = ModelSpec("some/one", "main", {"mode": "tight", "threshold": 0.5})


def followed(*, every_s: float = 300.0) -> Followed:
    return Followed(SPEC, {"canary": [5], "bake": "1m"}, every_s, "ann", "nightly", 1_700_000_000.5)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    """All of it; the next one takes its place; and nothing is nothing."""
    file = FollowFile(tmp_path / "follow.json")
    assert file.read() is None
    file.write(followed())
    assert file.read() == followed()
    file.write(followed(every_s=60))
    assert FollowFile(file.path).read() == followed(every_s=60)
    file.write(None)
    file.write(None)
    assert file.read() is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"model_id": "a/b"}', '"x"'])
def test_a_damaged_file_is_set_aside(tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is followed then, and the log says so."""
    file = FollowFile(tmp_path / "follow.json")
    file.path.write_text(text)
    assert file.read() is None
    assert "so nothing is followed" in caplog.text
    assert (tmp_path / "follow.damaged.json").read_text() == text


def test_a_field_out_of_range_is_damage_too(tmp_path: Path) -> None:
    """A service that looked every millisecond would do nothing else."""
    file = FollowFile(tmp_path / "follow.json")
    file.write(followed())
    known = json.loads(file.path.read_text())
    file.path.write_text(json.dumps(known | {"every_s": 0.001}))
    assert file.read() is None


@pytest.mark.parametrize("every_s", [-1, 0, 9.9, 31 * 86_400, float("nan")])
def test_it_is_not_looked_at_too_often_nor_never(every_s: float) -> None:
    """Ten seconds at the least, thirty days at the most."""
    with pytest.raises(InvalidParameter, match="from 10 s to 30 days"):
        followed(every_s=every_s)


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """One line, and no temporary file is left."""
    with pytest.raises(StoreError, match="cannot be written"):
        FollowFile(tmp_path / "none" / "follow.json").write(followed())
