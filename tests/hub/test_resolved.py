"""The answer of the hub."""

from pathlib import Path

from segue.hub.resolved import ModelFile, ResolvedModel


def test_a_resolved_model_is_a_value() -> None:
    """Equal answers are equal and can be keys."""
    facts = ("iic/m", "v1", "0" * 64, Path("d"), "directory", (ModelFile("a", "1" * 64, 3),))
    assert len({ResolvedModel(*facts), ResolvedModel(*facts)}) == 1
