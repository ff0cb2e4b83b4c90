"""Words of the tab detect."""

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str]] = {}
