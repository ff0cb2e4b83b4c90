"""The answer of the hub: a verified directory and what is known about it."""

from dataclasses import dataclass
from pathlib import Path

DEFAULT_KIND = "fsmn-vad"  # what a model is taken for of which the catalogue says nothing


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file that matters."""

    name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedModel:
    """A model on this machine, verified when it was resolved. In the store Segue never changes its directory.

    ``digest`` names the content: equal digests are the same model, whatever it was called and wherever it came from.
    ``revision`` is None for a directory given by its path; then ``model_id`` is that path. ``note`` is empty, or one
    line that the user should see, such as what a moving name was taken to mean. ``kind`` says which loader reads it;
    only the catalogue knows that, so it is right in what ``resolve`` answers, not in what a store lists.
    """

    model_id: str
    revision: str | None
    digest: str
    directory: Path
    origin: str
    files: tuple[ModelFile, ...]
    note: str = ""
    kind: str = DEFAULT_KIND
