"""The bytes of a recording as its decoder reads them: they end when nobody waits for the recording any more.

Decoders are C code that calls for bytes, and can be stopped in no other way. A file can be made that keeps one busy for
hours before its first block of audio, with millions of empty chunks, say: the recording's fault, not the version's.
"""

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

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
        if isinstance(self._source, bytes):
            return _Memory(self._source, self.name, self.goes_on)
        try:
            return cast(BinaryIO, io.BufferedReader(_Disk(self._source, self.goes_on)))
        except OSError as error:
            raise AudioUnreadable(f"{self.name}: cannot be read ({error.strerror or error})") from error

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


class _Memory(io.BytesIO):
    def __init__(self, data: bytes, name: str, goes_on: Callable[[], bool]) -> None:
        super().__init__(data)
        self.name = name
        self._goes_on = goes_on

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(size) if self._goes_on() else b""


class _Disk(io.FileIO):
    def __init__(self, path: Path, goes_on: Callable[[], bool]) -> None:
        super().__init__(str(path))
        self._goes_on = goes_on

    def readinto(self, buffer: Any, /) -> int:
        return super().readinto(buffer) if self._goes_on() else 0
