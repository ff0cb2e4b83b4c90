"""A directory with a model -> an object that runs.

``LOADERS`` maps the kind of a model to what loads it. Third parties join by an entry point in the group
``segue.models`` whose name is the kind and whose value is such a loader.
"""

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import TypeAlias

from segue.errors import ModelUnsupported
from segue.speech.rules import Rules
from segue.speech.scorer import Scorer

Loader: TypeAlias = Callable[[Path], tuple[Scorer, Rules]]
"""Directory -> scorer and the model's own rules; raises ModelError."""


def _fsmn(directory: Path) -> tuple[Scorer, Rules]:
    from segue.models import fsmn  # onnx and ONNX Runtime are loaded with the first model, not with the package

    return fsmn.load(directory)


LOADERS: Mapping[str, Loader] = {"fsmn-vad": _fsmn}


def load(directory: Path, kind: str = "fsmn-vad") -> tuple[Scorer, Rules]:
    """Load the model in ``directory`` with the loader of its ``kind``. Raises ModelError."""
    if kind in LOADERS:
        return LOADERS[kind](directory)
    for entry in _third_party():
        if entry[0] == kind:
            return entry[1]()(directory)
    known = sorted({*LOADERS, *(name for name, _ in _third_party())})
    raise ModelUnsupported(f"no loader for models of kind {kind!r}; there are: {', '.join(known)}")


def _third_party() -> Iterator[tuple[str, Callable[[], Loader]]]:
    for entry in entry_points(group="segue.models"):
        yield entry.name, entry.load
