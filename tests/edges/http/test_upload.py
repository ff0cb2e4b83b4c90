"""Where a recording is while it comes in."""

import asyncio
import errno
import os
import tempfile
from pathlib import Path
from typing import IO

import pytest

from segue.edges.http.upload import Upload
from segue.errors import AudioError, AudioUndecodable, StoreError
from tests.fakes import loudness_detector


def written(upload: Upload, *pieces: bytes) -> Upload:
    """An upload to its end."""

    async def write() -> None:
        for piece in pieces:
            await upload.write(piece)
        await upload.finish()

    asyncio.run(write())
    return upload


def test_what_is_small_stays_in_memory() -> None:
    """Up to the bound the source is the bytes; no file is made."""
    upload = written(Upload(in_memory_bytes=4), b"ab", b"", b"cd")
    assert upload.source == b"abcd"
    upload.close()


def test_what_is_large_goes_into_a_file_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound the source is a path that leads to the same bytes, and no folder ever shows a file."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    pieces = [bytes([n]) * 300_000 for n in range(10)]
    upload = written(Upload(in_memory_bytes=1000), *pieces)
    assert isinstance(upload.source, Path)
    assert upload.source.read_bytes() == b"".join(pieces)
    assert not os.listdir(tmp_path)
    upload.close()


def test_after_closing_nothing_is_left() -> None:
    """Closed, its path leads nowhere; closing again does nothing."""
    upload = written(Upload(in_memory_bytes=0), b"abc")
    path = upload.source
    assert isinstance(path, Path)
    descriptors = len(os.listdir("/proc/self/fd"))
    upload.close()
    upload.close()
    assert len(os.listdir("/proc/self/fd")) == descriptors - 1


def test_a_full_disk_is_an_error_of_the_store() -> None:
    """When the file cannot be written, the client hears why in one line, and no path of the server."""

    def full() -> IO[bytes]:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "secret")

    upload = Upload(in_memory_bytes=0, open_file=full)
    with pytest.raises(StoreError, match="No space left on device") as refused:
        written(upload, b"abc")
    assert "secret" not in str(refused.value)
    assert tempfile.gettempdir() not in str(refused.value)
    upload.close()


@pytest.mark.parametrize("in_memory_bytes", [0, 100])
def test_errors_call_it_as_its_client_does(in_memory_bytes: int) -> None:
    """What the decoder says of bytes or of a path is said of the client's file, without advice for Python."""
    upload = written(Upload(in_memory_bytes=in_memory_bytes), b"no audio")
    upload.call_it("clip.wav")
    source = upload.source
    with pytest.raises(AudioUndecodable) as found:
        loudness_detector().detect(source)
    error = upload.named(found.value)
    assert type(error) is AudioUndecodable
    assert str(error).startswith("clip.wav: is not audio that can be decoded")
    assert not any(word in str(error) for word in ("bytes:", "/proc", "np.", "sample_rate"))
    upload.close()


def test_an_empty_recording_is_said_to_be_empty() -> None:
    """The detector's own word for no bytes, with a name."""
    upload = written(Upload())
    with pytest.raises(AudioError) as found:
        loudness_detector().detect(upload.source)
    assert str(upload.named(found.value)) == "body: has no bytes; give a file that holds audio"
