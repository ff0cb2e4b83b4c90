"""The versions that the drills switch between."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np

from scripts.speech import Samples
from tests.e2e.server import Server, home_with
from tests.e2e.variants import twin, variant, variants

RATE = 16_000


def test_no_two_versions_answer_alike(model_directory: Path, tmp_path: Path, speech: Samples) -> None:
    """Their names differ, and their segments on the test speech; with other weights, their probabilities too."""
    every = variants(home_with(tmp_path / "home", model_directory), model_directory, tmp_path)
    found = [each.detector.detect(speech, sample_rate=RATE) for each in every]
    assert len({each.version for each in every}) == len(every)
    for (one, first), (other, second) in combinations(zip(every, found, strict=True), 2):
        assert first.segments != second.segments, f"{one.name} and {other.name} answer alike"
    probabilities = [each.detector.probabilities(speech, sample_rate=RATE) for each in every]
    assert np.array_equal(probabilities[0], probabilities[1])
    assert not np.allclose(probabilities[0], probabilities[3], atol=0.05)
    assert not np.allclose(probabilities[0], probabilities[4], atol=0.05)


def test_a_twin_is_another_version_with_the_same_answers(
    model_directory: Path, tmp_path: Path, speech: Samples
) -> None:
    """Another name; bit for bit the same probabilities, and the same segments."""
    home = home_with(tmp_path / "home", model_directory)
    one = variant("default", "fsmn-vad", home)
    other = variant("twin", twin(model_directory, tmp_path / "twin", "another"), home)
    assert one.version != other.version
    first, second = (each.detector.probabilities(speech, sample_rate=RATE) for each in (one, other))
    assert np.array_equal(first, second)
    assert one.detector.detect(speech, sample_rate=RATE) == replace(
        other.detector.detect(speech, sample_rate=RATE), model=one.detector.model
    )


def test_a_service_calls_them_what_they_are_called_here(model_directory: Path, tmp_path: Path) -> None:
    """The name of each is what the server answers for it when it prepares it."""
    home = home_with(tmp_path / "home", model_directory)
    with Server(home) as server, server.client() as client:
        for each in variants(home, model_directory, tmp_path):
            assert client.post("/v1/versions", each.body)["version"] == each.version
