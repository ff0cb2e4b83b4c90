"""Edges that need an extra."""

from importlib import import_module
from importlib.util import find_spec

import pytest


@pytest.mark.parametrize("extra", ["livekit", "pipecat"])
def test_an_extra_that_is_missing_is_named(extra: str) -> None:
    """With what to install; nothing else of Segue needs it."""
    if find_spec(extra):
        pytest.skip(f"the extra {extra} is installed")
    with pytest.raises(ModuleNotFoundError, match=rf"pip install 'segue\[{extra}\]'"):
        import_module(f"segue.edges.{extra}")
