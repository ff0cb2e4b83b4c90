"""Schemathesis against the OpenAPI document: what it promises is so, for requests that it makes by the document."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from segue.edges.serve import command as serve
from tests.edges.http.server import Address, serving
from tests.edges.http.service import LoudService, loud_service, model

pytest.importorskip("schemathesis", reason="Schemathesis is not installed: pip install 'segue[test]'")

CONFIG = Path(__file__).with_name("openapi.toml")
EXAMPLES, SEED = 3, 1
LEFT_OUT = "positive_data_acceptance"
"""What a name means, and which parameters go together, a schema does not say: such requests are refused with 422."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoudService]:
    """A closed one, with a model that hears loudness, out of reach of any hub."""
    home = tmp_path_factory.mktemp("openapi")
    (home / "models").mkdir()
    short = {"connect_timeout_s": 0.05, "fetch_timeout_s": 0.5, "body_idle_s": 5}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELSCOPE_ENDPOINT", "http://127.0.0.1:9")
        limits = {"model_directories": [home / "models"], **short}
        with loud_service(home / "home", is_open=False, **limits) as running:
            running.serve(model(home / "models", "usual"))
            yield running


@pytest.fixture(scope="module")
def address(service: LoudService) -> Iterator[Address]:
    """Of the whole app, with every edge that is installed."""
    with serving(serve._build(service)) as answers:
        yield answers


def test_the_document_is_kept(service: LoudService, address: Address, tmp_path: Path) -> None:
    """By every operation: statuses, forms and headers are documented ones, bad input and missing tokens are refused.

    ``SEGUE_OPENAPI_EXAMPLES``: more of them for each operation.
    """
    examples = os.environ.get("SEGUE_OPENAPI_EXAMPLES", str(EXAMPLES))
    options = ["--checks", "all", "--exclude-checks", LEFT_OUT, "--max-examples", examples, "--seed", str(SEED)]
    found = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run"),
            *(f"{address.url}/openapi.json", "-H", f"Authorization: Bearer {service.token}", "--no-color", *options),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-6_000:] + found.stderr[-2_000:]
    assert "Tested: 0" not in found.stdout
