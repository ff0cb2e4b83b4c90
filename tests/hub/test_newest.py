"""What a branch means now, with the real clients and a hub on the loopback interface."""

from pathlib import Path

import pytest

from segue.errors import ModelNotFound, OriginUnavailable
from segue.hub import Newest, Store, newest, resolve
from segue.hub.catalog import CATALOG, Catalog
from tests.hub.loopback import Hub, model_files
from tests.hub.test_resolver import FILES, PINS, REPO, catalog, write

ID = "some/one"


def look(store: Store, model: str | Path, *, known: Catalog = CATALOG) -> Newest:
    return newest(model, store=store, connect_timeout_s=0.5, fetch_timeout_s=60, catalog=known)


@pytest.mark.parametrize(("name", "branch"), [(ID, "master"), (f"hf:{ID}", "main")])
def test_a_branch_is_what_it_is_now(store: Store, hub: Hub, hf_hub: Hub, name: str, branch: str) -> None:
    """Each content once: fetched when it is new, named for good, and what the branch was to others stays that."""
    here = hub if branch == "master" else hf_hub
    here.models[ID] = {branch: model_files(b"first")}
    first = look(store, name)
    assert (first.moves, first.model.model_id) == (True, name)
    assert (first.model.revision or "").startswith(f"{branch}-")
    assert first.model.note == ""
    here.requests.clear()
    assert look(store, f"{name}@{branch}") == first
    assert "am.mvn" not in here.requests
    here.models[ID] = {branch: model_files(b"second")}
    second = look(store, name)
    assert second.model.digest != first.model.digest
    assert second.model.revision != first.model.revision
    assert store.find_digest(first.model.digest) is not None
    assert resolve(name, second.model.revision, store=store, connect_timeout_s=0.5, fetch_timeout_s=1) == second.model


def test_what_is_fixed_does_not_move(store: Store, hub: Hub, tmp_path: Path) -> None:
    """A tag, a pinned model; a directory does, and is hashed where it is."""
    hub.models[ID] = {"v1": model_files(b"tagged")}
    tagged = look(store, f"{ID}@v1")
    assert (tagged.moves, tagged.model.revision) == (False, "v1")
    hub.models["iic/tiny-vad"] = {"v1": model_files()}
    pinned = look(store, "tiny", known=catalog(REPO, pins=PINS))
    assert (pinned.moves, pinned.model.revision) == (False, "v1")
    directory = write(tmp_path / "mine", FILES)
    assert look(store, directory).moves
    (directory / "am.mvn").write_bytes(b"other")
    assert look(store, directory).model.digest != pinned.model.digest


def test_a_hub_that_is_away_is_an_error_of_its_own(store: Store, hub: Hub) -> None:
    """Though the store has the branch; a model that is not there is one too."""
    hub.models[ID] = {"master": model_files()}
    look(store, ID)
    hub.faults.status["listing"] = 503
    hub.faults.status["revisions"] = 503
    with pytest.raises(OriginUnavailable):
        look(store, ID)
    hub.faults.status.clear()
    with pytest.raises(ModelNotFound):
        look(store, "some/none")
