"""The local store: content-addressed, atomic, immutable. It knows no network and no kind of model.

    models/<tree>/...                       the files, read-only; <tree> is the digest of exactly these files
    refs/<owner>/<name>/<revision>.json     what an ID @ revision was at first use (record.py)
    staging/<random>/  <random>.lock        work in progress; belongs to whoever holds the lock
    locks/...                               one for each model, and one for the store

What must hold:
- A directory under ``models`` appears by one rename, after its bytes are verified and on the disk. A reference
  appears by one rename after that. So whatever is cut off, nothing that is found is not whole.
- The system gives up a dead process's locks, so its staging directory is known to be nobody's: the next one to stage
  removes it.
- Nobody waits for the store's lock longer than a few renames take, and the syncs of what they name: files are hashed
  and synced in staging before. Only a model's own lock is held during a download.
- A reference is read and replaced under one hold of the store's lock.
"""

import os
import stat
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, unquote

from segue.errors import DigestMismatch, InvalidModelID, ModelIncomplete, StoreError
from segue.hub import record as records
from segue.hub.digests import file_sha256, model_digest
from segue.hub.filesystem import Lock, explained, remove_tree, sync_directory, sync_file, translated
from segue.hub.layout import Layout
from segue.hub.names import check_model_id, check_revision
from segue.hub.record import Record
from segue.hub.resolved import ModelFile, ResolvedModel

_STORE_LOCK_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the store that is not as it was recorded."""

    model_id: str
    revision: str
    what: str

    def __str__(self) -> str:
        return f"{self.model_id}@{self.revision}: {self.what}"


class Store:
    """A store in one directory, which is made when something is installed. Safe for threads and for processes.

    Reading needs no right to write. Every method raises StoreError when the file system refuses, and InvalidModelID
    for an ID or revision that is no harmless name.
    """

    def __init__(self, root: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.root = root
        self._clock = clock

    def __repr__(self) -> str:
        return f"Store({str(self.root)!r})"

    # -- reading ---------------------------------------------------------------------------------------------------

    def find(self, model_id: str, revision: str, *, whole: bool = False) -> ResolvedModel | None:
        """What the store has for that ID @ revision, or None. Looks at names and sizes, if ``whole`` at every byte."""
        record = self._read(self._ref(model_id, revision))
        if record is None or record.removed or any(self._faults(record, whole=whole)):
            return None
        return self._resolved(record)

    def find_digest(self, digest: str) -> ResolvedModel | None:
        """A model of that content, whatever it is called, every byte of it looked at; or None."""
        for record, _ in self._records():
            if record and record.digest == digest and not record.removed and not any(self._faults(record, whole=True)):
                return self._resolved(record)
        return None

    def faults(self, model_id: str, revision: str) -> list[str]:
        """What is wrong with the bytes of that ID @ revision; empty if nothing is, or if it is not in the store."""
        record = self._read(self._ref(model_id, revision))
        return [] if record is None or record.removed else list(self._faults(record, whole=True))

    def models(self) -> list[ResolvedModel]:
        """Everything that ``find`` would find, sorted by ID and revision."""
        found = (self.find(record.model_id, record.revision) for record, _ in self._records() if record)
        return sorted((model for model in found if model), key=lambda model: (model.model_id, model.revision or ""))

    def verify(self, model_id: str | None = None, revision: str | None = None) -> list[Problem]:
        """Hash every file again, of one model or of all; an empty list says that all is as recorded."""
        problems = []
        for record, path in self._records():
            if record is None:
                problem = self._unreadable(path)
                if model_id in (None, problem.model_id) and revision in (None, problem.revision):
                    problems.append(problem)
            elif model_id in (None, record.model_id) and revision in (None, record.revision) and not record.removed:
                faults = self._faults(record, whole=True)
                problems += [Problem(record.model_id, record.revision, fault) for fault in faults]
        return problems

    # -- writing ---------------------------------------------------------------------------------------------------

    def lock(self, model_id: str, revision: str, *, timeout_s: float) -> AbstractContextManager[None]:
        """Hold this model against other threads and processes. Raises StoreError if they hold it for that long."""
        path = self.root / "locks" / self._ref(model_id, revision).relative_to(self.root / "refs")
        return self._held(path.with_suffix(".lock"), timeout_s=timeout_s, what=f"{model_id}@{revision}")

    @contextmanager
    def stage(self) -> Iterator[Path]:
        """An empty directory on the store's file system, gone at the end. Sweeps away what dead processes left."""
        name = uuid.uuid4().hex
        directory = self.root / "staging" / name
        with self._store_lock(), translated(self.root):
            self._sweep()
            owned = Lock(directory.with_suffix(".lock"))
            owned.acquire(timeout_s=0)
            directory.mkdir()
        try:
            yield directory
        finally:
            with translated(self.root):
                remove_tree(directory)
                directory.with_suffix(".lock").unlink(missing_ok=True)
                owned.release()

    def install(
        self,
        model_id: str,
        revision: str,
        *,
        source: Path,
        layout: Layout,
        origin: str,
        expected: Mapping[str, str] | None = None,
        digest_of: Callable[[Mapping[str, str]], str] = model_digest,
        pinned: bool = False,
        moving: bool = False,
        commit: str | None = None,
    ) -> ResolvedModel:
        """Take the files that matter out of ``source`` (a staging directory of this store) and keep them for good.

        ``expected`` maps names to the SHA-256 that the bytes must have. Raises DigestMismatch if they do not, or if
        this ID @ revision was recorded with another digest; ModelIncomplete if a file is missing. Then nothing changed.

        A record that cannot be read does not mean a first use: unless ``expected`` holds ``pinned`` digests, which say
        the same as the record did, that is a StoreError.
        """
        ref, what = self._ref(model_id, revision), f"{model_id}@{revision} from {origin}"
        with translated(self.root):
            files = _measure(source, layout=layout, expected=expected or {}, what=what)
        if missing := layout.lacks([file.name for file in files]):
            raise ModelIncomplete(f"{what} has no {missing}; a model needs {layout}")
        by_name = {file.name: file.sha256 for file in files}
        record = Record(
            model_id=model_id,
            revision=revision,
            digest=digest_of(by_name),
            tree=model_digest(by_name),
            files=files,
            origin=origin,
            recorded_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock())),
            moving=moving,
            commit=commit,
        )
        with translated(self.root):
            fresh = _arrange(source, files)
            damaged = self._damaged_tree(record)
        with self._store_lock(), translated(self.root):
            self._check_before(record, ref, pinned=pinned)
            self._publish_tree(fresh, record, damaged=damaged)
            self._write(ref, record)
        return self._resolved(record)

    def _check_before(self, record: Record, ref: Path, *, pinned: bool) -> None:
        """What was recorded of this ID @ revision holds; a record that cannot be read is no first use."""
        before = self._read(ref)
        if before is None and not pinned and ref.exists():
            raise _unknown_first_use(record, ref)
        _check_recorded(before, record)

    def remove(self, model_id: str, revision: str, *, forget: bool = False) -> bool:
        """Delete the files; False if there are none. Of a fixed revision the digests are kept, and held against the
        next pull, unless ``forget``; a moving name may mean something new next time."""
        ref = self._ref(model_id, revision)
        with self._store_lock(), translated(self.root):
            if not ref.exists():
                return False
            record = self._read(ref)
            if record is None or record.moving or forget:
                ref.unlink()
            elif not record.removed:
                self._write(ref, replace(record, removed=True))
            if record is None:
                return True
            if not any(other and other.tree == record.tree and not other.removed for other, _ in self._records()):
                self._discard_tree(self._tree(record))
            return not record.removed

    # -- inside ----------------------------------------------------------------------------------------------------

    def _ref(self, model_id: str, revision: str) -> Path:
        owner, name = check_model_id(model_id)
        return self.root / "refs" / owner / name / f"{quote(check_revision(revision), safe='')}.json"

    def _tree(self, record: Record) -> Path:
        return self.root / "models" / record.tree

    def _read(self, ref: Path) -> Record | None:
        try:
            record = records.load(ref.read_bytes())
            return record if self._ref(record.model_id, record.revision) == ref else None
        except (FileNotFoundError, NotADirectoryError, ValueError):  # InvalidModelID is a ValueError
            return None
        except OSError as error:
            raise explained(self.root, error) from error

    def _write(self, ref: Path, record: Record) -> None:
        ref.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.root / "staging" / f"{uuid.uuid4().hex}.json"
        try:
            with temporary.open("xb") as file:
                file.write(records.dump(record))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(ref)
        finally:
            temporary.unlink(missing_ok=True)
        sync_directory(ref.parent)

    def _records(self) -> list[tuple[Record | None, Path]]:
        return [(self._read(path), path) for path in sorted(self.root.glob("refs/*/*/*.json"))]

    def _unreadable(self, ref: Path) -> Problem:
        """A record that does not load, told by the name that leads to it."""
        here = ref.relative_to(self.root)
        model_id, revision = f"{ref.parent.parent.name}/{ref.parent.name}", unquote(ref.stem)
        try:
            named = self._ref(model_id, revision) == ref
        except InvalidModelID:
            named = False
        if not named:
            return Problem("?", "?", f"{here} is nobody's record: delete it")
        return Problem(model_id, revision, f"its record {here} is damaged")

    def _resolved(self, record: Record) -> ResolvedModel:
        return ResolvedModel(
            model_id=record.model_id,
            revision=record.revision,
            digest=record.digest,
            directory=self._tree(record),
            origin=record.origin,
            files=record.files,
            note=record.note,
        )

    def _faults(self, record: Record, *, whole: bool) -> Iterator[str]:
        return filter(None, (self._fault(record, file, whole=whole) for file in record.files))

    def _fault(self, record: Record, file: ModelFile, *, whole: bool) -> str:
        """What is wrong with one recorded file; empty if nothing is. ``whole`` reads its bytes."""
        path = self._tree(record) / file.name
        try:
            facts = path.lstat()
            if not stat.S_ISREG(facts.st_mode):
                return f"{file.name} is not a plain file"
            if facts.st_size != file.size_bytes:
                return f"{file.name} has {facts.st_size} bytes instead of {file.size_bytes}"
            if whole and file_sha256(path) != file.sha256:
                return f"{file.name} has other bytes than were recorded"
        except OSError as error:
            return f"{file.name} cannot be read: {error.strerror}"
        return ""

    def _damaged_tree(self, record: Record) -> int | None:
        """The inode of the tree that is there, if it is not as recorded. Reads every byte: not under the lock."""
        try:
            inode = self._tree(record).stat().st_ino
        except FileNotFoundError:
            return None
        return inode if any(self._faults(record, whole=True)) else None

    def _publish_tree(self, fresh: Path, record: Record, *, damaged: int | None) -> None:
        """Put ``fresh`` into its place, unless a tree is there. The store's lock is held."""
        target = self._tree(record)
        if target.is_dir():
            if target.stat().st_ino != damaged:  # whole, or put there meanwhile by another who had verified it
                return
            self._discard_tree(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh.rename(target)
        target.chmod(0o555)  # not before: a directory that is read-only cannot be moved to another parent
        sync_directory(target.parent)

    def _discard_tree(self, tree: Path) -> None:
        """Out of ``models`` in one step, then piece by piece."""
        if tree.is_dir():
            tree.chmod(0o755)
            doomed = self.root / "staging" / uuid.uuid4().hex
            tree.rename(doomed)
            remove_tree(doomed)

    def _sweep(self) -> None:
        """Remove what dead processes left. The store's lock is held: nobody is just about to lock a new directory."""
        staging = self.root / "staging"
        staging.mkdir(parents=True, exist_ok=True)
        for stem in {left.stem for left in staging.iterdir()}:
            owner = Lock(staging / f"{stem}.lock")
            if owner.acquire(timeout_s=0):
                remove_tree(staging / stem)
                for suffix in (".json", ".lock"):
                    (staging / f"{stem}{suffix}").unlink(missing_ok=True)
                owner.release()

    def _store_lock(self) -> AbstractContextManager[None]:
        """Guards the lists of trees, references and staging directories, for the length of a few renames."""
        return self._held(self.root / "locks" / "store.lock", timeout_s=_STORE_LOCK_TIMEOUT_S, what="the store")

    @contextmanager
    def _held(self, path: Path, *, timeout_s: float, what: str) -> Iterator[None]:
        with translated(self.root):
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = Lock(path)
            if not lock.acquire(timeout_s=timeout_s):
                raise StoreError(f"{what} was busy for {timeout_s:g} s: another process works on it; try again later")
        try:
            yield
        finally:
            lock.release()


def _measure(source: Path, *, layout: Layout, expected: Mapping[str, str], what: str) -> tuple[ModelFile, ...]:
    """Hash the files that matter. Raises DigestMismatch for other bytes than expected, or for anything but a file."""
    files = []
    for name in sorted(layout.names):
        path = source / name
        if not os.path.lexists(path):
            continue
        facts = path.lstat()
        if not stat.S_ISREG(facts.st_mode):  # a link could lead out of the store
            raise DigestMismatch(f"{what}: {name} is a link or not a plain file; nothing was kept")
        sha256 = file_sha256(path)
        if sha256 != expected.get(name, sha256):
            raise DigestMismatch(
                f"{what}: {name} has SHA-256 {sha256[:16]}… where {expected[name][:16]}… was expected; nothing was kept"
            )
        files.append(ModelFile(name, sha256, facts.st_size))
    return tuple(files)


def _arrange(source: Path, files: Iterable[ModelFile]) -> Path:
    """A tree of exactly these files, read-only and on the disk, still in staging."""
    fresh = source / ".tree"
    fresh.mkdir()
    for file in files:
        placed = fresh / file.name
        (source / file.name).rename(placed)
        placed.chmod(0o444)
        sync_file(placed)
    sync_directory(fresh)
    return fresh


def _unknown_first_use(record: Record, ref: Path) -> StoreError:
    name = f"{record.model_id}@{record.revision}"
    return StoreError(
        f"the record of {name} at its first use ({ref}) is damaged: "
        f"segue models remove {name} to accept what the hub has now"
    )


def _check_recorded(before: Record | None, record: Record) -> None:
    """Raise DigestMismatch when this ID @ revision was something else at its first use."""
    if before is not None and before.digest != record.digest:
        then = {file.name: file.sha256 for file in before.files}
        now = {file.name: file.sha256 for file in record.files}
        differ = ", ".join(sorted(name for name in then | now if then.get(name) != now.get(name)))
        raise DigestMismatch(
            f"{record.model_id}@{record.revision} is not what it was on {before.recorded_at} (differs in {differ}); "
            "nothing was changed; to accept the new one, remove the model and its record first"
        )
