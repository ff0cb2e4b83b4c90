"""Paths, bytes, files and pipes: where audio comes from, and each fault on the way."""

import gzip
import io
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pytest

from segue import errors
from segue.speech.audio import decode
from segue.speech.container import check_head
from segue.speech.source import open_source
from tests.speech.encoded import ALL, encode, joined, tone


class Pipe(io.RawIOBase):
    """A stream that cannot seek and gives at most 1,000 bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, _count: int = -1) -> bytes:
        return self._file.read(1000)


@pytest.mark.parametrize("kind", ["wav16", "flac", "m4a", "mp3"])
def test_path_bytes_and_file_objects_are_one(kind: str, tmp_path: Path) -> None:
    """A path (text or PathLike, with a wrong extension), bytes in three forms, open files and pipes decode alike."""
    data = encode(kind, tone(0.5))
    path = tmp_path / "mislabelled.txt"
    path.write_bytes(data)
    expected = joined(decode(data, target_rate=16_000))
    with path.open("rb") as file, path.open("rb", buffering=0) as raw:
        spool = gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(data)))
        sources: list[Any] = [
            path,
            str(path),
            bytearray(data),
            memoryview(data),
            io.BytesIO(data),
            file,
            raw,
            Pipe(data),
            spool,
        ]
        for source in sources:
            np.testing.assert_array_equal(joined(decode(source, target_rate=16_000)), expected)
        assert not file.closed
    assert os.listdir(tmp_path) == ["mislabelled.txt"]


def test_a_named_pipe_is_read(tmp_path: Path) -> None:
    """A FIFO, as the shell makes for ``<(ffmpeg …)``, is a file like any other."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    data = encode("wav16", tone(0.5))
    writer = threading.Thread(target=path.write_bytes, args=(data,))
    writer.start()
    samples = joined(decode(path, target_rate=16_000))
    writer.join()
    np.testing.assert_array_equal(samples, tone(0.5).T)


def test_missing_directory_device_and_unreadable_paths(tmp_path: Path) -> None:
    """Each fault of a path has its class, is one line and names the path."""
    locked = tmp_path / "locked.wav"
    locked.write_bytes(encode("wav16", tone(0.1)))
    locked.chmod(0)
    cases: list[tuple[str | Path, type[errors.AudioError]]] = [
        (tmp_path / "missing.wav", errors.AudioNotFound),
        (locked / "below.wav", errors.AudioNotFound),
        ("nul\0byte.wav", errors.AudioNotFound),
        (tmp_path, errors.AudioUnreadable),
        ("/dev/zero", errors.AudioUnreadable),
    ]
    if os.geteuid() != 0:
        cases.append((locked, errors.AudioUnreadable))
    for path, expected in cases:
        with pytest.raises(expected) as caught:
            decode(path, target_rate=16_000)
        assert "\n" not in str(caught.value)
        assert str(path).split("\0")[0] in str(caught.value)
    locked.chmod(stat.S_IRUSR | stat.S_IWUSR)


def test_a_name_with_a_line_break_stays_on_one_line(tmp_path: Path) -> None:
    """A message is one line whatever the file is called."""
    path = tmp_path / "two\nlines \udcff.wav"
    path.write_bytes(b"nothing")
    with pytest.raises(errors.AudioUndecodable) as caught:
        decode(path, target_rate=16_000)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("empty", [b"", io.BytesIO(), Pipe(b"")])
def test_no_bytes_is_its_own_error(empty: bytes | io.BytesIO) -> None:
    """Zero bytes are AudioEmpty, from bytes, files and pipes."""
    with pytest.raises(errors.AudioEmpty):
        decode(empty, target_rate=16_000)


class Giving(io.RawIOBase):
    """A stream whose reads give one thing, whatever that is."""

    def __init__(self, gift: object) -> None:
        self._gift = gift

    def read(self, _count: int = -1) -> bytes:
        return cast(bytes, self._gift)


def test_file_objects_that_give_no_bytes() -> None:
    """Closed, of text, or a pipe that does not wait: one line each, and no exception of Python's own."""
    closed = io.BytesIO(encode("wav16", tone(0.1)))
    closed.close()
    for file, words in [(closed, "is closed"), (Giving("text"), "gives str.*'rb'"), (Giving(None), "set_blocking")]:
        with pytest.raises(errors.AudioUnreadable, match=words) as caught:
            decode(cast(BinaryIO, file), target_rate=16_000)
        assert "\n" not in str(caught.value)


def test_a_pipe_that_does_not_wait_is_unreadable() -> None:
    """Nothing yet is not the end: an open pipe set to non-blocking is no empty recording."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with os.fdopen(writing, "wb"), os.fdopen(reading, "rb") as file, pytest.raises(errors.AudioUnreadable):
        decode(file, target_rate=16_000)


def test_a_memoryview_with_steps_is_bytes() -> None:
    """Every second byte of a buffer is read as if it had been copied."""
    data = encode("wav16", tone(0.1))
    spread = bytearray(2 * len(data))
    spread[::2] = data
    np.testing.assert_array_equal(joined(decode(memoryview(spread)[::2], target_rate=16_000)), tone(0.1).T)


class Endless(io.RawIOBase):
    """A pipe that never ends: one beginning, then one piece again and again."""

    def __init__(self, head: bytes, piece: bytes) -> None:
        self._head, self._piece = io.BytesIO(head), piece
        self.given_bytes = 0

    def readable(self) -> bool:
        return True

    def read(self, count: int = -1) -> bytes:
        data = self._head.read(count) or (self._piece * (count // len(self._piece) + 1))[:count]
        self.given_bytes += len(data)
        return data


@pytest.mark.parametrize("piece", [b"\0", b"y\n", b"\xff"])
def test_an_endless_pipe_of_no_audio_is_refused_at_once(piece: bytes) -> None:
    """The first megabyte of ``cat /dev/zero`` or ``yes`` is enough to tell."""
    pipe = Endless(b"", piece)
    with pytest.raises(errors.AudioUndecodable):
        decode(cast(BinaryIO, pipe), target_rate=16_000)
    assert pipe.given_bytes == 2**20


def test_an_endless_pipe_of_audio_is_copied_up_to_a_bound() -> None:
    """Sound without an end does not fill the disk."""
    pipe = Endless(encode("wav16", tone(0.1)), b"\0")
    with ExitStack() as stack, pytest.raises(errors.AudioTooLong, match=r"gave 5000000 bytes.*write it to a file"):
        open_source(cast(BinaryIO, pipe), stack, check_head=check_head, most_bytes=5_000_000)
    assert pipe.given_bytes < 7 * 2**20


@pytest.mark.parametrize("kind", ALL)
def test_a_long_pipe_of_every_kind_is_audio(kind: str) -> None:
    """The look at the first megabyte refuses no recording, wherever its index is."""
    rate = 48_000 if kind in ("webm", "ogg-opus") else 44_100
    noise = np.random.default_rng(0).uniform(-0.9, 0.9, (rate * 5, 2)).astype(np.float32)
    data = encode(kind, noise, rate=rate)
    check_head(data[: min(2**20, len(data) // 2)], "pipe")


FULL_FOLDER = """
import resource, sys
from segue.speech.audio import decode
resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
try:
    decode(sys.stdin.buffer, target_rate=16_000)
except Exception as error:
    print(type(error).__name__, error)
"""


def test_a_full_temporary_folder_names_tmpdir() -> None:
    """A pipe that cannot be copied says where the copy would be, not that the pipe is broken."""
    data = encode("wav16", np.zeros((16_000 * 1200, 1), np.float32))
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    command = [sys.executable, "-c", FULL_FOLDER]
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        said, _ = process.communicate(data)
    assert said.startswith(b"AudioUnreadable <stdin>: cannot be copied to the temporary folder (File too large); ")
    assert b"TMPDIR" in said
    assert said.count(b"\n") == 1


class FailingDisk(io.BytesIO):
    """A file whose reads fail from some point on."""

    def __init__(self, data: bytes, *, good_bytes: int) -> None:
        super().__init__(data)
        self._good_bytes = good_bytes

    def read(self, count: int | None = -1) -> bytes:
        if self.tell() > self._good_bytes:
            raise OSError(5, "Input/output error")
        return super().read(count)


@pytest.mark.parametrize("kind", ["wav16", "flac", "m4a", "mp3", "vorbis"])
def test_a_fault_of_the_disk_is_unreadable_not_truncated(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    """An OSError inside a decoder's callback is raised as AudioUnreadable, and prints nothing."""
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (16_000 * 30, 1)).astype(np.float32)
    data = encode(kind, noise)
    for good_bytes in (0, len(data) // 2):
        with pytest.raises(errors.AudioUnreadable, match="Input/output error"):
            joined(decode(FailingDisk(data, good_bytes=good_bytes), target_rate=16_000))
    assert capfd.readouterr() == ("", "")


def test_a_text_file_object_is_refused() -> None:
    """A file opened as text gets a line that says how to open it."""
    with pytest.raises(errors.AudioUnreadable, match="'rb'"):
        decode(io.StringIO("x"), target_rate=16_000)  # type: ignore[arg-type]


@pytest.mark.parametrize("channels", ["mix", "split"])
def test_close_lets_go_of_the_file(channels: str, tmp_path: Path) -> None:
    """Leaving the context, or the end, or an error closes what was opened; no block follows."""
    path = tmp_path / "long.wav"
    path.write_bytes(encode("wav16", tone(60.0)))
    with decode(path, target_rate=16_000, channels=channels) as decoded:  # type: ignore[arg-type]
        next(decoded)
    assert list(decoded) == []
    decoded.close()
    with decode(path, target_rate=16_000):
        pass
    assert not any(os.readlink(link) == str(path) for link in open_files())


def open_files() -> Iterator[Path]:
    for link in Path("/proc/self/fd").iterdir():
        if link.is_symlink():
            yield link


def test_a_source_can_be_opened_again(tmp_path: Path) -> None:
    """What was opened once, a copy of a pipe for one, is read again from its beginning."""
    (tmp_path / "x").write_bytes(b"audio")
    with ExitStack() as stack:
        opened = open_source(tmp_path / "x", stack, check_head=check_head)
        assert opened.peek(9) == b"audio"
        opened.read()
        again = open_source(opened, stack, check_head=check_head)
        assert (again, again.read()) == (opened, b"audio")
