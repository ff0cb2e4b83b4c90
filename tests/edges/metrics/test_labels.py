"""The values of labels: few, and nobody's secrets."""

import pytest

from segue.edges.metrics.labels import kind_of, method_of, model_of, of_version, word
from segue.errors import InferenceFailed, InvalidSamples
from segue.swap import Outcome, VersionId


def test_a_directory_is_no_label() -> None:
    """Where models lie on the machine is not told; an ID is."""
    assert model_of("/srv/secret/model") == "directory"
    assert model_of("iic/some-model") == "iic/some-model"
    assert of_version("/srv/x", VersionId("v1")) == ("directory", "v1")


@pytest.mark.parametrize(
    ("outcome", "error", "kind"),
    [
        (Outcome.ABANDONED, None, "abandoned"),
        (Outcome.FAILED, InvalidSamples("a"), "invalid_samples"),
        (Outcome.FAILED, ZeroDivisionError("whatever a model raises, with a /path"), InferenceFailed.code),
    ],
)
def test_a_failure_has_the_code_of_its_error(outcome: Outcome, error: Exception | None, kind: str) -> None:
    """Of ours; what a model raises is a failed inference, whatever it says."""
    assert kind_of(outcome, error) == kind


def test_words_and_methods_are_plain() -> None:
    """A verb is one word, and a method that nobody knows is none of its own."""
    assert word("fall back") == "fall_back"
    assert method_of("GET") == "GET"
    assert method_of("X" * 1000) == "other"
