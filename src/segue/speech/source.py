"""Where encoded bytes come from: a path, bytes or a file object -> one seekable reader."""

import errno
import io
import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import BinaryIO, TypeAlias, cast

from segue.errors import AudioEmpty, AudioNotFound, AudioTooLong, AudioUnreadable
from segue.speech.names import printable
from segue.speech.samples import RAW_PCM

Encoded: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO

_OF_BYTES = f"; {RAW_PCM} with sample_rate="
"""The hint where somebody may have taken samples for a file."""

_SPOOL_BYTES = 16 * 2**20
_COPY_BYTES = 2**20

MOST_COPIED_BYTES = 16 * 2**30
"""Of what cannot be read in place. A day, the longest recording that is accepted unless more is asked for, of 16-bit
stereo at 48 kHz is 15.4 GiB. Without a bound, ``cat /dev/zero | segue detect -`` fills the disk."""

_TRUSTED = (io.BytesIO, io.BufferedReader, io.BufferedRandom, io.FileIO, tempfile.SpooledTemporaryFile)
"""File objects read in place, for they fail with OSError alone. Any other (gzip, a zip member, a socket) is copied to a
spool first: what it raises would be swallowed in the middle of a C callback, and there reaches its owner."""


class Source:
    """A seekable binary file as the decoders' C code calls it.

    An exception cannot cross C: cffi prints it and goes on as if the file had ended. So a fault of the disk is kept
    here, looks like the end of the file, and is raised by ``check``, which the decoders call where they find the end.
    """

    def __init__(self, file: BinaryIO, *, name: str, hint: str = "") -> None:
        self.name = name
        self.hint = hint
        """What else to do if it cannot be decoded."""
        self._file = file
        self._failure: OSError | None = None
        try:
            self.size_bytes = file.seek(0, io.SEEK_END)
        except OSError as error:
            raise _unreadable(name, error) from error
        if self.size_bytes == 0:
            raise AudioEmpty(f"{name}: has no bytes; give a file that holds audio")

    def read(self, count: int = -1) -> bytes:
        if self._failure is None:
            try:
                return self._file.read(count)
            except OSError as error:
                self._failure = error
        return b""

    def readinto(self, buffer: bytearray) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if self._failure is None:
            try:
                return self._file.seek(offset, whence)
            except ValueError:
                pass  # a damaged header asks for a negative offset: io.BytesIO's word for it, and a file's is EINVAL
            except OSError as error:
                self._failure = None if error.errno == errno.EINVAL else error
        return -1

    def tell(self) -> int:
        return self._file.tell()

    def peek(self, count: int, *, offset: int = 0) -> bytes:
        """Bytes from an offset, and back to the beginning."""
        self.seek(offset)
        data = self.read(count)
        self.seek(0)
        self.check()
        return data

    def check(self) -> None:
        """Raise AudioUnreadable if reading has failed."""
        if self._failure is not None:
            raise _unreadable(self.name, self._failure) from self._failure


def _unreadable(name: str, error: OSError) -> AudioUnreadable:
    reason = error.strerror or str(error) or type(error).__name__
    return AudioUnreadable(f"{name}: cannot be read ({reason}); check the permissions and the disk")


def _name(name: object) -> str:
    """What messages of one line call it."""
    text = os.fsdecode(name) if isinstance(name, str | bytes | os.PathLike) else f"<{type(name).__name__}>"
    return printable(text) or "''"


def open_source(
    source: "Encoded | Source",
    stack: ExitStack,
    *,
    check_head: Callable[[bytes, str], None],
    most_bytes: int = MOST_COPIED_BYTES,
) -> Source:
    """Open what is encoded; what is opened here is closed by ``stack``, a file object of the caller's is left open.

    A seekable file is read from its beginning. One that is not (a pipe) is copied from where it stands into a temporary
    file, in memory up to 16 MB: once ``check_head`` (the first megabyte, the name) has not raised, for what is longer,
    and up to ``most_bytes``. Raises AudioNotFound, AudioUnreadable, AudioEmpty, AudioTooLong.
    A ``Source`` is itself again, from its beginning: so a pipe is read twice.
    """
    if isinstance(source, Source):
        source.seek(0)
        return source
    if isinstance(source, memoryview):
        source = source.tobytes()  # one with steps (``[::2]``) cannot be read in place
    if isinstance(source, bytes | bytearray):
        return Source(io.BytesIO(source), name="bytes", hint=_OF_BYTES)
    if isinstance(source, str | os.PathLike):
        name = _name(source)
        file = stack.enter_context(_open_path(source, name))
    elif isinstance(cast(object, source), io.TextIOBase):
        raise AudioUnreadable("file object: it is open as text; open it in binary mode ('rb')")
    else:
        name, file = _name(getattr(source, "name", source)), source
        if getattr(file, "closed", False):
            raise AudioUnreadable(f"{name}: is closed; open it again")
    if _is_read_in_place(file, name):
        return Source(file, name=name, hint=_OF_BYTES if isinstance(file, io.BytesIO) else "")
    spool = tempfile.SpooledTemporaryFile(_SPOOL_BYTES)  # noqa: SIM115  the stack closes it
    stack.callback(_discard, spool)
    _copy(file, cast(BinaryIO, spool), name, check_head=check_head, most_bytes=most_bytes)
    return Source(cast(BinaryIO, spool), name=name)


def _open_path(path: str | os.PathLike[str], name: str) -> BinaryIO:
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise AudioUnreadable(f"{name}: is a directory; give a file")
        if not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode):  # /dev/zero would never end
            raise AudioUnreadable(f"{name}: is a device, not a file; give a file or a pipe")
        return cast(BinaryIO, open(path, "rb"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise AudioNotFound(f"{name}: there is no such file; check the path") from error
    except AudioUnreadable:  # is an OSError too
        raise
    except OSError as error:
        raise _unreadable(name, error) from error
    except ValueError as error:  # a NUL byte, or text that the file system cannot encode
        raise AudioNotFound(f"{name}: is not a possible path; check it") from error


def _is_read_in_place(file: BinaryIO, name: str) -> bool:
    try:
        seekable = file.seekable() if hasattr(file, "seekable") else False
        if seekable:
            file.seek(0)
    except OSError as error:
        raise _unreadable(name, error) from error
    return seekable and isinstance(file, _TRUSTED)


def _copy(
    file: BinaryIO, spool: BinaryIO, name: str, *, check_head: Callable[[bytes, str], None], most_bytes: int
) -> None:
    """Copy all of ``file``, its first megabyte after a look at it: what is no audio need not have an end."""
    head = b""
    while len(head) < _COPY_BYTES and (data := _read(file, _COPY_BYTES - len(head), name)):
        head += data
    if len(head) >= _COPY_BYTES:
        check_head(head, name)
    data, copied_bytes = head, 0
    while data:
        copied_bytes += len(data)
        if copied_bytes > most_bytes:
            raise AudioTooLong(
                f"{name}: gave {most_bytes} bytes and has not ended, and no more are copied from a pipe; "
                "write it to a file and give that"
            )
        _write(spool, data, name)
        data = _read(file, _COPY_BYTES, name)


def _read(file: BinaryIO, count: int, name: str) -> bytes:
    try:
        data: object = file.read(count)
    except AudioUnreadable:  # is an OSError too
        raise
    except OSError as error:
        raise _unreadable(name, error) from error
    if data is None:
        raise AudioUnreadable(f"{name}: has nothing to read now and does not wait; make it blocking (os.set_blocking)")
    if not isinstance(data, bytes | bytearray | memoryview):
        raise AudioUnreadable(
            f"{name}: its read() gives {type(data).__name__}, not bytes; open it in binary mode ('rb')"
        )
    return bytes(data)


def _write(spool: BinaryIO, data: bytes, name: str) -> None:
    try:
        spool.write(data)
        spool.flush()
    except OSError as error:
        raise AudioUnreadable(
            f"{name}: cannot be copied to the temporary folder ({error.strerror or error}); "
            "make room there, set TMPDIR to another folder, or give a file"
        ) from error


def _discard(spool: "tempfile.SpooledTemporaryFile[bytes]") -> None:
    with suppress(OSError):  # a full disk again: what could not be written is written once more
        spool.close()
