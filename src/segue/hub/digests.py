"""SHA-256 of a file, and of a model."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

_HEXADECIMAL = frozenset("0123456789abcdef")


def is_sha256(text: str) -> bool:
    """Whether ``text`` is a SHA-256 in lower-case hexadecimal."""
    return len(text) == 64 and _HEXADECIMAL.issuperset(text)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def model_digest(files: Mapping[str, str]) -> str:
    """SHA-256 over the sorted (name, SHA-256) pairs, in the form of ``sha256sum``'s output, so a shell can check it."""
    lines = "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
