"""The origin ModelScope: the real client against a hub on the loopback interface, and its faults."""

import os
import resource
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from segue.errors import DigestMismatch, ModelIncomplete, ModelNotFound, OriginUnavailable, SegueError
from segue.hub.catalog import FSMN_VAD
from segue.hub.modelscope import fetch
from segue.hub.origin import Fetched, ModelScopeRepo
from tests.hub.loopback import DeadPort, Hub, model_files, sha256

ID = "iic/m.v1"
REPO = ModelScopeRepo(ID, "v1")


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    """An empty directory to download into."""
    (tmp_path / "staging").mkdir()
    return tmp_path / "staging"


@pytest.fixture
def many_files() -> Iterator[None]:
    """A process that has 1,024 files open, so that the next descriptor is one that ``select`` cannot take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2_048:
        pytest.skip("this system allows no 2,048 open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (2_048, hard))
    opened = [os.open(os.devnull, os.O_RDONLY)]
    while opened[-1] < 1_023:
        opened.append(os.dup(opened[0]))
    yield
    for descriptor in opened:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def pull(
    destination: Path, repo: ModelScopeRepo = REPO, *, timeout_s: float = 60, pins: dict[str, str] | None = None
) -> Fetched:
    return fetch(
        repo,
        destination,
        layout=FSMN_VAD,
        pins=pins or {},
        connect_timeout_s=0.5,
        fetch_timeout_s=timeout_s,
        progress=lambda _: None,
    )


def downloaded(destination: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in destination.iterdir() if not path.name.startswith(".")}


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


@pytest.mark.usefixtures("many_files")
def test_a_server_with_a_thousand_connections_can_fetch(hub: Hub, destination: Path) -> None:
    """The client is heard on a descriptor beyond those that ``select`` knows."""
    hub.models[ID] = {"v1": model_files()}
    assert set(pull(destination).promised) == {"am.mvn", "config.yaml", "model.pt"}


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


@pytest.mark.parametrize("refuse", [True, False])
def test_a_hub_that_takes_no_connection_is_given_up_soon(
    refuse: bool, destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused or never answered, the connection's own deadline holds and not the client's 7 to 22 s."""
    with DeadPort(refuse=refuse) as port:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", port.endpoint)
        before = time.monotonic()
        with pytest.raises(OriginUnavailable, match=r"no connection to 127.0.0.1"):
            pull(destination)
    assert time.monotonic() - before < 6


def test_an_endpoint_that_is_no_address_is_said(destination: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slip in MODELSCOPE_ENDPOINT is named."""
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "http://")
    with pytest.raises(OriginUnavailable, match="MODELSCOPE_ENDPOINT"):
        pull(destination)


def test_behind_a_proxy_the_hub_is_not_probed(hub: Hub, destination: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that only the proxy can reach works: here the loopback hub plays the proxy for a name that is none."""
    hub.models[ID] = {"v1": model_files()}
    monkeypatch.setenv("http_proxy", hub.endpoint)
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "http://hub.invalid")
    assert pull(destination).origin == "ModelScope (http://hub.invalid)"


@pytest.mark.parametrize("stalled", ["listing", "model.pt"])
def test_a_stall_ends_at_the_deadline(hub: Hub, destination: Path, stalled: str) -> None:
    """A hub that accepts a request and says no more holds nobody longer than the deadline."""
    hub.models[ID] = {"v1": model_files()}
    hub.faults.stall.add(stalled)
    with pytest.raises(OriginUnavailable, match="no answer in time"):
        pull(destination, timeout_s=1.5)
    assert stalled in hub.requests


@pytest.mark.parametrize(("what", "status"), [("listing", 500), ("model.pt", 500), ("am.mvn", 404)])
def test_a_hub_out_of_order_is_unavailable(hub: Hub, destination: Path, what: str, status: int) -> None:
    """A server error, or a file that is listed and not there, is a reason in one line."""
    hub.models[ID] = {"v1": model_files()}
    hub.faults.status[what] = status
    with pytest.raises(OriginUnavailable) as caught:
        pull(destination)
    assert "told to fail" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("status", [403])
def test_a_private_model_asks_for_a_login(hub: Hub, destination: Path, status: int) -> None:
    """Access that is refused is not a missing model."""
    hub.models[ID] = {"v1": model_files()}
    hub.faults.status["listing"] = status
    with pytest.raises(OriginUnavailable, match="log in"):
        pull(destination)


@pytest.mark.parametrize("lie", ["body", "size"])
def test_bytes_that_are_not_what_was_listed_are_refused(hub: Hub, destination: Path, lie: str) -> None:
    """Wrong bytes and a wrong size in the listing end as DigestMismatch, without the file."""
    hub.models[ID] = {"v1": model_files()}
    if lie == "body":
        hub.faults.body["am.mvn"] = b"<Nnet>"[::-1]
    else:
        hub.faults.size["am.mvn"] = 3
    with pytest.raises(DigestMismatch, match="not what ModelScope lists"):
        pull(destination)
    assert "am.mvn" not in downloaded(destination)


def test_a_download_that_breaks_off_is_no_success(hub: Hub, destination: Path) -> None:
    """A connection that always breaks half way ends as unavailable, and no file has the model's name."""
    hub.models[ID] = {"v1": model_files()}
    hub.faults.cut["model.pt"] = 1000
    with pytest.raises(OriginUnavailable):
        pull(destination)
    assert "model.pt" not in downloaded(destination)


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


def test_a_client_that_cannot_run_is_said(hub: Hub, destination: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken environment of the child shows in the error, in its own last line."""
    hub.models[ID] = {"v1": model_files()}
    (destination.parent / "requests.py").write_text("raise ImportError('requests is broken')\n")
    monkeypatch.setenv("PYTHONPATH", str(destination.parent))
    with pytest.raises(OriginUnavailable, match="could not run: ImportError: requests is broken") as caught:
        pull(destination)
    assert isinstance(caught.value, SegueError)


def test_a_download_says_how_far_it_is(hub: Hub, destination: Path) -> None:
    """While a large file comes, what is here and what there is in all is said, and then it goes on to its end."""
    files = model_files() | {"model.pt": os.urandom(3_000_000)}
    hub.models[ID] = {"v1": files}
    hub.faults.halves["model.pt"] = threading.Event()
    said: list[str] = []

    def progress(line: str) -> None:
        said.append(line)
        if " of 3.0 MB" in line:
            hub.faults.halves["model.pt"].set()

    fetched = fetch(
        REPO, destination, layout=FSMN_VAD, pins={}, connect_timeout_s=0.5, fetch_timeout_s=60, progress=progress
    )
    assert "model.pt" in fetched.promised
    counts = [float(line.partition(" ")[0]) for line in said if line.endswith(" of 3.0 MB")]
    assert 0 < counts[0] < 3


def test_whoever_listens_can_end_a_download_that_stands_still(hub: Hub, destination: Path) -> None:
    """The last line is said again, once a second, so that what is cancelled holds nothing until its deadline."""
    hub.models[ID] = {"v1": model_files()}
    hub.faults.stall.add("model.pt")
    said: list[str] = []

    def progress(line: str) -> None:
        if line in said:
            raise InterruptedError("nobody wants it any more")
        said.append(line)

    with pytest.raises(InterruptedError):
        fetch(REPO, destination, layout=FSMN_VAD, pins={}, connect_timeout_s=30, fetch_timeout_s=60, progress=progress)
