"""The body of a detect: what is read, once or again."""

import io
import os
from pathlib import Path

import pytest

from segue.client.recording import Recording
from segue.errors import AudioUnreadable


def test_it_is_read_from_where_the_file_stands_and_again() -> None:
    """What lies before the file's position is not sent; rewound, the same bytes come again."""
    file = io.BytesIO(b"header, then sound")
    file.seek(8)
    recording = Recording(file)
    assert recording.len == 10
    assert b"".join(recording) == b"then sound"
    assert recording.rewind()
    assert recording.read() == b"then sound"


def test_bytes_are_read_as_they_are() -> None:
    """So are bytes; none at all are sent as none, not as an empty stream of chunks."""
    assert next(iter(Recording(b"x" * 100_000))) == b"x" * 65_536
    assert Recording(b"").content == b""
    assert Recording(b"x").content != b""


def test_a_pipe_is_read_once() -> None:
    """A pipe has no length, and cannot be sent again once its first bytes are gone."""
    reading, writing = os.pipe()
    os.write(writing, b"sound")
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        recording = Recording(pipe)
        assert not hasattr(recording, "len")
        assert recording.content is recording
        assert recording.rewind()
        assert b"".join(recording) == b"sound"
        assert not recording.rewind()


def test_a_file_that_grows_is_sent_as_long_as_it_was(tmp_path: Path) -> None:
    """More than was announced would be taken for the next request."""
    path = tmp_path / "x"
    path.write_bytes(b"sound")
    with path.open("rb") as file:
        recording = Recording(file)
        path.write_bytes(b"sound, and more")
        assert b"".join(recording) == b"sound"


def test_a_file_that_shrinks_is_an_error(tmp_path: Path) -> None:
    """Less than was announced would leave the server waiting: it is an error, which is kept."""
    path = tmp_path / "x"
    path.write_bytes(b"sound")
    with path.open("rb") as file:
        recording = Recording(file)
        path.write_bytes(b"so")
        with pytest.raises(AudioUnreadable, match="3 bytes are missing") as short:
            b"".join(recording)
    assert recording.error is short.value
