"""NAME=VALUE, and what the options of decisions ask for together."""

import click
import pytest

from segue.edges.eval.options import asked, pairs
from segue.errors import InvalidParameter


def test_what_is_given_becomes_a_table() -> None:
    """Mode and preset where they are named, then the parameters; a value may hold an equals sign."""
    assert asked(None, None, ()) == {}
    assert asked("dynamic", None, ("chunk_size=200",)) == {"mode": "dynamic", "chunk_size": "200"}
    assert pairs("--compare", ("model=a=b",), example="x=1") == {"model": "a=b"}


@pytest.mark.parametrize("text", ["x", "=1", "x=", "="])
def test_what_is_no_pair_is_refused(text: str) -> None:
    """With the example of how to write it."""
    with pytest.raises(click.UsageError, match=f"--set {text}: write NAME=VALUE, such as x=1"):
        pairs("--set", (text,), example="x=1")


def test_what_no_rules_accept_is_refused_before_a_model_is_loaded() -> None:
    """A mode, a preset or a value that there is not."""
    for given in (("slow", None, ()), (None, "no-such", ()), (None, None, ("do_extend=7",))):
        with pytest.raises(InvalidParameter):
            asked(*given)
