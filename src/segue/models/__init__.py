"""A directory with a model -> an object that runs.

``LOADERS`` maps the kind of a model to what loads it. Third parties join by an entry point in the group
``segue.models`` whose name is the kind and whose value is such a loader; for a kind that is here already, theirs is
taken.
"""

import logging
from collections.abc import Callable, Mapping
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


_LOG = logging.getLogger(__name__)

LOADERS: Mapping[str, Loader] = {"fsmn-vad": _fsmn}


def load(directory: Path, kind: str = "fsmn-vad") -> tuple[Scorer, Rules]:
    """Load the model in ``directory`` with the loader of its ``kind``. Raises ModelError."""
    joined = entry_points(group="segue.models")
    if kind not in joined.names:
        if kind in LOADERS:
            return LOADERS[kind](directory)
        known = ", ".join(sorted({*LOADERS, *joined.names}))
        raise ModelUnsupported(f"no loader for models of kind {kind!r}; there are: {known}")
    try:
        loader: Loader = joined[kind].load()
    except (ImportError, AttributeError) as error:
        raise ModelUnsupported(f"the loader for models of kind {kind!r} cannot be imported: {error}") from error
    if kind in LOADERS:
        _LOG.info("models of kind %s are loaded by %s", kind, joined[kind].value)
    return loader(directory)
