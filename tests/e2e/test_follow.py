"""A branch that is followed, by the real commands and a real server, from a hub on the loopback interface."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.server import SEGUE, Server, home_with, until
from tests.hub.loopback import Files, Hub

NAME = "team/vad"


def content(model_directory: Path, remark: str) -> Files:
    """The default model under a digest of its own."""
    files = {file.name: file.read_bytes() for file in model_directory.iterdir() if file.name != "model.pt"}
    return files | {"config.yaml": files["config.yaml"] + f"\n# {remark}\n".encode()}


@pytest.fixture
def hub(model_directory: Path) -> Iterator[Hub]:
    with Hub() as running:
        running.models[NAME] = {"master": content(model_directory, "one")}
        yield running


def follow(server: Server, *arguments: str) -> Any:
    """``segue follow … --json``, as it prints it."""
    command = [SEGUE, "follow", *arguments, "--json"]
    ran = subprocess.run(command, env=server.environment, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_what_a_branch_brings_is_released_by_itself(hub: Hub, tmp_path: Path, model_directory: Path) -> None:
    """At once what is there, then each commit; by the next process too, though the last one was killed; and a commit
    that was aborted is left alone."""
    for name, bake in (("quick", "1s"), ("long", "1h")):
        (tmp_path / f"{name}.toml").write_text(f'canary = []\nbake = "{bake}"\n', encoding="utf-8")
    server = Server(home_with(tmp_path / "home", model_directory))
    server.environment |= {"MODELSCOPE_ENDPOINT": hub.endpoint, "MODELSCOPE_CACHE": str(tmp_path / "cache")}

    def serves(version: str) -> bool:
        status = server.status()
        return bool(status["route"]["primary"] == version and status["rollout"] is None)

    with server:
        said = follow(server, f"{NAME}@master", "--plan", str(tmp_path / "quick.toml"), "--every", "10s")
        first = said["version"]
        until(lambda: serves(first), "the first content serves", deadline_s=30)
        follow(server, f"{NAME}@master", "--plan", str(tmp_path / "long.toml"), "--every", "10s")
        hub.models[NAME] = {"master": content(model_directory, "two")}
        server.kill()
        server.restart()
        until(lambda: server.status()["route"]["primary"] != first, "the second serves", deadline_s=40)
        second = server.status()["route"]["primary"]
        with server.client("bob") as client:
            client.post("/v1/rollouts/current/abort", {"why": "not this one"})
            assert server.status()["route"]["primary"] == first
            said = client.get("/v1/follow")["follow"]
            until(
                lambda: "is left alone" in client.get("/v1/follow")["follow"]["says"],
                "it is looked at again",
                deadline_s=40,
            )
            entries = client.get("/v1/history", limit=100)["entries"]
        assert (said["model"], said["version"]) == (f"{NAME}@master", second)
        assert server.status()["route"]["primary"] == first
        ends = [entry["outcome"] for entry in entries if entry["verb"] == "end"]
        assert ends == ["aborted", "done"]
        assert follow(server, "--stop")["model"] == f"{NAME}@master"
        assert follow(server) is None
