"""The store: whole or not there at all, immutable, and never outside its directory."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from segue.errors import DigestMismatch, InvalidModelID, ModelIncomplete, SegueError, StoreError
from segue.hub.layout import Layout
from segue.hub.resolved import ResolvedModel
from segue.hub.store import Store
from tests.hub.conftest import RunPython
from tests.hub.loopback import sha256
from tests.hub.test_names import TRICKS

ID, REVISION = "iic/m", "v1"
LAYOUT = Layout(required=("a",), any_of=("x", "y"), optional=("o",))
FILES = {"a": b"A", "x": b"XX"}


def put(
    store: Store,
    files: dict[str, bytes],
    *,
    model_id: str = ID,
    revision: str = REVISION,
    pinned: bool = False,
    moving: bool = False,
) -> ResolvedModel:
    with store.lock(model_id, revision, timeout_s=5), store.stage() as directory:
        for name, data in files.items():
            (directory / name).write_bytes(data)
        return store.install(
            model_id, revision, source=directory, layout=LAYOUT, origin="a test", pinned=pinned, moving=moving
        )


def leftovers(store: Store) -> list[Path]:
    return list((store.root / "staging").iterdir())


def test_what_is_installed_is_found(store: Store) -> None:
    """A model is found with its digests, its origin and its bytes; nothing is left in staging."""
    assert store.find(ID, REVISION) is None
    installed = put(store, {**FILES, "README": b"not wanted"})
    assert store.find(ID, REVISION) == installed
    assert store.models() == [installed]
    assert {file.name: file.sha256 for file in installed.files} == {name: sha256(data) for name, data in FILES.items()}
    assert {path.name: path.read_bytes() for path in installed.directory.iterdir()} == FILES
    assert store.verify() == []
    assert leftovers(store) == []


def test_a_model_is_read_only(store: Store) -> None:
    """Neither the files nor the directory may be written, as far as rights can say so."""
    installed = put(store, FILES)
    assert installed.directory.stat().st_mode & 0o777 == 0o555
    assert {path.stat().st_mode & 0o777 for path in installed.directory.iterdir()} == {0o444}


def test_equal_content_is_kept_once(store: Store) -> None:
    """Two revisions with the same bytes share a directory, and it stays until the last of them goes."""
    first, second = put(store, FILES), put(store, FILES, revision="feature/v2")
    assert first.directory == second.directory
    assert store.remove(ID, REVISION)
    assert store.find(ID, "feature/v2") == second
    assert store.verify() == []
    assert store.remove(ID, "feature/v2")
    assert not second.directory.exists()


def test_an_incomplete_copy_is_refused(store: Store) -> None:
    """Without one of the alternatives nothing is installed, and the message says what is missing."""
    with pytest.raises(ModelIncomplete, match="has no x or y"):
        put(store, {"a": b"A"})
    assert store.models() == []
    assert leftovers(store) == []


def test_other_bytes_than_expected_are_refused(store: Store) -> None:
    """A file whose SHA-256 is not the expected one leaves nothing behind."""
    with store.stage() as directory:
        for name, data in FILES.items():
            (directory / name).write_bytes(data)
        with pytest.raises(DigestMismatch, match=r"a has SHA-256 559aead08264d579… where 0000000000000000… was"):
            store.install(
                ID,
                REVISION,
                source=directory,
                layout=LAYOUT,
                origin="a test",
                expected={"a": "0" * 64, "x": sha256(b"XX")},
            )
    assert store.models() == []
    assert leftovers(store) == []


def test_first_use_is_held_against_every_later_copy(store: Store) -> None:
    """The same ID and revision with other bytes is refused and changes nothing, even after it was removed."""
    first = put(store, FILES)
    changed = {**FILES, "x": b"YY"}
    with pytest.raises(DigestMismatch, match=r"not what it was on 2023-11-14T22:13:20Z \(differs in x\)"):
        put(store, changed)
    assert store.find(ID, REVISION) == first
    assert store.remove(ID, REVISION)
    assert store.find(ID, REVISION) is None
    assert store.models() == []
    with pytest.raises(DigestMismatch):
        put(store, changed)
    assert put(store, FILES) == first


def test_forgetting_and_moving_names_accept_new_bytes(store: Store) -> None:
    """After ``forget``, or for a moving name after it was removed, the next copy may be another."""
    put(store, FILES)
    assert store.remove(ID, REVISION, forget=True)
    assert put(store, {**FILES, "x": b"YY"})
    moving = put(store, FILES, revision="master", moving=True)
    assert "moving name" in moving.note
    assert store.remove(ID, "master")
    assert put(store, {**FILES, "x": b"ZZ"}, revision="master", moving=True).digest != moving.digest


def test_removing_what_is_not_there_says_so(store: Store) -> None:
    """False for a model that was never there, and for one that was removed already."""
    assert not store.remove(ID, REVISION)
    put(store, FILES)
    assert store.remove(ID, REVISION)
    assert not store.remove(ID, REVISION)


@pytest.mark.parametrize("damage", ["flip", "cut", "delete", "link"])
def test_damage_is_found_and_repaired(store: Store, tmp_path: Path, damage: str) -> None:
    """verify names the damaged file; a changed size is not even found; installing the same bytes again repairs it."""
    installed = put(store, FILES)
    target = installed.directory / "x"
    installed.directory.chmod(0o755)
    target.unlink()
    if damage == "link":
        (tmp_path / "outside").write_bytes(b"XX")
        target.symlink_to(tmp_path / "outside")
    elif damage != "delete":
        target.write_bytes({"flip": b"XY", "cut": b"X"}[damage])
    (problem,) = store.verify()
    assert (problem.model_id, problem.revision) == (ID, REVISION)
    assert str(problem).startswith("iic/m@v1: x ")
    assert (store.find(ID, REVISION) is None) == (damage != "flip")
    assert put(store, FILES) == installed
    assert store.verify(ID, REVISION) == []
    assert store.verify("iic/other") == []


def test_a_damaged_record_is_reported_and_not_believed(store: Store) -> None:
    """A record that points out of the store, or belongs to another name, is no model; verify says which file."""
    installed = put(store, FILES)
    (ref,) = store.root.glob("refs/*/*/*.json")
    good = json.loads(ref.read_text())
    for change in ({"tree": "../../.."}, {"model_id": "iic/other"}, {"model_id": "../x"}, {"files": None}):
        ref.write_text(json.dumps({**good, **change}))
        assert store.find(ID, REVISION) is None
        assert store.models() == []
        (problem,) = store.verify()
        assert str(problem) == "iic/m@v1: its record refs/iic/m/v1.json is damaged"
        assert store.verify(ID, REVISION) == [problem]
        assert store.verify("iic/other") == store.verify(ID, "v2") == []
    assert put(store, FILES, pinned=True) == installed
    assert store.verify() == []
    (ref.parent / "-.json").touch()
    assert [str(problem) for problem in store.verify()] == ["?@?: refs/iic/m/-.json is nobody's record: delete it"]


def test_a_damaged_record_is_no_first_use(store: Store) -> None:
    """What was held against every later copy is still held when its record is lost to damage, until the user says
    otherwise; the message says how, and nothing was changed."""
    put(store, FILES)
    (ref,) = store.root.glob("refs/*/*/*.json")
    ref.write_bytes(b"{")
    for files in (FILES, {**FILES, "x": b"YY"}):
        with pytest.raises(StoreError, match=r"is damaged: segue models remove iic/m@v1 to accept"):
            put(store, files)
    assert ref.read_bytes() == b"{"
    assert len(list((store.root / "models").iterdir())) == 1
    assert store.remove(ID, REVISION)
    assert put(store, {**FILES, "x": b"YY"})


def test_a_link_in_a_staged_tree_is_refused(store: Store, tmp_path: Path) -> None:
    """A download that holds a link to a file outside is not installed, whatever the link points to."""
    (tmp_path / "outside").write_bytes(b"A")
    with store.stage() as directory:
        (directory / "a").symlink_to(tmp_path / "outside")
        (directory / "x").write_bytes(b"XX")
        with pytest.raises(DigestMismatch, match="a is a link or not a plain file"):
            store.install(ID, REVISION, source=directory, layout=LAYOUT, origin="a test")
    assert (tmp_path / "outside").read_bytes() == b"A"
    assert store.models() == []


@given(TRICKS, TRICKS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_name_leads_out_of_the_store(store: Store, model_id: str, revision: str) -> None:
    """Any text for an ID or revision is refused with InvalidModelID, or what is put under it lies in the store, where
    a listing of the store comes upon it."""
    for given_id, given_revision in ((model_id, REVISION), (ID, revision), (f"a/{model_id}", revision)):
        try:
            assert store.find(given_id, given_revision) is None
        except InvalidModelID:
            continue
        installed = put(store, FILES, model_id=given_id, revision=given_revision)
        assert installed.directory.parent == store.root / "models"
        assert store.models() == [installed]
        assert store.remove(given_id, given_revision, forget=True)
    assert {path.name for path in store.root.parent.iterdir()} <= {"store"}


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """A file where the store, or a directory of it, should be is one clear StoreError; reading finds nothing."""
    (tmp_path / "file").touch()
    store = Store(tmp_path / "file")
    assert store.find(ID, REVISION) is None
    assert store.models() == []
    assert store.verify() == []
    with pytest.raises(StoreError, match="SEGUE_HOME"):
        put(store, FILES)
    blocked = Store(tmp_path / "store")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "models").touch()
    with pytest.raises(StoreError, match="SEGUE_HOME"):
        put(blocked, FILES)
    assert blocked.models() == []
    assert leftovers(blocked) == []


def test_a_busy_model_is_not_waited_for_beyond_the_limit(store: Store) -> None:
    """Whoever cannot have a model's lock in time is told so; other models are not held up."""
    with store.lock(ID, REVISION, timeout_s=1):
        with pytest.raises(StoreError, match=r"iic/m@v1 was busy for 0.01 s"), store.lock(ID, REVISION, timeout_s=0.01):
            pass
        put(store, FILES, revision="v2")


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from segue.errors import StoreError
from segue.hub.layout import Layout
from segue.hub.store import Store
store = Store(Path(sys.argv[1]))
with store.stage() as directory:
    (directory / "a").write_bytes(b"A")
    (directory / "x").write_bytes(b"XX")
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))  # room for the files, not for the record
    try:
        store.install("iic/m", "v1", source=directory, layout=Layout(("a", "x")), origin="a test")
    except StoreError as error:
        print(error)
"""


def test_a_full_disk_leaves_nothing_that_is_found(store: Store, run_python: RunPython) -> None:
    """When the disk fills up while the record is written there is one clear line, no model and nothing in staging."""
    said, _ = run_python(FULL_DISK, store.root).communicate()
    assert said.startswith(f"no space left for the model store {store.root}: File too large")
    assert store.models() == []
    assert leftovers(store) == []
    put(store, FILES)


HANG_IN_INSTALL = """
import sys, time
from pathlib import Path
from segue.hub.layout import Layout
from segue.hub.store import Store
store = Store(Path(sys.argv[1]))
def hang(files):
    print("verified", flush=True)
    sys.stdin.read()
with store.lock("iic/m", "v1", timeout_s=5), store.stage() as directory:
    (directory / "a").write_bytes(b"A")
    (directory / "x").write_bytes(b"XX")
    store.install("iic/m", "v1", source=directory, layout=Layout(("a", "x")), origin="a test", digest_of=hang)
"""


def test_a_killed_process_leaves_nothing_and_blocks_nobody(store: Store, run_python: RunPython) -> None:
    """While a process works its staging directory is left alone; once it is killed, the next one sweeps it away."""
    process = run_python(HANG_IN_INSTALL, store.root)
    assert process.stdout is not None
    assert process.stdout.readline() == "verified\n"
    with store.stage():
        assert len([path for path in leftovers(store) if path.is_dir()]) == 2
    assert store.models() == []
    process.kill()
    process.wait()
    assert store.models() == []
    assert store.verify() == []
    assert put(store, FILES)
    assert leftovers(store) == []


KILLED_AT_EVERY_STEP = """
import os, signal, sys
from pathlib import Path
from segue.hub.layout import Layout
from segue.hub.store import Store
root = Path(sys.argv[1])

def install(kill_at):
    steps = 0
    def step(event, arguments):
        nonlocal steps
        if event in ("open", "os.rename", "os.mkdir", "os.chmod", "os.remove", "os.rmdir", "shutil.rmtree"):
            steps += 1
            if steps == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
    store = Store(root / str(kill_at))
    with store.lock("iic/m", "v1", timeout_s=5), store.stage() as directory:
        (directory / "a").write_bytes(b"A")
        (directory / "x").write_bytes(b"XX")
        sys.addaudithook(step)
        store.install("iic/m", "v1", source=directory, layout=Layout(("a", "x")), origin="a test")

with Store(root / "0").stage():  # everything is imported before the first fork
    pass
for kill_at in range(1, 1000):
    child = os.fork()
    if child == 0:
        install(kill_at)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
print(kill_at)
"""


def test_killed_at_any_step_a_model_is_whole_or_not_there(tmp_path: Path, run_python: RunPython) -> None:
    """An install killed before each of its file system calls in turn never leaves a model that is found and not whole,
    and the next install succeeds."""
    said, _ = run_python(KILLED_AT_EVERY_STEP, tmp_path).communicate()
    steps = int(said)
    assert steps > 15
    found = 0
    for kill_at in range(1, steps + 1):
        store = Store(tmp_path / str(kill_at))
        model = store.find(ID, REVISION)
        if model is not None:
            found += 1
            assert {path.name: path.read_bytes() for path in model.directory.iterdir()} == FILES
        assert store.verify() == []
        put(store, FILES)
        assert store.verify() == []
        assert leftovers(store) == []
    assert 0 < found < steps


LOCK_WHILE_INSTALLING = """
import os, sys
from pathlib import Path
from filelock import FileLock, Timeout
from segue.hub.layout import Layout
from segue.hub.store import Store

root, watching, seen = Path(sys.argv[1]), False, set()

def watch(event, arguments):
    global watching
    if not watching or event != "open":
        return
    path = Path(os.fsdecode(arguments[0]))
    if path.name not in ("a", "x", "v1.json"):
        return
    watching = False
    lock = FileLock(root / "locks" / "store.lock")
    try:
        lock.acquire(timeout=0)
        lock.release()
        seen.add((path.name, "free"))
    except Timeout:
        seen.add((path.name, "held"))
    watching = True

sys.addaudithook(watch)
for damage in (False, False, True):
    store = Store(root)
    if damage:
        (tree,) = (root / "models").iterdir()
        tree.chmod(0o755)
        (tree / "x").unlink()
        (tree / "x").write_bytes(b"XY")
    with store.lock("iic/m", "v1", timeout_s=5), store.stage() as directory:
        (directory / "a").write_bytes(b"A")
        (directory / "x").write_bytes(b"XX")
        watching = True
        store.install("iic/m", "v1", source=directory, layout=Layout(("a", "x")), origin="a test")
        watching = False
print(*sorted("=".join(pair) for pair in seen))
"""


def test_others_do_not_wait_while_files_are_read(store: Store, run_python: RunPython) -> None:
    """An install opens the model's files (to hash and to sync them, also those of a tree that is there already) while
    the store's lock is free, and reads the reference that it replaces while it holds it."""
    said, _ = run_python(LOCK_WHILE_INSTALLING, store.root).communicate()
    assert said.split() == ["a=free", "v1.json=held", "x=free"]
    assert store.verify() == []


def test_errors_are_segues_own(store: Store) -> None:
    """Whatever the store refuses can be caught as SegueError."""
    for refuse in (
        lambda: store.find("x", "v1"),
        lambda: store.remove(ID, ".."),
        lambda: store.lock("..", "v", timeout_s=1),
    ):
        with pytest.raises(SegueError):
            refuse()
    assert replace(put(store, FILES), note="") == store.find(ID, REVISION)
