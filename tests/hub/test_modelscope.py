"""The origin ModelScope: the real client against a hub on the loopback interface."""

from pathlib import Path

import pytest

from segue.errors import DigestMismatch, ModelIncomplete, ModelNotFound, OriginUnavailable
from segue.hub.modelscope import MODELSCOPE
from segue.hub.origin import Fetched, ModelScopeRepo
from tests.hub.conversation import downloaded
from tests.hub.conversation import pull as pull_from
from tests.hub.loopback import Hub, model_files, sha256

ID = "iic/m.v1"
REPO = ModelScopeRepo(ID, "v1")


def pull(
    destination: Path, repo: ModelScopeRepo = REPO, *, timeout_s: float = 60, pins: dict[str, str] | None = None
) -> Fetched:
    return pull_from(MODELSCOPE, repo, destination, timeout_s=timeout_s, pins=pins)


def test_only_the_files_that_matter_are_downloaded(hub: Hub, destination: Path, tmp_path: Path) -> None:
    """The model arrives with its promised digests; the README is never asked for; the user's cache is not touched."""
    files = model_files()
    hub.models[ID] = {"v1": files}
    fetched = pull(destination)
    wanted = {name: data for name, data in files.items() if name != "README.md"}
    assert downloaded(destination) == wanted
    assert fetched.promised == {name: sha256(data) for name, data in wanted.items()}
    assert fetched.origin == f"ModelScope ({hub.endpoint})"
    assert sorted(hub.requests) == sorted(["listing", "revisions", *wanted])
    assert not (tmp_path / "modelscope_cache").exists()


def test_a_branch_is_a_moving_name_and_a_tag_is_not(hub: Hub, destination: Path) -> None:
    """The hub's own list of branches decides, and the newest commit is reported."""
    hub.models[ID] = {"v1": model_files(), "master": model_files()}
    fetched = pull(destination, ModelScopeRepo(ID, "master"))
    assert fetched.moving
    assert fetched.commit == f"{4:040x}"
    assert not pull(destination).moving


def test_a_hub_that_does_not_list_revisions_is_no_obstacle(hub: Hub, destination: Path) -> None:
    """Then usual names of branches count as moving."""
    hub.models[ID] = {"v1": model_files(), "master": model_files()}
    hub.faults.status["revisions"] = 404
    assert pull(destination, ModelScopeRepo(ID, "master")).moving
    assert not pull(destination).moving


def test_an_unknown_model_is_told_from_an_unknown_revision(hub: Hub, destination: Path) -> None:
    """Of a model that exists, the revisions that it has are listed."""
    hub.models[ID] = {"v1": model_files(), "v2": model_files(), "master": model_files()}
    with pytest.raises(ModelNotFound, match="ModelScope has no model iic/other, or it is private"):
        pull(destination, ModelScopeRepo("iic/other", "v1"))
    with pytest.raises(ModelNotFound, match=r"has no revision 'v9' on ModelScope; it has: v1, v2, master$"):
        pull(destination, ModelScopeRepo(ID, "v9"))


@pytest.mark.parametrize("status", [500])
def test_an_unknown_revision_is_known_by_the_list_and_not_by_the_status(
    hub: Hub, destination: Path, status: int
) -> None:
    """Whatever a server says about a revision that it does not have, its list of revisions decides."""
    hub.models[ID] = {"v1": model_files()}
    hub.faults.status["listing"] = status
    with pytest.raises(ModelNotFound, match=r"has no revision 'v9' on ModelScope; it has: v1$"):
        pull(destination, ModelScopeRepo(ID, "v9"))


def test_a_hub_cannot_paint_on_the_terminal(hub: Hub, destination: Path) -> None:
    """Pages of text, escapes and marks that turn the writing round end as one short line, and so does what the hub
    calls its revisions."""
    hub.models[ID] = {"v1": model_files(), "\x1b]0;owned\x07": {}, "a\u202eb": {}, **{f"v2.{n}": {} for n in range(99)}}
    with pytest.raises(ModelNotFound) as caught:
        pull(destination, ModelScopeRepo(ID, "v9"))
    text = str(caught.value)
    assert "it has: v1, v2.0, v2.1, " in text
    assert text.isprintable()
    assert len(text) < 200
    hub.faults.status["listing"] = 403
    hub.faults.message = "\x1b[2J\u202esorry\r\n" + "<p>" * 9_999
    with pytest.raises(OriginUnavailable) as refused:
        pull(destination)
    text = str(refused.value)
    assert "sorry" in text
    assert text.isprintable()
    assert len(text) < 250


@pytest.mark.parametrize("status", [403])
def test_a_private_model_asks_for_a_login(hub: Hub, destination: Path, status: int) -> None:
    """Access that is refused is not a missing model."""
    hub.models[ID] = {"v1": model_files()}
    hub.faults.status["listing"] = status
    with pytest.raises(OriginUnavailable, match="log in"):
        pull(destination)


def test_path_tricks_in_the_listing_are_ignored(hub: Hub, destination: Path, tmp_path: Path) -> None:
    """Entries that lead elsewhere, and a directory of a wanted name, are never asked for and never written."""
    hub.models[ID] = {"v1": model_files()}
    for name in ("../model.onnx", "/model.onnx", "sub/../model.onnx", "..\\model.onnx", "model.onnx\0", "", None, 3):
        hub.faults.listing.append({"Path": name, "Type": "blob", "Size": 1, "Sha256": "0" * 64})
    hub.faults.listing.append({"Path": "model.onnx", "Type": "tree", "Size": 0})
    pull(destination)
    assert set(downloaded(destination)) == {"am.mvn", "config.yaml", "model.pt"}
    assert set(hub.requests) == {"listing", "revisions", "am.mvn", "config.yaml", "model.pt"}
    assert not list(tmp_path.glob("*.onnx"))


def test_an_incomplete_repository_is_not_downloaded(hub: Hub, destination: Path) -> None:
    """What is missing is known from the listing, before a byte of the model is fetched."""
    hub.models[ID] = {"v1": {"config.yaml": b"", "model.pt": b"x"}}
    with pytest.raises(ModelIncomplete, match=r"has no am.mvn"):
        pull(destination)
    assert "model.pt" not in hub.requests


def test_pins_are_held_against_the_listing(hub: Hub, destination: Path) -> None:
    """Where the hub lists other digests than are pinned nothing is downloaded."""
    files = model_files()
    hub.models[ID] = {"v1": files}
    pins = {name: sha256(data) for name, data in files.items() if name != "README.md"}
    with pytest.raises(DigestMismatch, match=r"model.pt is not the file that is pinned"):
        pull(destination, pins={**pins, "model.pt": "0" * 64})
    assert hub.requests == ["listing"]
    assert pull(destination, pins=pins).promised == pins
