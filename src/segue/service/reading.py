"""The bytes of a recording as its decoder reads them: they end when nobody waits for the recording any more.

Decoders are C code that calls for bytes, and can be stopped in no other way. A file can be made that keeps one busy for
hours before its first block of audio, with millions of empty chunks, say: the recording's fault, not the version's.
"""

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

from segue.errors import AudioUnreadable


class Reading:
    """One recording being read. ``is_unwanted`` says that it was given up elsewhere."""

    def __init__(self, source: bytes | Path, is_unwanted: Callable[[], bool]) -> None:
        self._source = source
        self._is_unwanted = is_unwanted
        self._at_s = float("-inf")
        self.is_cut = False

    @property
    def name(self) -> str:
        """What messages call it."""
        return "bytes" if isinstance(self._source, bytes) else str(self._source)

    def open(self) -> BinaryIO:
        """What a decoder is given. Raises AudioUnreadable."""
        file: _Memory | _Disk
        if isinstance(self._source, bytes):
            file = _Memory(self._source)
            file.name = self.name
        else:
            try:
                file = _Disk(io.FileIO(str(self._source)))
            except OSError as error:
                raise AudioUnreadable(f"{self.name}: cannot be read ({error.strerror or error})") from error
        file.goes_on = self.goes_on
        return cast(BinaryIO, file)

    def cut(self) -> None:
        """The decoder finds the end where it is. From any thread."""
        self.is_cut = True

    def was_read(self, within_s: float) -> bool:
        """Whether the decoder has asked for bytes so lately."""
        return time.monotonic() - self._at_s < within_s

    def goes_on(self) -> bool:
        """Whether there are bytes for whoever asks now."""
        if self.is_cut or self._is_unwanted():
            return False
        self._at_s = time.monotonic()
        return True


class _Ending:
    """Stands at its end once it does not go on: libsndfile asks for ever where there is more to come and no bytes.

    Over a class of io's own, not around one: any other file is copied before it is decoded (speech/source.py).
    """

    goes_on: Callable[[], bool]

    def read(self, size: int | None = -1, /) -> bytes:
        return cast(BinaryIO, super()).read(-1 if size is None else size) if self.goes_on() else b""

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        file = cast(BinaryIO, super())
        return file.seek(offset, whence) if self.goes_on() else file.seek(0, io.SEEK_END)

    def tell(self) -> int:
        file = cast(BinaryIO, super())
        return file.tell() if self.goes_on() else file.seek(0, io.SEEK_END)


class _Memory(_Ending, io.BytesIO):
    """Bytes in memory."""

    name: str


class _Disk(_Ending, io.BufferedReader):
    """A file."""
