"""The process in which ModelScope's client runs."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from segue.hub.modelscope import MODELSCOPE
from tests.hub.loopback import Hub, model_files


@pytest.fixture
def child(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """The script, started and not yet asked for anything."""
    command = MODELSCOPE.command
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True) as process,
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
        "model_id": "iic/m",
        "revision": "v1",
        "names": names,
        "destination": str(destination),
        "connect_timeout_s": 3,
        "ask_moving": True,
    }


def test_events_come_in_order_and_alone(hub: Hub, child: "subprocess.Popen[str]", tmp_path: Path) -> None:
    """Nothing that the client prints, progress bars included, gets between the events."""
    hub.models["iic/m"] = {"v1": model_files()}
    assert event(child) == {"event": "ready"}
    tell(child, request(tmp_path))
    assert event(child) == {"event": "connected", "endpoint": hub.endpoint}
    listing = event(child)
    assert set(listing["files"]) == {"am.mvn", "config.yaml", "model.pt"}
    assert listing["moving"] is False
    tell(child, ["am.mvn"])
    assert event(child) == {"event": "file", "name": "am.mvn"}
    assert event(child) == {"event": "done"}
    assert child.wait() == 0
    assert (tmp_path / "am.mvn").read_bytes() == b"<Nnet>"


def test_it_does_not_outlive_its_parent(hub: Hub, child: "subprocess.Popen[str]", tmp_path: Path) -> None:
    """When nobody is left to read its answer, a child that hangs in a download ends by itself."""
    hub.models["iic/m"] = {"v1": model_files()}
    hub.faults.stall.add("model.pt")
    tell(child, request(tmp_path))
    assert [event(child)["event"] for _ in range(3)] == ["ready", "connected", "listing"]
    tell(child, ["model.pt"])
    assert child.stdin is not None
    child.stdin.close()
    assert child.wait(timeout=30) == 1


def test_an_answer_that_is_none_becomes_one_event(hub: Hub, child: "subprocess.Popen[str]", tmp_path: Path) -> None:
    """A listing of a wrong shape is a failure with a reason, not a crash."""
    hub.models["iic/m"] = {"v1": model_files()}
    hub.faults.size["am.mvn"] = "many"  # type: ignore[assignment]  # the point of the test
    tell(child, request(tmp_path))
    facts = [event(child) for _ in range(3)][-1]
    assert (facts["event"], facts["kind"]) == ("failed", "unreachable")
    assert "many" in facts["reason"]
