"""What every tab has at hand."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import gradio

from segue.edges.ui.door import Door
from segue.edges.ui.words import TABLES, Words
from segue.errors import SegueError, one_line

if TYPE_CHECKING:
    from segue.service import Service


@dataclass(frozen=True, slots=True)
class Room:
    """The service, who may use it, and the words of one tab in one language."""

    service: "Service"
    door: Door
    words: Words

    def of(self, table: str) -> "Room":
        """The room of a tab."""
        return replace(self, words=self.words.of(table))

    def detects(self, request: gradio.Request) -> str:
        """Let in who may have speech detected; the address that asks. Raises Unauthorized."""
        self.door.detection(request.headers)
        return _client(request)

    def controls(self, request: gradio.Request) -> str:
        """Let in who may change what serves; whom the history names. Raises Unauthorized."""
        self.door.control(request.headers)
        return f"page {_client(request)}"

    def failure(self, error: SegueError, *, of: Path | None = None) -> str:
        """What is said of an error, in the page's language; its own line is in English.

        ``of``: the recording, which is called by its name: where it lies is no news to who gave it.
        """
        words, detail = self.words.of("failures"), one_line(error)
        if of is not None:
            detail = detail.replace(str(of), of.name)
        return words(error.code if error.code in TABLES["failures"] else "other", detail=detail)


def _client(request: gradio.Request) -> str:
    return str(request.client.host) if request.client else "unknown"
