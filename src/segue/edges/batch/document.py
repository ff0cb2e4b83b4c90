"""Results on standard output: one document, written as they come, above the bar if there is one."""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from segue.errors import OutputError
from segue.speech.formats import Format

if TYPE_CHECKING:
    from segue.edges.batch.display import Bar


class Document:
    """Results on standard output, written through as they come. Raises OutputError, and BrokenPipeError as it is."""

    def __init__(self, form: Format, bar: "Bar | None") -> None:
        self._format = form
        self._bar = bar
        self._begun = False
        self._line = ""  # what is above a bar has to be whole lines

    def write(self, items: Sequence[str]) -> None:
        """The items of one more input."""
        for item in items:
            self._put((self._format.separator if self._begun else self._format.opening) + item)
            self._begun = True

    def close(self) -> None:
        """Make it a whole document, were there inputs or not."""
        self._put(("" if self._begun else self._format.opening) + self._format.closing)

    def _put(self, text: str) -> None:
        try:
            if self._bar is None:
                sys.stdout.buffer.write(text.encode(errors="backslashreplace"))
                sys.stdout.flush()
                return
            whole, newline, self._line = (self._line + text).rpartition("\n")
            if newline:
                self._bar.above(whole)
        except OSError as error:
            _abandon_stdout()
            if isinstance(error, BrokenPipeError):
                raise
            reason = error.strerror or type(error).__name__
            raise OutputError(f"standard output: cannot be written ({reason}); make room or write elsewhere") from error


def _abandon_stdout() -> None:
    """Nothing more can be written there; Python must not try again when it ends."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        pass  # no descriptor behind it, as in a test
