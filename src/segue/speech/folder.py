"""The files of a directory that are taken though nobody named them."""

import os
from collections.abc import Callable, Iterator


def files_in(
    directory: str,
    wanted: Callable[[str], bool],
    *,
    recursive: bool = False,
    refused: Callable[[OSError], object],
) -> Iterator[str]:
    """Paths of the ``wanted`` files (asked by name), in no order; nothing hidden, and nothing that ``is_taken`` not.

    ``recursive``: those of the directories inside it too. ``refused`` is told of each that cannot be listed.
    """
    for folder, folders, names in os.walk(directory, onerror=refused):
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
        for name in names:
            path = os.path.join(folder, name)
            if not name.startswith(".") and wanted(name) and is_taken(path):
                yield path


def is_taken(path: str) -> bool:
    """Whether a file that nobody named may be read: a pipe among recordings would be waited for without end.

    A link that leads nowhere is taken: that it cannot be read has to be said.
    """
    return os.path.isfile(path) or not os.path.exists(path)
