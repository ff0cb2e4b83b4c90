"""Names of files, and whatever else was given: as text that can be printed, in natural order, and which are of audio.

A name may hold any bytes, line breaks and escape codes among them.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Sized

_AUDIO = frozenset({
    ".3gp", ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".amr", ".au", ".avi", ".caf", ".flac",
    ".m4a", ".m4b", ".m4v", ".mka", ".mkv", ".mov", ".mp2", ".mp3", ".mp4", ".mpga", ".oga",
    ".ogg", ".opus", ".rf64", ".snd", ".ts", ".w64", ".wav", ".wave", ".webm", ".wma",
})  # fmt: skip

_SHOWN = 80


def legible(name: str) -> str:
    r"""Valid text: bytes that are no UTF-8 (surrogates, as Python reads them) become ``\xe9``."""
    text = re.sub(r"[\udc80-\udcff]", lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", name)
    return text.encode("utf-8", "backslashreplace").decode()


def printable(name: str) -> str:
    r"""Valid text of one line that cannot move a cursor: line breaks and control characters become ``\n``, ``\x1b``."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in legible(name))


def shown(value: object) -> str:
    """What was given, of any type, as far as a message of one line holds it: its first 80 characters."""
    if isinstance(value, Sized) and hasattr(value, "dtype"):
        return f"an array of {len(value)} numbers"
    text = printable(repr(value))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def without_blanks(name: str) -> str:
    """Valid text that is one field where fields are separated by blanks: each blank becomes ``_``."""
    return re.sub(r"\s", "_", legible(name)) or "_"


def recording_names(files: Sequence[str], *, called: Callable[[str], str] = without_blanks) -> Mapping[str, str]:
    """RTTM's names of the recordings of one run: no two files have the same, and none has a blank.

    The name without folder and extension; for files that would have that in common, the path as given without its
    extension; then the path with it; then that with a number. ``called``: how a name is written.
    """
    paths = {file: "stdin" if file == "-" else file for file in files}
    names = {file: called(_stem(os.path.basename(path))) for file, path in paths.items()}
    for longer in (_stem, str):
        count = Counter(names.values())
        names = {f: name if count[name] == 1 else called(longer(paths[f])) for f, name in names.items()}
    taken: set[str] = set()
    for file, name in names.items():
        number = 1
        while names[file] in taken:
            number += 1
            names[file] = f"{name}_{number}"
        taken.add(names[file])
    return names


def _stem(path: str) -> str:
    return os.path.splitext(path)[0]


def is_audio(name: str) -> bool:
    """Whether it is taken from a directory: by its extension, and not if it is hidden. (What is named may be any.)"""
    name = os.path.basename(name)
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in _AUDIO


def natural(path: str) -> tuple[tuple[tuple[int, int, str], ...], ...]:
    """Sort key: folder by folder, numbers by value, letters without case."""
    return tuple(_natural_name(name) for name in path.split(os.sep))


def _natural_name(name: str) -> tuple[tuple[int, int, str], ...]:
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    key = [(0, int(part), "") if part[0] in "0123456789" else (1, 0, part.casefold()) for part in parts]
    return (*key, (-1, 0, name))  # equal but for case or leading zeros: still always the same order
