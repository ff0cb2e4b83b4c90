"""A stand-in for the service, and a home whose ``server.json`` and token lead to it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edges.control.standin import Standin, home_with_token


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Standin]:
    for name in ("SEGUE_SERVER", "SEGUE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SEGUE_HOME", str(home_with_token(tmp_path)))
    with Standin() as standin:
        (tmp_path / "server.json").write_text(json.dumps({"pid": 1, "url": standin.url}))
        yield standin
