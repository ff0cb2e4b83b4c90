"""Words of the tab live."""

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str]] = {}
