"""What the tests of accuracy share."""

from pathlib import Path

import pytest

from segue import models
from segue.speech.detector import Detector
from tests.fakes import MODEL


@pytest.fixture(scope="session")
def detector(model_directory: Path) -> Detector:
    """The real one."""
    return Detector(*models.load(model_directory), model=MODEL)
