"""Where a recording is while it comes in and is detected: in memory if it is small, else in a file without a name."""

import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from starlette.concurrency import run_in_threadpool

from segue.errors import AudioError, StoreError
from segue.speech.names import printable
from segue.speech.samples import RAW_PCM

_LOG = logging.getLogger(__name__)

IN_MEMORY_BYTES = 8 * 2**20
_BLOCK_BYTES = 2**20

_FOR_CALLERS = f"; {RAW_PCM} with sample_rate="
_FOR_CLIENTS = "; raw samples want the header of a WAV file, or WS /v1/stream"


class Upload:
    """The bytes of one recording: first written, then read by its ``source``, then closed, whatever happened.

    ``source``, after ``finish``: the bytes themselves, or a path that leads to them until ``close``.

    The file has no name from its first moment, so nothing of it is left however the process ends; it is reached by its
    descriptor. Writing does not hold up the event loop: blocks of a megabyte are written in a thread.
    """

    def __init__(
        self, *, in_memory_bytes: int = IN_MEMORY_BYTES, open_file: Callable[[], IO[bytes]] | None = None
    ) -> None:
        self.name = "body"
        """What messages and results call it."""
        self.source: bytes | Path = b""
        self._in_memory_bytes = in_memory_bytes
        self._open_file = open_file or tempfile.TemporaryFile
        self._pieces: list[bytes] = []
        self._held_bytes = 0
        self._file: IO[bytes] | None = None

    async def write(self, data: bytes) -> None:
        """Add bytes. Raises StoreError when there is no room for them."""
        self._pieces.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > (self._in_memory_bytes if self._file is None else _BLOCK_BYTES):
            await run_in_threadpool(self._spill)

    async def finish(self) -> None:
        """There are no more."""
        if self._file is None:
            self.source, self._pieces = b"".join(self._pieces), []
            return
        await run_in_threadpool(self._spill)
        self.source = Path(f"/proc/{os.getpid()}/fd/{self._file.fileno()}")

    def close(self) -> None:
        """Let go of them. From any thread; again does nothing."""
        self._pieces = []
        if self._file is not None:
            self._file.close()

    def named(self, error: AudioError) -> AudioError:
        """The same error, in which the recording has its client's name, and no advice that is for callers in Python."""
        ours = "bytes" if isinstance(self.source, bytes) else str(self.source)
        said = str(error)
        if said.startswith(f"{ours}:"):
            said = self.name + said.removeprefix(ours)
        return type(error)(said.replace(_FOR_CALLERS, _FOR_CLIENTS))

    def call_it(self, name: str) -> None:
        """The client's name for it; empty keeps what it has."""
        self.name = printable(name) or self.name

    def _spill(self) -> None:
        try:
            if self._file is None:
                self._file = self._open_file()
            self._file.writelines(self._pieces)
            self._file.flush()
        except OSError as error:
            why = error.strerror or type(error).__name__
            _LOG.error("an upload cannot be kept in %s: %s; make room, or set TMPDIR", tempfile.gettempdir(), why)
            raise StoreError(
                f"the server cannot keep the recording while it is detected ({why}): try again later"
            ) from error
        self._pieces = []
        self._held_bytes = 0
