"""The origin Hugging Face: the real client against a hub on the loopback interface, and its faults."""

from pathlib import Path

import pytest

from segue.errors import DigestMismatch, ModelIncomplete, ModelNotFound, OriginUnavailable
from segue.hub.huggingface import HUGGING_FACE
from segue.hub.origin import Fetched, HuggingFaceRepo
from tests.hub.conversation import downloaded
from tests.hub.conversation import pull as pull_from
from tests.hub.loopback import Hub, model_files, sha256
from tests.hub.loopback_hf import commit_of

ID = "some-one/m.v1"
REPO = HuggingFaceRepo(ID, "v1")


def pull(
    destination: Path, repo: HuggingFaceRepo = REPO, *, timeout_s: float = 60, pins: dict[str, str] | None = None
) -> Fetched:
    return pull_from(HUGGING_FACE, repo, destination, timeout_s=timeout_s, pins=pins)


def test_only_the_files_that_matter_are_downloaded(hf_hub: Hub, destination: Path, tmp_path: Path) -> None:
    """The model arrives at the commit that was listed, with the SHA-256 that LFS promises; neither the README nor
    telemetry is asked for, and the user's HF_HOME is not touched."""
    files = model_files()
    hf_hub.models[ID] = {"v1": files}
    fetched = pull(destination)
    wanted = {name: data for name, data in files.items() if name != "README.md"}
    assert downloaded(destination) == wanted
    assert fetched.promised == {"model.pt": sha256(files["model.pt"])}
    assert fetched.origin == f"Hugging Face ({hf_hub.endpoint})"
    assert fetched.commit == commit_of(ID, "v1")
    asked = ["listing", "revisions", *wanted, *(f"HEAD {name}" for name in wanted)]
    assert sorted(hf_hub.requests) == sorted(asked)
    assert not (tmp_path / "hf_home").exists()


def test_the_token_reaches_the_hub_and_nobody_else(
    hf_hub: Hub, destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HF_TOKEN goes with what the hub is asked, and not to the host that it sends the client to."""
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hf_hub.models[ID] = {"v1": model_files()}
    pull(destination)
    assert hf_hub.tokens["listing"] == hf_hub.tokens["am.mvn"] == "Bearer hf_secret"
    assert hf_hub.tokens["model.pt"] is None


def test_a_branch_is_a_moving_name_and_tags_and_commits_are_not(hf_hub: Hub, destination: Path) -> None:
    """The hub's own list of references decides; a commit needs no list."""
    hf_hub.models[ID] = {"v1": model_files(), "main": model_files()}
    commit = commit_of(ID, "main")
    branch = pull(destination, HuggingFaceRepo(ID, "main"))
    assert (branch.moving, branch.commit) == (True, commit)
    assert not pull(destination).moving
    hf_hub.requests.clear()
    assert not pull(destination, HuggingFaceRepo(ID, commit)).moving
    assert "revisions" not in hf_hub.requests


def test_a_hub_that_does_not_list_references_is_no_obstacle(hf_hub: Hub, destination: Path) -> None:
    """Then usual names of branches count as moving."""
    hf_hub.models[ID] = {"v1": model_files(), "main": model_files()}
    hf_hub.faults.status["revisions"] = 404
    assert pull(destination, HuggingFaceRepo(ID, "main")).moving
    assert not pull(destination).moving


def test_an_unknown_model_is_told_from_an_unknown_revision(
    hf_hub: Hub, destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a model that exists the revisions are listed; of one that does not, or is private, HF_TOKEN is named."""
    hf_hub.models[ID] = {"v1": model_files(), "v2": model_files(), "main": model_files()}
    said = r"Hugging Face has no model some-one/other, or it is private \(set HF_TOKEN to a token that may read it\): "
    with pytest.raises(ModelNotFound, match=said + "HTTP 401: Invalid username or password"):
        pull(destination, HuggingFaceRepo("some-one/other", "v1"))
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with pytest.raises(ModelNotFound, match=said + "HTTP 404: Repository not found"):
        pull(destination, HuggingFaceRepo("some-one/other", "v1"))
    with pytest.raises(ModelNotFound, match=r"has no revision 'v9' on Hugging Face; it has: v1, v2, main$"):
        pull(destination, HuggingFaceRepo(ID, "v9"))


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (401, {"X-Error-Code": "GatedRepo"}),
        (403, {"X-Error-Code": "GatedRepo"}),
        (403, {}),
        (401, {"X-Error-Message": "Invalid credentials in Authorization header"}),
    ],
    ids=["stranger", "terms", "forbidden", "no-token"],
)
def test_a_gated_model_asks_for_a_token(hf_hub: Hub, destination: Path, status: int, headers: dict[str, str]) -> None:
    """Access that is refused is not a missing model."""
    hf_hub.models[ID] = {"v1": model_files()}
    hf_hub.faults.status["listing"] = status
    hf_hub.faults.headers = headers
    with pytest.raises(OriginUnavailable, match=r"access refused \(HTTP 40[13]: .*; set HF_TOKEN to a token"):
        pull(destination)


def test_an_incomplete_repository_is_not_downloaded(hf_hub: Hub, destination: Path) -> None:
    """What is missing is known from the listing, before a byte of the model is fetched."""
    hf_hub.models[ID] = {"v1": {"config.yaml": b"", "model.pt": b"x"}}
    with pytest.raises(ModelIncomplete, match=r"has no am.mvn"):
        pull(destination)
    assert "model.pt" not in hf_hub.requests


def test_pins_are_held_against_the_listing(hf_hub: Hub, destination: Path) -> None:
    """Where LFS promises another digest than is pinned nothing is downloaded, and nobody asks whether it moves."""
    files = model_files()
    hf_hub.models[ID] = {"v1": files}
    pins = {name: sha256(data) for name, data in files.items() if name != "README.md"}
    with pytest.raises(DigestMismatch, match=r"model.pt is not the file that is pinned"):
        pull(destination, pins={**pins, "model.pt": "0" * 64})
    assert hf_hub.requests == ["listing"]
    assert pull(destination, pins=pins).promised == {"model.pt": pins["model.pt"]}


def test_path_tricks_in_the_listing_are_ignored(hf_hub: Hub, destination: Path, tmp_path: Path) -> None:
    """Entries that lead elsewhere are never asked for and never written."""
    hf_hub.models[ID] = {"v1": model_files()}
    for name in ("../model.onnx", "/model.onnx", "sub/../model.onnx", "..\\model.onnx", "model.onnx\0", "", None, 3):
        hf_hub.faults.listing.append({"rfilename": name, "size": 1, "blobId": "0" * 40})
    pull(destination)
    assert set(downloaded(destination)) == {"am.mvn", "config.yaml", "model.pt"}
    assert not list(tmp_path.rglob("*.onnx"))


@pytest.mark.parametrize("size", ["many", -1, 1e99, [1]])
def test_a_listing_of_odd_sizes_is_one_clear_line(hf_hub: Hub, destination: Path, size: object) -> None:
    """Whatever the hub calls a size, nothing that differs from it is taken for the file."""
    hf_hub.models[ID] = {"v1": model_files()}
    hf_hub.faults.size["am.mvn"] = size  # type: ignore[assignment]  # the point of the test
    with pytest.raises((OriginUnavailable, DigestMismatch)) as caught:
        pull(destination)
    assert str(caught.value).isprintable()
    assert "am.mvn" not in downloaded(destination)


def test_a_listing_without_sizes_is_enough(hf_hub: Hub, destination: Path) -> None:
    """The size is no promise that the hub must make: the hashes are what counts."""
    hf_hub.models[ID] = {"v1": model_files()}
    for name in hf_hub.models[ID]["v1"]:
        hf_hub.faults.size[name] = 0
    assert pull(destination).promised


def test_offline_by_the_clients_own_switch_is_said(
    hf_hub: Hub, destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HF_HUB_OFFLINE holds, and no connection is made."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(OriginUnavailable, match="HF_HUB_OFFLINE is set"):
        pull(destination)
    assert hf_hub.requests == []
