"""The files of a directory that nobody named."""

import os
from pathlib import Path

import pytest

from segue.speech.folder import files_in, is_taken
from segue.speech.names import is_audio


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Recordings, one of them deeper, and what looks like some."""
    for name in ("a.wav", "b.txt", ".c.wav", "in/d.flac", ".hidden/e.wav"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "gone.wav").symlink_to(tmp_path / "none")
    (tmp_path / "folder.wav").mkdir()
    return tmp_path


def _names(folder: Path, *, recursive: bool) -> list[str]:
    found = files_in(str(folder), is_audio, recursive=recursive, refused=lambda error: pytest.fail(str(error)))
    return sorted(os.path.relpath(path, folder) for path in found)


def test_wanted_files_are_found_and_no_hidden_ones_pipes_or_folders(folder: Path) -> None:
    """A link that leads nowhere is found: whoever reads it says so."""
    assert _names(folder, recursive=False) == ["a.wav", "gone.wav"]
    assert _names(folder, recursive=True) == ["a.wav", "gone.wav", "in/d.flac"]


def test_a_directory_that_cannot_be_listed_is_told(tmp_path: Path) -> None:
    """Its error goes to the caller, who decides what it costs."""
    refused: list[OSError] = []
    assert list(files_in(str(tmp_path / "none"), is_audio, refused=refused.append)) == []
    assert [error.filename for error in refused] == [str(tmp_path / "none")]


def test_a_pipe_is_not_taken(folder: Path) -> None:
    """Whoever reads it would wait without end."""
    assert not is_taken(str(folder / "pipe.wav"))
    assert is_taken(str(folder / "a.wav"))
    assert is_taken(str(folder / "gone.wav"))
