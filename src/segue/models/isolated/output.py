"""What the process of a model prints, for the log: line by line, each of bounded length, and not too many of them."""

import logging
import time
from collections.abc import Callable

_MOST_CHARACTERS = 400
_MOST_LINES = 50
_PER_S = 10.0
"""So many lines in so many seconds go to the log; the rest is counted."""


class Output:
    """Bytes in, lines in the log out. For one thread."""

    def __init__(self, name: str, log: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._log = log
        self._clock = clock
        self._rest = b""
        self._is_cut = False  # the line under way was logged already, being too long
        self._since_s = clock()
        self._lines = 0

    def take(self, data: bytes) -> None:
        """What came from it."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._say(line)
        if len(self._rest) > 4 * _MOST_CHARACTERS:
            self._say(self._rest)
            self._rest, self._is_cut = b"", True

    def end(self) -> None:
        """Nothing follows."""
        self._say(self._rest)
        self._rest = b""
        self._next_period()

    def _say(self, line: bytes) -> None:
        was_cut, self._is_cut = self._is_cut, False
        # What would break the line in the log, or move a terminal's cursor, becomes a space.
        text = "".join(c if c.isprintable() else " " for c in line.decode("utf-8", "replace")).strip()
        if was_cut or not text:
            return
        if self._clock() - self._since_s > _PER_S:
            self._next_period()
        self._lines += 1
        if self._lines <= _MOST_LINES:
            self._log.info("%s says: %.*s", self._name, _MOST_CHARACTERS, text)

    def _next_period(self) -> None:
        if self._lines > _MOST_LINES:
            self._log.info("%s says %d lines more", self._name, self._lines - _MOST_LINES)
        self._since_s, self._lines = self._clock(), 0
