"""What Gradio takes as a file: what was uploaded, and neither the server's own files nor any address.

Where Gradio has not launched the app itself it takes any path that it is told, copies the file to where it can be
asked for, and downloads what has an address.
"""

from pathlib import Path
from typing import Any

import gradio
from gradio import route_utils
from gradio.exceptions import InvalidPathError
from starlette.formparsers import MultiPartException


def guard(blocks: gradio.Blocks) -> None:
    """See to it, for all that is in the blocks; call it when they are whole."""
    blocks.has_launched = True  # asks whether a file is one that was uploaded
    for block in blocks.blocks.values():
        _only_files(block)
        if isinstance(block, gradio.File):  # which else leaves an empty file behind for each that it is given
            setattr(block, "_process_single_file", _path_of)  # noqa: B010 -- to mypy a method is not to be replaced


def _only_files(block: Any) -> None:
    usual = block.async_move_resource_to_block_cache

    async def taken(path: str | Path | None) -> str | None:
        if "://" in str(path):
            raise InvalidPathError(f"{path}: only what was uploaded is taken")
        found: str | None = await usual(path)
        return found

    block.async_move_resource_to_block_cache = taken


def _path_of(file: Any) -> str:
    return str(file.path)


class OneFile(route_utils.GradioMultiPartParser):
    """Of a form with one file in it and nothing else: other fields would be kept in memory, however large."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.max_files = 1

    def on_headers_finished(self) -> None:
        """Gradio's, then the objection."""
        super().on_headers_finished()
        if self._current_part.file is None:
            raise MultiPartException("a form has one file, and no other field")


route_utils.GradioMultiPartParser = OneFile  # type: ignore[misc]  # which ``upload`` makes, and is told no class
