"""A model of Hugging Face, by the real commands, from a hub on the loopback interface."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from scripts.speech import Samples
from tests.e2e.server import SEGUE, Server, home_with
from tests.hub.loopback import Hub
from tests.hub.loopback_hf import speak_huggingface

NAME = "hf:funasr/fsmn-vad"


@pytest.fixture
def hub(model_directory: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """Hugging Face with the default model, under the name that it has there."""
    with Hub(speak_huggingface) as running:
        running.models["funasr/fsmn-vad"] = {
            "main": {file.name: file.read_bytes() for file in model_directory.iterdir()}
        }
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        yield running


def segue(*arguments: str) -> str:
    """What the command prints; it has to succeed."""
    finished = subprocess.run([SEGUE, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_pulled_once_it_detects_without_the_hub(
    hub: Hub, tmp_path: Path, speech: Samples, model_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``models pull`` fetches and verifies it; ``detect`` then needs no network, and answers with the digest that
    these bytes have wherever they come from."""
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path / "home"))
    soundfile.write(tmp_path / "clip.wav", speech[: 5 * 16_000], 16_000)
    assert segue("models", "pull", NAME).startswith(f"{NAME}@main  digest ")
    asked = list(hub.requests)
    found, own = (
        json.loads(segue("detect", str(tmp_path / "clip.wav"), "--format", "json", "-m", model))[0]
        for model in (NAME, str(model_directory))
    )
    assert (found["model"]["id"], found["model"]["revision"]) == (NAME, "main")
    assert found["model"]["digest"] == own["model"]["digest"]
    assert found["segments"] == own["segments"] != []
    assert hub.requests == asked
    assert "moving name" in segue("models", "list")


def test_a_service_switches_to_it(
    hub: Hub, tmp_path: Path, model_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``switch`` fetches it in the running service, and the history names it with its hub."""
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path / "home"))
    with Server(home_with(tmp_path / "home", model_directory)) as server:
        switched = json.loads(
            segue("switch", NAME, "--set", "speech_noise_thres=0.7", "--json", "--server", server.url)
        )
        assert switched["state"] == "done", switched
        assert "am.mvn" in hub.requests
        assert any(NAME in json.dumps(version) for version in server.status()["versions"])
