"""The bytes of a recording, as long as somebody waits for it."""

from pathlib import Path

import pytest

from segue.errors import AudioError, AudioUnreadable
from segue.service.reading import Reading
from segue.speech.audio import decode

DATA = bytes(range(256)) * 1000


@pytest.fixture(params=["memory", "disk"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> bytes | Path:
    """The same bytes, in memory or on the disk."""
    path = tmp_path / "recording"
    path.write_bytes(DATA)
    return DATA if request.param == "memory" else path


def test_it_is_the_recording(source: bytes | Path) -> None:
    """Read, sought and named as what it is."""
    reading = Reading(source, lambda: False)
    with reading.open() as file:
        assert file.read(10) == DATA[:10]
        assert file.seek(-5, 2) == len(DATA) - 5
        assert file.read() == DATA[-5:]
        file.seek(1000)
        into = bytearray(100_000)
        assert file.readinto(into) == 100_000  # type: ignore[attr-defined]  # both have it
        assert bytes(into) == DATA[1000:101_000]
        assert file.name == reading.name == ("bytes" if isinstance(source, bytes) else str(source))


def test_it_ends_where_it_is_cut(source: bytes | Path) -> None:
    """What is asked for after that is the end of the file, wherever the decoder looks."""
    reading = Reading(source, lambda: False)
    with reading.open() as file:
        assert file.read(10)
        reading.cut()
        assert reading.is_cut
        file.seek(100_000)
        assert file.read(10) == b""
        file.seek(0)
        assert file.read(10) == b""  # what was buffered before, too
        assert file.tell() == len(DATA)


def test_it_ends_when_nobody_wants_it(source: bytes | Path) -> None:
    """Whoever waited has gone, or has its answer from elsewhere."""
    unwanted = False
    reading = Reading(source, lambda: unwanted)
    with reading.open() as file:
        assert file.read(10)
        unwanted = True
        file.seek(100_000)
        assert file.read(10) == b""


def test_it_knows_when_it_was_read(source: bytes | Path) -> None:
    """A decoder that asks for bytes is told from a model that hangs."""
    reading = Reading(source, lambda: False)
    with reading.open() as file:
        assert not reading.was_read(within_s=1e9)
        file.read(10)
        assert reading.was_read(within_s=60)
        assert not reading.was_read(within_s=-1)


def test_what_cannot_be_opened_is_unreadable(tmp_path: Path) -> None:
    """And no fault of the version that was to read it."""
    with pytest.raises(AudioUnreadable, match="nowhere: cannot be read"):
        Reading(tmp_path / "nowhere", lambda: False).open()


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_a_decoder_comes_back_wherever_it_is_cut(kind: str, tmp_path: Path) -> None:
    """At any of its first questions, of a file that keeps it busy: libsndfile asked for ever, and got nothing."""
    data = b"RIFF\xff\xff\xff\x7fWAVE" + b"LIST\x04\0\0\0abcd" * 100_000
    path = tmp_path / "chunks.wav"
    path.write_bytes(data)
    for limit in (*range(1, 120), 300, 1000):
        asked = 0

        def is_unwanted(limit: int = limit) -> bool:
            nonlocal asked
            asked += 1
            assert asked < limit + 1000
            return asked > limit

        reading = Reading(data if kind == "memory" else path, is_unwanted)
        with reading.open() as file, pytest.raises(AudioError):
            list(decode(file, target_rate=16_000))
