"""The conversation with a hub's client, and every fault of a hub, with the real client of each."""

import os
import resource
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from segue.errors import DigestMismatch, ModelError, OriginUnavailable, SegueError
from segue.hub import child, resolve
from segue.hub.catalog import FSMN_VAD
from segue.hub.huggingface import HUGGING_FACE
from segue.hub.modelscope import MODELSCOPE
from segue.hub.origin import HubRepo, HuggingFaceRepo, ModelScopeRepo
from segue.hub.store import Store
from tests.hub.conversation import downloaded, pull
from tests.hub.loopback import DeadPort, Hub, model_files
from tests.hub.loopback_hf import speak_huggingface

ID = "some/one"
MODEL_BYTES = len(model_files()["model.pt"])


@dataclass
class Case:
    """A hub that runs, with a model on it, and what asks it."""

    server: Hub
    hub: child.Hub
    repo: HubRepo
    name: str  # of the model, for a user
    variable: str  # that names the endpoint


@pytest.fixture(params=["modelscope", "huggingface"])
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    """Each hub in turn."""
    is_hf = request.param == "huggingface"
    variable = "HF_ENDPOINT" if is_hf else "MODELSCOPE_ENDPOINT"
    with Hub(speak_huggingface if is_hf else None) as server:
        server.models[ID] = {"v1": model_files()}
        monkeypatch.setenv(variable, server.endpoint)
        if is_hf:
            yield Case(server, HUGGING_FACE, HuggingFaceRepo(ID, "v1"), f"hf:{ID}@v1", variable)
        else:
            yield Case(server, MODELSCOPE, ModelScopeRepo(ID, "v1"), f"{ID}@v1", variable)


def refused(case: Case, store: Store, *, timeout_s: float = 60) -> ModelError:
    """What is said of a fault, in good time; nothing is in the store then, and no process is left."""
    before = time.monotonic()
    with pytest.raises((OriginUnavailable, DigestMismatch)) as caught:
        resolve(case.name, store=store, connect_timeout_s=0.5, fetch_timeout_s=timeout_s)
    assert time.monotonic() - before < timeout_s + 5
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
    assert store.models() == []
    assert list((store.root / "staging").iterdir()) == []
    assert psutil.Process().children() == []
    return caught.value


# -- faults of a hub -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stalled", ["listing", "model.pt", "half of model.pt"])
def test_a_stall_ends_at_the_deadline(case: Case, store: Store, stalled: str) -> None:
    """A hub that accepts a request and says no more, or stops half way, holds nobody longer than the deadline."""
    if stalled == "half of model.pt":
        case.server.faults.halves["model.pt"] = threading.Event()
    else:
        case.server.faults.stall.add(stalled)
    assert "no answer in time" in str(refused(case, store, timeout_s=2.5))
    assert stalled.rpartition(" ")[2] in case.server.requests


@pytest.mark.parametrize("size_bytes", [3, 10 * MODEL_BYTES], ids=["fewer", "more"])
def test_a_lie_about_a_size_is_refused(case: Case, store: Store, size_bytes: int) -> None:
    """A listing that says fewer bytes than come, or more, is no listing of these bytes."""
    case.server.faults.size["model.pt"] = size_bytes
    refused(case, store)


@pytest.mark.parametrize("name", ["am.mvn", "model.pt"])
@pytest.mark.parametrize("kind", ["other", "fewer", "more"])
def test_other_bytes_are_refused(case: Case, store: Store, name: str, kind: str) -> None:
    """Bytes that differ from the listing's hashes, of the same length too, are not kept."""
    data = model_files()[name]
    case.server.faults.body[name] = {"other": data[::-1], "fewer": data[:-1], "more": data + b"!"}[kind]
    assert isinstance(refused(case, store), DigestMismatch)


def test_bytes_without_end_are_cut_short(case: Case, store: Store) -> None:
    """A file that goes on and on ends soon after its listed length, and not when the disk is full."""
    case.server.faults.endless.add("model.pt")
    assert "no answer in time" not in str(refused(case, store, timeout_s=20))


@pytest.mark.parametrize("after_bytes", [0, 1_000, 200_000])
def test_a_download_that_breaks_off_is_no_success(case: Case, store: Store, after_bytes: int) -> None:
    """A connection that always breaks, at once or half way, is given up; so is one that begins anew for ever, bringing
    as much each time as a client takes for progress."""
    case.server.models[ID]["v1"]["model.pt"] = bytes(400_000)
    case.server.faults.cut["model.pt"] = after_bytes
    assert "no answer in time" not in str(refused(case, store, timeout_s=30))


@pytest.mark.parametrize(("what", "status"), [("listing", 500), ("model.pt", 500), ("am.mvn", 404)])
def test_a_hub_out_of_order_is_unavailable(case: Case, store: Store, what: str, status: int) -> None:
    """A server error, or a file that is listed and not there, is a reason in one line."""
    case.server.faults.status[what] = status
    error = refused(case, store)
    assert "told to fail" in str(error) or str(status) in str(error)


@pytest.mark.parametrize("what", ["listing", "model.pt"])
def test_a_hub_that_says_later_is_not_waited_for(case: Case, store: Store, what: str) -> None:
    """A Retry-After of an hour ends the attempt, not the patience of who waits."""
    case.server.faults.status[what] = 429
    case.server.faults.headers = {"Retry-After": "3600"}
    assert "no answer in time" not in str(refused(case, store, timeout_s=20))


@pytest.mark.parametrize("what", ["listing", "model.pt"])
@pytest.mark.parametrize("target", ["round", "file", "nowhere"])
def test_a_redirect_that_leads_nowhere_is_refused(
    case: Case, store: Store, tmp_path: Path, what: str, target: str
) -> None:
    """Round in circles, to a file of this machine, or to a host that takes no connection: no bytes come of it."""
    (tmp_path / "secret").write_bytes(model_files()["am.mvn"])
    with DeadPort(refuse=True) as port:
        leads = {"round": "", "file": f"file://{tmp_path}/secret", "nowhere": f"{port.endpoint}/x"}
        for key in (what, f"HEAD {what}"):
            case.server.faults.redirect[key] = leads[target]
        assert "no answer in time" not in str(refused(case, store, timeout_s=30))


@pytest.mark.parametrize("what", ["listing", "model.pt"])
def test_a_login_page_is_no_answer(case: Case, store: Store, what: str) -> None:
    """HTML with status 200, as a hotel's network has it, is neither a listing nor a file."""
    case.server.faults.page.add(what)
    refused(case, store)


def test_a_hub_cannot_paint_on_the_terminal(case: Case, store: Store) -> None:
    """Pages of text, escapes and marks that turn the writing round end as one short line."""
    case.server.faults.status["listing"] = 403
    case.server.faults.message = "\x1b[2J\u202esorry\r\n" + "<p>" * 9_999
    assert "sorry" in str(refused(case, store))


@pytest.mark.parametrize("refuse", [True, False])
def test_a_hub_that_takes_no_connection_is_given_up_soon(
    case: Case, store: Store, refuse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused or never answered, the connection's own deadline holds and not the client's 7 to 22 s."""
    with DeadPort(refuse=refuse) as port:
        monkeypatch.setenv(case.variable, port.endpoint)
        before = time.monotonic()
        said = str(refused(case, store))
    assert "no connection to 127.0.0.1" in said
    assert f"set {case.variable}, or" in said
    assert time.monotonic() - before < 6


def test_an_endpoint_that_is_no_address_is_said(case: Case, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slip in the variable that names the hub is named."""
    monkeypatch.setenv(case.variable, "http://")
    assert f"{case.variable} 'http:" in str(refused(case, store))


# -- the conversation ----------------------------------------------------------------------------------------------


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


@pytest.mark.usefixtures("many_files")
def test_a_server_with_a_thousand_connections_can_fetch(case: Case, destination: Path) -> None:
    """The client is heard on a descriptor beyond those that ``select`` knows."""
    pull(case.hub, case.repo, destination)
    assert set(downloaded(destination)) == {"am.mvn", "config.yaml", "model.pt"}


def test_behind_a_proxy_the_hub_is_not_probed(case: Case, destination: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that only the proxy can reach works: here the loopback hub plays the proxy for a name that is none."""
    monkeypatch.setenv("http_proxy", case.server.endpoint)
    monkeypatch.setenv(case.variable, "http://hub.invalid")
    assert pull(case.hub, case.repo, destination).origin == f"{case.hub.name} (http://hub.invalid)"


def test_a_client_that_cannot_run_is_said(case: Case, destination: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken environment of the child shows in the error, in its own last line."""
    (destination.parent / "requests.py").write_text("raise ImportError('requests is broken')\n")
    monkeypatch.setenv("PYTHONPATH", f"{destination.parent}{os.pathsep}{os.environ['PYTHONPATH']}")
    with pytest.raises(OriginUnavailable, match="could not run: ImportError: requests is broken") as caught:
        pull(case.hub, case.repo, destination)
    assert isinstance(caught.value, SegueError)


def test_a_client_that_is_not_installed_is_named_with_its_extra(destination: Path) -> None:
    """Without the extra Hugging Face is one clear line, and no process is started."""
    without = replace(HUGGING_FACE, package="not_installed_here")
    said = r"^Hugging Face a/b@v1: Hugging Face's client is not installed: pip install 'segue\[huggingface\]'$"
    with pytest.raises(OriginUnavailable, match=said):
        pull(without, HuggingFaceRepo("a/b", "v1"), destination)
    assert list(destination.iterdir()) == []


def test_a_download_says_how_far_it_is(case: Case, destination: Path) -> None:
    """While a large file comes, what is here and what there is in all is said, and then it goes on to its end."""
    case.server.models[ID]["v1"]["model.pt"] = os.urandom(3_000_000)
    case.server.faults.halves["model.pt"] = threading.Event()
    said: list[str] = []

    def progress(line: str) -> None:
        said.append(line)
        if " of 3.0 MB" in line:
            case.server.faults.halves["model.pt"].set()

    child.fetch(
        case.hub,
        case.repo,
        destination,
        layout=FSMN_VAD,
        pins={},
        connect_timeout_s=0.5,
        fetch_timeout_s=60,
        progress=progress,
    )
    assert "model.pt" in downloaded(destination)
    counts = [float(line.partition(" ")[0]) for line in said if line.endswith(" of 3.0 MB")]
    assert 0 < counts[0] < 3


def test_whoever_listens_can_end_a_download_that_stands_still(case: Case, destination: Path) -> None:
    """The last line is said again, once a second, so that what is cancelled holds nothing until its deadline."""
    case.server.faults.stall.add("model.pt")
    said: list[str] = []

    def progress(line: str) -> None:
        if line in said:
            raise InterruptedError("nobody wants it any more")
        said.append(line)

    with pytest.raises(InterruptedError):
        child.fetch(
            case.hub,
            case.repo,
            destination,
            layout=FSMN_VAD,
            pins={},
            connect_timeout_s=30,
            fetch_timeout_s=60,
            progress=progress,
        )
    assert psutil.Process().children() == []
