"""One server of the real model, for tests that leave it as it was."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from segue import models
from segue.hub import CATALOG
from segue.speech.detection import ModelIdentity
from segue.speech.detector import Detector
from tests.edges.streaming import Running, running


@pytest.fixture(scope="session")
def detector(model_directory: Path) -> Detector:
    """The default model."""
    scorer, rules = models.load(model_directory)
    return Detector(scorer, rules, model=ModelIdentity(CATALOG.models[0].model_id, "v1", "digest"))


@pytest.fixture(scope="session")
def real(detector: Detector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """It serves."""
    with running(tmp_path_factory.mktemp("home")) as server:
        server.service.serve_real("real", detector)
        yield server
        server.wait(server.service.is_given_back)
