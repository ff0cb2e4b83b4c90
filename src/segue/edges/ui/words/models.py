"""Words of the tab models."""

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str]] = {}
