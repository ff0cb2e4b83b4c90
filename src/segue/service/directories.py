"""Which directories of this machine may be named over HTTP: as a model, or as golden clips.

Whoever has the token of a service that listens on loopback alone is on this machine, and may name any that it can read.
Elsewhere the operator lists them (``model_directories``), and none is the default.
"""

import os
from collections.abc import Iterator

from segue.errors import InvalidModelID, InvalidPlan
from segue.settings import Settings


class Directories:
    """Those of one service. Immutable; safe for threads."""

    def __init__(self, settings: Settings) -> None:
        self._is_anywhere = settings.is_loopback and not settings.model_directories
        self._roots = tuple(os.path.realpath(root) for root in settings.model_directories)
        self._own = os.path.realpath(os.path.expanduser(settings.model))
        """What the operator serves may be named too."""

    def check_model(self, path: str) -> None:
        """Raise InvalidModelID for a directory that may not be named as a model, whether or not it is there."""
        if not self._allows(path):
            raise InvalidModelID(f"the model directory {path!r} is refused: {self._accepted()}")

    def check_clips(self, path: str) -> None:
        """Raise InvalidPlan for a directory that may not be named as golden clips, whether or not it is there."""
        if not self._allows(path):
            raise InvalidPlan(f"golden={path!r} is refused: {self._accepted()}")

    def _allows(self, path: str) -> bool:
        """Symbolic links are followed first: where they lead is what is read."""
        if self._is_anywhere:
            return True
        if "\0" in path:
            return False
        real = os.path.realpath(path)
        return real == self._own or any(root in (real, *_above(real)) for root in self._roots)

    def _accepted(self) -> str:
        roots = ", ".join(self._roots)
        where = f"only what is under {roots} may be named" if roots else "no directory may be named over HTTP here"
        return f"{where} (setting model_directories); or give a model ID"


def _above(path: str) -> Iterator[str]:
    """Every directory that it is in."""
    while (parent := os.path.dirname(path)) != path:
        yield parent
        path = parent
