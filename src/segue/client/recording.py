"""A recording on its way to the server: read in pieces, from where the file stands, again if need be."""

import io
from collections.abc import Iterator
from typing import BinaryIO

from segue.errors import AudioUnreadable

_PIECE_BYTES = 65536


class Recording:
    """What requests wants of a file. What goes wrong in reading it is kept in ``error``.

    ``len`` is the number of bytes to come, and exactly so many are read; it is there only where the file can be
    sought in. What comes out of a pipe is sent in chunks, once. Raises ValueError when the file is closed.
    """

    def __init__(self, body: BinaryIO | bytes) -> None:
        self._file: BinaryIO = io.BytesIO(body) if isinstance(body, bytes) else body
        self.error: Exception | None = None
        self._start: int | None = None
        self._left = 0
        self._is_begun = False
        if self._file.seekable():
            self._start = self._file.tell()
            self.len = self._left = max(0, self._file.seek(0, io.SEEK_END) - self._start)
            self._file.seek(self._start)

    @property
    def content(self) -> "Recording | bytes":
        """What requests is given: it would send an empty file in chunks."""
        return b"" if self._start is not None and not self.len else self

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.read(_PIECE_BYTES):
            yield piece

    def read(self, size: int = -1) -> bytes:
        """The next bytes. An error is kept too, because whoever sends them would call it one of the connection."""
        self._is_begun = True
        try:
            return self._file.read(size) if self._start is None else self._read_announced(size)
        except Exception as error:
            self.error = error
            raise

    def rewind(self) -> bool:
        """Stand at the beginning again; whether that is so."""
        if self._start is None:
            return not self._is_begun
        self._file.seek(self._start)
        self._left = self.len
        return True

    def _read_announced(self, size: int) -> bytes:
        """Not one byte more than was announced, though the file may grow; less is an error."""
        size = self._left if size < 0 else min(size, self._left)
        piece = self._file.read(size)
        if size and not piece:
            raise AudioUnreadable(f"the recording became shorter while it was sent: {self._left} bytes are missing")
        self._left -= len(piece)
        return piece
