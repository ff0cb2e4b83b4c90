"""A hub that knows no network but the loopback interface, and no home directory but one of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import segue.errors
from segue.hub.store import Store
from tests.hub.loopback import Hub
from tests.hub.loopback_hf import speak_huggingface

_SOURCE = Path(segue.errors.__file__).parents[1]
# The package's own __init__ imports every room; a process of these tests sees the hub alone.
_HUB_ALONE = f"""
import sys, types
sys.modules["segue"] = types.ModuleType("segue")
sys.modules["segue"].__path__ = [{str(_SOURCE / "segue")!r}]
"""

RunPython = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, index, endpoint, cache or account of the machine reaches a test, nor a process that it starts."""
    for name in list(os.environ):
        if name.startswith(("MODELSCOPE_", "HF_", "HUGGING", "PIP_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name in ("HOME", "MODELSCOPE_HOME", "MODELSCOPE_CACHE", "HF_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    for name in ("MODELSCOPE_DOWNLOAD_MAX_RETRIES", "MODELSCOPE_REPO_TREE_PAGE_MAX_ATTEMPTS"):
        monkeypatch.setenv(name, "1")  # the client waits seconds between its retries
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PYTHONPATH", str(_SOURCE))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store", clock=lambda: 1_700_000_000.0)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A running hub to which MODELSCOPE_ENDPOINT points."""
    with Hub() as running:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", running.endpoint)
        yield running


@pytest.fixture
def hf_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A running hub that speaks as Hugging Face does, to which HF_ENDPOINT points."""
    with Hub(speak_huggingface) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        yield running


@pytest.fixture
def run_python() -> Iterator[RunPython]:
    """Start ``python -c SCRIPT ARGUMENT…`` with Segue importable; it does not outlive the test."""
    started: list[subprocess.Popen[str]] = []

    def run(script: str, *arguments: object) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", _HUB_ALONE + script, *map(str, arguments)]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    """An empty directory to download into."""
    (tmp_path / "staging").mkdir()
    return tmp_path / "staging"
