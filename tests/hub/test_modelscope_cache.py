"""The cache of ModelScope's client, in every layout that it has had."""

from pathlib import Path

import pytest

from segue.errors import DigestMismatch, ModelIncomplete
from segue.hub.catalog import FSMN_VAD
from segue.hub.modelscope_cache import copy_from_cache
from segue.hub.origin import Fetched
from tests.hub.loopback import Files, model_files, sha256

ID = "iic/m.v1"
FILES = model_files()
PINS = {name: sha256(data) for name, data in FILES.items() if name != "README.md"}
LAYOUTS = [
    "models/iic--m.v1/snapshots/v1",
    "models/iic/m___v1",
    "models/iic/m.v1",
    "hub/models/iic/m___v1",
    "hub/iic/m.v1",
    "hub/iic/m___v1",
    "iic/m.v1",
]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Where MODELSCOPE_CACHE points in these tests; the destination is beside it."""
    (tmp_path / "staging").mkdir()
    return tmp_path / "modelscope_cache"


def fill(directory: Path, files: Files, *, version: str | None = None) -> None:
    directory.mkdir(parents=True)
    for name, data in files.items():
        (directory / name).write_bytes(data)
    if version:
        (directory / ".mv").write_text(f"Revision:{version},CreatedAt:1706000000")


def copy(cache: Path, *, revision: str = "v1", pins: dict[str, str] | None = None) -> Fetched | None:
    destination = cache.parent / "staging"
    return copy_from_cache(["iic/other", ID], revision, destination, layout=FSMN_VAD, pins=pins or {})


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_pinned_model_is_found_in_every_layout(cache: Path, layout: str) -> None:
    """The bytes prove themselves, so the directory need not say its revision; only what matters is copied."""
    fill(cache / layout, FILES)
    fetched = copy(cache, pins=PINS)
    assert fetched is not None
    assert fetched.promised == PINS
    assert {path.name for path in (cache.parent / "staging").iterdir()} == set(PINS)


def test_the_cache_in_the_home_directory_is_the_default(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without MODELSCOPE_CACHE it is where the client has it."""
    fill(cache.parent / "home" / ".cache" / "modelscope" / "models" / "iic" / "m___v1", FILES)
    assert copy(cache, pins=PINS) is None
    monkeypatch.delenv("MODELSCOPE_CACHE")
    assert copy(cache, pins=PINS) is not None


def test_an_unpinned_model_must_say_its_revision(cache: Path) -> None:
    """A directory that does not say which revision it is, or says another, is passed over."""
    fill(cache / "models/iic/m___v1", FILES)
    assert copy(cache) is None
    (cache / "models/iic/m___v1" / ".mv").write_text("Revision:v2,CreatedAt:1706000000")
    assert copy(cache) is None
    assert copy(cache, revision="v2") is not None


def test_a_snapshot_says_its_revision_by_its_name(cache: Path) -> None:
    """A snapshot of a branch is a moving name."""
    fill(cache / "models/iic--m.v1/snapshots/master", FILES)
    assert copy(cache) is None
    fetched = copy(cache, revision="master")
    assert fetched is not None
    assert fetched.moving


def test_a_directory_without_the_model_file_is_refused(cache: Path) -> None:
    """What the client returns as success after a failed download is not a model."""
    fill(cache / LAYOUTS[0], {name: data for name, data in FILES.items() if name != "model.pt"})
    (cache / LAYOUTS[0] / "model.pt.incomplete").write_bytes(b"half")
    with pytest.raises(ModelIncomplete, match=r"has no model.onnx or model.pt"):
        copy(cache)


def test_other_bytes_are_refused_and_the_next_directory_is_tried(cache: Path) -> None:
    """A damaged copy is a reason, unless another layout has a good one."""
    fill(cache / LAYOUTS[0], {**FILES, "model.pt": b"damaged"})
    with pytest.raises(DigestMismatch, match=r"model.pt is not the file that is pinned"):
        copy(cache, pins=PINS)
    fill(cache / LAYOUTS[1], FILES)
    assert copy(cache, pins=PINS) is not None


def test_an_export_of_the_users_own_does_not_spoil_the_weights(cache: Path) -> None:
    """funasr-onnx writes a model.onnx beside the original: it is left where it is."""
    fill(cache / LAYOUTS[0], {**FILES, "model.onnx": b"exported here"})
    fetched = copy(cache, pins={**PINS, "model.onnx": "0" * 64})
    assert fetched is not None
    assert set(fetched.promised) == set(PINS)


def test_links_in_the_cache_do_not_count(cache: Path, tmp_path: Path) -> None:
    """A file that is a link is treated as missing."""
    fill(cache / LAYOUTS[0], {name: data for name, data in FILES.items() if name != "am.mvn"})
    (tmp_path / "outside").write_bytes(FILES["am.mvn"])
    (cache / LAYOUTS[0] / "am.mvn").symlink_to(tmp_path / "outside")
    with pytest.raises(ModelIncomplete, match=r"has no am.mvn"):
        copy(cache)
