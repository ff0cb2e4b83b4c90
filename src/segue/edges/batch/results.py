"""A directory of results, one an input: names that never collide, whole files only, and who made each of them.

``.segue-results`` in it is a list of JSON lines, appended to and never rewritten; of each name the last line counts.
It stands beside the results and not in them because RTTM cannot hold it, and a JSON line is promised to the letter.
A result whose bytes are not those recorded there counts as not made. ``.segue-lock`` is locked while a run lasts.
"""

import hashlib
import json
import os
import re
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from segue.errors import OutputError
from segue.speech.names import printable, without_blanks

MANIFEST = ".segue-results"
_TEMPORARY = re.compile(r"\.segue-[0-9a-f]{32}\.tmp")
_LONGEST_NAME_BYTES = 200  # file systems take 255, and a temporary name is longer


@dataclass(frozen=True, slots=True)
class _Entry:
    """One name in the directory: whose it is, and if there is a result, what made it and its SHA-256.

    ``version`` is that of the service, where one answered: not every format can hold it.
    """

    name: str
    source: str
    made_by: str = ""
    sha256: str = ""
    version: str = ""


class ResultDirectory:
    """Results with one extension in one directory, which is made if need be. Thread-safe.

    A ``source`` names an input wherever the command runs (an absolute path). ``stems``: a result is called by its
    input's name without extension, its blanks as ``_``, where that is not ``taken``. ``manifest``: the list's own name.
    Raises OutputError.
    """

    def __init__(
        self,
        directory: Path,
        extension: str,
        *,
        stems: bool = False,
        taken: Callable[[str], bool] = lambda _: False,
        manifest: str = MANIFEST,
    ) -> None:
        self.directory = directory
        self._extension = extension
        self._stems = stems
        self._taken = taken
        self._manifest = manifest
        self._lock = threading.Lock()  # guards the three below, and the order of lines in the manifest
        self._entries: dict[str, _Entry] = {}  # by name, whatever the extension
        self._names: dict[str, str] = {}  # source -> name, of this extension
        self._torn = False  # the manifest's last line is not whole: a new one must not be glued to it
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._read()
        except OSError as error:
            raise _unusable(directory, error) from error

    @classmethod
    @contextmanager
    def held(
        cls,
        directory: Path,
        extension: str,
        *,
        stems: bool = False,
        taken: Callable[[str], bool] = lambda _: False,
        manifest: str = MANIFEST,
    ) -> Iterator[Self]:
        """The directory for a whole run, which no other may have meanwhile: two would choose the same names."""
        from filelock import FileLock, Timeout  # 50 ms of import

        lock = FileLock(directory / _lock_of(manifest), thread_local=False)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
        except Timeout as error:  # an OSError too
            busy = f"{directory}: another segue detect is writing its results there; wait for it, or write elsewhere"
            raise OutputError(busy) from error
        except OSError as error:
            raise _unusable(directory, error) from error
        try:
            _sweep(directory)
            yield cls(directory, extension, stems=stems, taken=taken, manifest=manifest)
        finally:
            lock.release()

    def __repr__(self) -> str:
        return f"ResultDirectory({str(self.directory)!r}, {len(self._entries)} names)"

    def reserve(self, sources: Sequence[str]) -> None:
        """Give every source its name. One that it has from an earlier run it keeps."""
        with self._lock:
            fresh = []
            for source in sources:
                if source not in self._names:
                    fresh.append(_Entry(self._free_name(source), source))
                    self._remember(fresh[-1])
            self._append(fresh)

    def path(self, source: str) -> Path:
        """Where the result of a reserved source is, or will be."""
        return self.directory / self._entry(source).name

    def made_by(self, source: str) -> str:
        """What made the result of a reserved source, whether or not that is still there; empty if nobody knows."""
        return self._entry(source).made_by

    def holds(self, source: str, made_by: str) -> bool:
        """Whether the result is there, whole, and was made by exactly that."""
        entry = self._entry(source)
        if not made_by or entry.made_by != made_by:
            return False
        try:
            with (self.directory / entry.name).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _refused(self.directory / entry.name, error) from error

    def write(self, source: str, content: bytes, *, made_by: str = "", version: str = "") -> None:
        """Put a result in place of the one before, in one step. Without ``made_by`` no resume will trust it."""
        entry = self._entry(source)
        path = self.directory / entry.name
        try:
            write_whole(path, content)
        except OSError as error:
            raise _refused(path, error) from error
        with self._lock:
            entry = _Entry(entry.name, source, made_by, hashlib.sha256(content).hexdigest(), version)
            self._remember(entry)
            self._append([entry])

    def discard(self, source: str) -> None:
        """Remove what an earlier run found, since it no longer holds."""
        entry = self._entry(source)
        if entry.sha256:
            try:
                (self.directory / entry.name).unlink(missing_ok=True)
            except OSError as error:
                raise _refused(self.directory / entry.name, error) from error

    def written(self) -> list[Path]:
        """Where the results of this and earlier runs are, in the order in which their inputs got their names."""
        with self._lock:
            names = [name for name in self._names.values() if self._entries[name].sha256]
        return [self.directory / name for name in names]

    @property
    def _suffix(self) -> str:
        return f".{self._extension}"

    def _entry(self, source: str) -> _Entry:
        with self._lock:
            return self._entries[self._names[source]]

    def _remember(self, entry: _Entry) -> None:
        self._entries[entry.name] = entry
        if entry.name.endswith(self._suffix):
            self._names[entry.source] = entry.name

    def _free_name(self, source: str) -> str:
        """The input's own name with the extension; with a part of a digest where that is another's, or too long."""
        base = "stdin" if source == "-" else os.path.basename(source).lstrip(".") or "input"  # our own are the hidden
        if self._stems:
            base = without_blanks(printable(base))
        for stem in (os.path.splitext(base)[0], base) if self._stems else (base,):
            name = stem + self._suffix
            fits = len(os.fsencode(name)) <= _LONGEST_NAME_BYTES
            free = name not in self._entries and not os.path.lexists(self.directory / name)
            if fits and free and not self._taken(stem):
                return name
        short = os.fsencode(base)[: _LONGEST_NAME_BYTES // 2].decode(
            errors="ignore" if self._stems else "surrogateescape"
        )
        return f"{short}-{hashlib.sha256(os.fsencode(source)).hexdigest()[:12]}{self._suffix}"

    def _read(self) -> None:
        try:
            text = (self.directory / self._manifest).read_bytes()
        except FileNotFoundError:
            return
        self._torn = not text.endswith(b"\n")
        for line in text.splitlines():
            try:
                entry = _Entry(**json.loads(line))
                ours = _is_ours(entry)
            except (ValueError, TypeError, RecursionError):  # the last line of a run that was killed, or none of ours
                continue
            if ours:
                self._remember(entry)

    def _append(self, entries: Sequence[_Entry]) -> None:
        if not entries:
            return
        lines = "".join(_line(entry) for entry in entries)
        path = self.directory / self._manifest
        try:
            with path.open("ab") as file:
                file.write(b"\n" * self._torn + lines.encode())
            self._torn = False
        except OSError as error:
            raise _refused(path, error) from error


def _line(entry: _Entry) -> str:
    """ASCII, whatever bytes a name has. Without a version it is what every Segue could read."""
    values = asdict(entry)
    if not entry.version:
        del values["version"]
    return json.dumps(values) + "\n"


def _is_ours(entry: _Entry) -> bool:
    """Whether a run may have written that: anybody can edit the manifest, and a name decides where we write."""
    values: list[object] = list(asdict(entry).values())  # JSON may hold anything
    if not all(isinstance(value, str) for value in values):
        return False
    name = entry.name
    plain = bool(name) and os.path.basename(name) == name and not name.startswith(".") and "\0" not in name
    return plain and len(os.fsencode(name)) <= _LONGEST_NAME_BYTES


def write_whole(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Write a file, all at once or piece by piece, that is there whole or not at all, whatever happens in between."""
    temporary = path.with_name(f".segue-{uuid.uuid4().hex}.tmp")  # as _TEMPORARY
    try:
        with temporary.open("xb") as file:
            file.writelines([content] if isinstance(content, bytes) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _lock_of(manifest: str) -> str:
    return ".segue-lock" if manifest == MANIFEST else f"{manifest}-lock"


def _sweep(directory: Path) -> None:
    """Remove what a run that was killed left half written. Whoever holds the directory's lock knows it is nobody's."""
    with suppress(OSError):  # in the way of nobody
        for name in os.listdir(directory):
            if _TEMPORARY.fullmatch(name):
                (directory / name).unlink(missing_ok=True)


def _refused(path: Path, error: OSError) -> OutputError:
    reason = error.strerror or type(error).__name__
    return OutputError(f"{path}: the result cannot be written ({reason}); what was written before is whole")


def _unusable(directory: Path, error: OSError) -> OutputError:
    reason = error.strerror or type(error).__name__
    return OutputError(f"{directory}: cannot be made or opened ({reason}); choose another DIR")
