"""The few values that a label may have: nothing of a client, a key, a path or a token is among them."""

import os
from collections.abc import Sequence

from segue.errors import InferenceFailed, SegueError
from segue.swap import Outcome, VersionId

VERSION = ("model", "version")
DIRECTORY = "directory"
"""The model of a version that was loaded from a directory: where that is, is nobody's to read here."""
OTHER = "other"

_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


def model_of(model_id: str) -> str:
    """A model's ID as a label."""
    return DIRECTORY if os.path.isabs(model_id) else model_id


def of_version(model_id: str, version: VersionId) -> Sequence[str]:
    """The values of ``VERSION``."""
    return model_of(model_id), version


def kind_of(outcome: Outcome, error: BaseException | None) -> str:
    """Of a lease that ended badly: the code of the error, of which errors.py has a few dozen."""
    if outcome is Outcome.ABANDONED:
        return "abandoned"
    return error.code if isinstance(error, SegueError) else InferenceFailed.code


def word(text: str) -> str:
    """A word of the program's own, such as a verb, as a label."""
    return text.replace(" ", "_").replace("-", "_")


def method_of(method: str) -> str:
    """A method of HTTP; clients may send any text."""
    return method if method in _METHODS else OTHER
