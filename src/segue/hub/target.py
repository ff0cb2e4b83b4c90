"""What a name means: a directory, or a model to be had: what is known of its content, and whom to ask."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from segue.errors import InvalidModelID, ModelNotFound
from segue.hub.catalog import Catalog
from segue.hub.layout import Layout
from segue.hub.names import ACCEPTED, ON_HUGGING_FACE, check_revision, names_hub, parse_model
from segue.hub.origin import HubRepo, HuggingFaceRepo, ModelScopeRepo, Origin
from segue.hub.resolved import DEFAULT_KIND


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is to be had: a name decided on, what is known of its content, and whom to ask."""

    model_id: str
    revision: str
    layout: Layout
    pins: Mapping[str, str]
    cached_as: tuple[str, ...]  # the IDs under which ModelScope's cache may hold it
    origins: tuple[Origin, ...]
    close_names: tuple[str, ...] = ()
    kind: str = DEFAULT_KIND

    def __str__(self) -> str:
        return f"{self.model_id}@{self.revision}"


def as_directory(model: str | Path, catalog: Catalog) -> Path | None:
    """The directory that is meant, or None for an ID. Raises ModelNotFound for a path that leads nowhere."""
    if isinstance(model, str):
        if "\0" in model:
            raise InvalidModelID(f"{model!r} is not a model: accepted is {ACCEPTED}")
        if names_hub(model) or catalog.lookup(model.partition("@")[0]) is not None:
            return None
    text = str(model)
    path = os.path.expanduser(text)  # os.path, because pathlib raises for names that are too long or no user's
    if os.path.isdir(path):
        return Path(path)
    looks_like_path = isinstance(model, Path) or text.startswith((".", "~", os.sep)) or text.count(os.sep) > 1
    if looks_like_path or os.path.exists(path):
        raise ModelNotFound(f"{text!r} is not a directory: a model directory holds {catalog.default_layout}")
    return None


def decide(text: str, revision: str | None, catalog: Catalog) -> Target:
    """What ``ID``, ``ID@REVISION`` or an alias means; ``revision`` as ``resolve`` has it. Raises InvalidModelID."""
    model_id, given = parse_model(text)
    if revision is not None and given not in (None, check_revision(revision)):
        raise InvalidModelID(f"{text!r} and revision {revision!r} contradict each other: give one of them")
    revision = revision or given
    known = catalog.lookup(model_id)
    if known is None:
        return _unknown(model_id, revision, catalog)
    cached_as = tuple(name for name in known.names if "/" in name)
    target = Target(
        model_id=known.model_id,
        revision=known.revision,
        layout=known.layout,
        pins=known.pins,
        cached_as=cached_as,
        origins=known.origins,
        kind=known.kind,
    )
    if revision in (None, known.revision):
        return target
    return replace(target, revision=revision, pins={}, origins=(ModelScopeRepo(known.model_id, revision),))


def _unknown(model_id: str, revision: str | None, catalog: Catalog) -> Target:
    """A model that the catalogue does not have: the hub that its ID means is asked, and nobody else."""
    close = tuple(catalog.close_names(model_id))
    if "/" not in model_id:
        raise InvalidModelID(f"{model_id!r} is not a known alias: accepted is {ACCEPTED}{did_you_mean(close)}")
    origin: HubRepo
    if model_id.startswith(ON_HUGGING_FACE):
        origin = HuggingFaceRepo(model_id.removeprefix(ON_HUGGING_FACE), revision or "main")
        cached_as: tuple[str, ...] = ()
    else:
        origin = ModelScopeRepo(model_id, revision or "master")  # what each hub means by no revision
        cached_as = (model_id,)
    return Target(
        model_id=model_id,
        revision=origin.revision,
        layout=catalog.default_layout,
        pins={},
        cached_as=cached_as,
        origins=(origin,),
        close_names=close,
    )


def did_you_mean(close: tuple[str, ...]) -> str:
    """The end of a line that says a name is unknown; empty where none is close."""
    return f"; did you mean {' or '.join(close)}?" if close else ""
