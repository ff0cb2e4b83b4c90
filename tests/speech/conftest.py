"""The default model, loaded twice: two scorers of the same weights."""

from pathlib import Path

import pytest

from segue import models
from segue.speech.detection import ModelIdentity
from segue.speech.detector import Detector


def _load(directory: Path) -> Detector:
    scorer, rules = models.load(directory)
    return Detector(scorer, rules, model=ModelIdentity("fsmn-vad", "v2.0.4", "0" * 64))


@pytest.fixture(scope="session")
def detector(model_directory: Path) -> Detector:
    return _load(model_directory)


@pytest.fixture(scope="session")
def twin(model_directory: Path) -> Detector:
    """The same weights in another scorer."""
    return _load(model_directory)
