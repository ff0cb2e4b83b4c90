"""Which files are taken from a copy, and when it is complete."""

import pytest

from segue.errors import DigestMismatch, ModelIncomplete
from segue.hub.layout import Layout

LAYOUT = Layout(required=("a",), any_of=("x", "y"), optional=("o",))
PINS = {"a": "1", "x": "2", "y": "3"}


def test_lacks_names_what_is_missing() -> None:
    """Every required file and one of the alternatives make a copy complete."""
    assert LAYOUT.lacks(["a", "y"]) == ""
    assert LAYOUT.lacks(["o"]) == "a, x or y"
    assert Layout(required=("a",)).lacks(["a"]) == ""


def test_choose_takes_nothing_that_does_not_matter() -> None:
    """Of what a copy offers only the layout's files are taken; with pins only the pinned ones."""
    offered = {"a": "1", "x": "2", "o": "9", "README": "8", "../a": "1"}
    assert LAYOUT.choose(offered, pins={}, where="w") == ["a", "x", "o"]
    assert LAYOUT.choose(offered, pins=PINS, where="w") == ["a", "x"]


def test_choose_leaves_out_a_differing_file_that_can_be_spared() -> None:
    """A user's own export beside the pinned weights does not spoil them; without another it is a mismatch."""
    assert LAYOUT.choose({"a": "1", "x": "other", "y": "3"}, pins=PINS, where="w") == ["a", "y"]
    with pytest.raises(DigestMismatch, match="x is not the file"):
        LAYOUT.choose({"a": "1", "x": "other"}, pins=PINS, where="w")
    with pytest.raises(ModelIncomplete, match="has no x or y; a model needs a, x or y"):
        LAYOUT.choose({"a": "1"}, pins=PINS, where="w")
    assert LAYOUT.choose({"a": None, "y": None}, pins=PINS, where="w") == ["a", "y"]
