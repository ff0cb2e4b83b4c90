"""What tests share: speech made once a session, the default model fetched once a clone, real recordings if there."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from scripts.speech import Conversation, Samples, conversation

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # some tests import ONNX Runtime before segue does

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def talk() -> Conversation:
    """30 s of synthetic English and Mandarin, with the true boundaries of its utterances."""
    return conversation(seconds=30, seed=0)


@pytest.fixture(scope="session")
def speech(talk: Conversation) -> Samples:
    """The samples of ``talk``: 16 kHz, mono, float32, read-only."""
    return talk.samples


@pytest.fixture(scope="session")
def long_speech() -> Samples:
    """Three minutes of it: 16 kHz, mono, float32, read-only."""
    return conversation(seconds=180, seed=1).samples


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real recordings, which are not part of the repository: tests that need them are skipped where it stands alone."""
    directory = ROOT.parent / "shared" / "data"
    if not directory.is_dir():
        pytest.skip("no real recordings: ../shared/data is not beside this clone")
    return directory


@pytest.fixture(scope="session")
def reference(shared_data: Path) -> Mapping[str, Any]:
    """FunASR's answers on the real recordings, by clip."""
    answers: Mapping[str, Any] = json.loads((shared_data / "reference" / "funasr.json").read_text(encoding="utf-8"))
    return answers


@pytest.fixture(scope="session")
def model_directory() -> Path:
    """A verified directory with the default model: from ``$SEGUE_HOME`` if set, else from a store kept in the clone."""
    from segue.hub import Store, resolve
    from segue.settings import read_settings

    settings = read_settings()
    home = os.environ.get("SEGUE_HOME")
    store = Path(home).expanduser() / "models" if home else ROOT / ".model-store"
    return resolve(
        "fsmn-vad",
        store=Store(store),
        connect_timeout_s=settings.connect_timeout_s,
        fetch_timeout_s=settings.fetch_timeout_s,
    ).directory
