"""The process in which Hugging Face's client runs."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from segue.hub.huggingface import HUGGING_FACE
from tests.hub.loopback import Hub, model_files, sha256
from tests.hub.loopback_hf import commit_of, git_id

ID = "some/one"


@pytest.fixture
def child(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """The process, started and not yet asked for anything."""
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(
            HUGGING_FACE.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=dict(HUGGING_FACE.environment(tmp_path / "scratch", 3)),
        ) as process,
    ):
        yield process
        process.kill()


def event(child: "subprocess.Popen[str]") -> dict[str, Any]:
    assert child.stdout is not None
    facts: dict[str, Any] = json.loads(child.stdout.readline())
    return facts


def tell(child: "subprocess.Popen[str]", request: object) -> None:
    assert child.stdin is not None
    child.stdin.write(json.dumps(request) + "\n")
    child.stdin.flush()


def request(destination: Path) -> dict[str, object]:
    names = ["am.mvn", "config.yaml", "model.pt"]
    return {
        "model_id": ID,
        "revision": "main",
        "names": names,
        "destination": str(destination),
        "connect_timeout_s": 3,
        "ask_moving": True,
    }


def test_events_come_in_order_and_the_commit_is_fetched(
    hf_hub: Hub, child: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    """What the listing said is what comes, although the branch moves on in between."""
    files = model_files()
    hf_hub.models[ID] = {"main": files}
    assert event(child) == {"event": "ready"}
    tell(child, request(tmp_path))
    assert event(child) == {"event": "connected", "endpoint": hf_hub.endpoint}
    assert event(child) == {
        "event": "listing",
        "files": {"am.mvn": None, "config.yaml": None, "model.pt": sha256(files["model.pt"])},
        "sizes": {name: len(files[name]) for name in ("am.mvn", "config.yaml", "model.pt")},
        "moving": True,
        "commit": commit_of(ID, "main"),
        "git_ids": {name: git_id(files[name]) for name in ("am.mvn", "config.yaml")},
    }
    # The branch means another commit now; the one that was listed is still there, under its own name.
    hf_hub.models[ID] = {"main": model_files(b"moved on"), commit_of(ID, "main"): files}
    hf_hub.models[ID] = dict(reversed(hf_hub.models[ID].items()))
    tell(child, ["am.mvn"])
    assert event(child) == {"event": "file", "name": "am.mvn"}
    assert event(child) == {"event": "done"}
    assert child.wait() == 0
    assert (tmp_path / "am.mvn").read_bytes() == b"<Nnet>"


def test_it_does_not_outlive_its_parent(hf_hub: Hub, child: "subprocess.Popen[str]", tmp_path: Path) -> None:
    """When nobody is left to read its answer, a child that hangs in a download ends by itself."""
    hf_hub.models[ID] = {"main": model_files()}
    hf_hub.faults.stall.add("model.pt")
    tell(child, request(tmp_path))
    assert [event(child)["event"] for _ in range(3)] == ["ready", "connected", "listing"]
    tell(child, ["model.pt"])
    hf_hub.wait_for("model.pt")
    assert child.stdin is not None
    child.stdin.close()
    assert child.wait(timeout=30) == 1


def test_nothing_is_told_about_the_user(hf_hub: Hub, child: "subprocess.Popen[str]", tmp_path: Path) -> None:
    """Neither telemetry nor a list of agents is asked for: only what was wanted."""
    hf_hub.models[ID] = {"main": model_files()}
    tell(child, request(tmp_path))
    assert [event(child)["event"] for _ in range(3)] == ["ready", "connected", "listing"]
    tell(child, [])
    assert event(child) == {"event": "done"}
    assert hf_hub.requests == ["listing", "revisions"]
    assert hf_hub.strays == []
