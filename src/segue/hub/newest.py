"""What a branch means now: asked of its hub, whatever the store has of it."""

import hashlib
import json
import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path

from segue.errors import OriginUnavailable
from segue.hub.catalog import CATALOG, Catalog
from segue.hub.filesystem import translated
from segue.hub.origin import HubRepo, HuggingFaceRepo, Listing, ModelScopeRepo
from segue.hub.resolved import ResolvedModel
from segue.hub.resolver import resolve
from segue.hub.store import Store
from segue.hub.target import Target, as_directory, decide

_log = logging.getLogger("segue.hub")


@dataclass(frozen=True, slots=True)
class Newest:
    """What a name means now. ``moves``: whether it may mean something else later."""

    model: ResolvedModel
    moves: bool


def newest(
    model: str | Path,
    revision: str | None = None,
    *,
    store: Store,
    connect_timeout_s: float,
    fetch_timeout_s: float,
    catalog: Catalog = CATALOG,
) -> Newest:
    """As ``resolve``; but what a branch means is asked of its hub, whatever the store has of it.

    The hub is asked for a list, and for the files where they are not in the store. They are kept as
    ``ID@BRANCH-COMMIT``, and what ``ID@BRANCH`` is to ``resolve`` is left as it was. Raises as ``resolve``.
    """
    directory = as_directory(model, catalog)
    if directory is None:
        target = decide(str(model), revision, catalog)
        if not target.pins:
            deadline_s = time.monotonic() + fetch_timeout_s
            with store.stage() as scratch, translated(store.root):
                listing = _look(target, scratch, connect_timeout_s=connect_timeout_s, timeout_s=fetch_timeout_s)
            if listing.moving:
                left_s = max(1.0, deadline_s - time.monotonic())
                return Newest(_of_now(target, listing, store, catalog, connect_timeout_s, left_s), moves=True)
    found = resolve(
        model,
        revision,
        store=store,
        connect_timeout_s=connect_timeout_s,
        fetch_timeout_s=fetch_timeout_s,
        catalog=catalog,
    )
    return Newest(found, moves=directory is not None)


def _look(target: Target, scratch: Path, *, connect_timeout_s: float, timeout_s: float) -> Listing:
    from segue.hub import child  # only a look needs what they import
    from segue.hub.hubs import hub_of

    repo = _repo(target)
    return child.look(
        hub_of(repo), repo, scratch, layout=target.layout, connect_timeout_s=connect_timeout_s, timeout_s=timeout_s
    )


def _repo(target: Target) -> HubRepo:
    """Where a branch is asked for: the only origin of a model that is not pinned."""
    (repo,) = target.origins
    assert isinstance(repo, ModelScopeRepo | HuggingFaceRepo)
    return repo


def _of_now(
    target: Target,
    listing: Listing,
    store: Store,
    catalog: Catalog,
    connect_timeout_s: float,
    timeout_s: float,
) -> ResolvedModel:
    """What the branch holds, from the store if it is there."""
    from segue.hub import child
    from segue.hub.hubs import hub_of

    revision = _name_of(target.revision, listing)
    found = store.find(target.model_id, revision)
    if found is None:
        repo = _repo(target)
        with store.stage() as directory, translated(store.root):
            fetched = child.fetch(
                hub_of(repo),
                repo,
                directory,
                layout=target.layout,
                pins={},
                connect_timeout_s=connect_timeout_s,
                fetch_timeout_s=timeout_s,
                progress=_log.debug,
            )
            if fetched.commit != listing.commit:
                raise OriginUnavailable(f"{repo} moved while it was fetched: look again")
            found = store.install(
                target.model_id,
                revision,
                source=directory,
                layout=target.layout,
                origin=fetched.origin,
                expected={**fetched.promised, **{name: said for name, said in listing.files.items() if said}},
                digest_of=catalog.digest_of,
                commit=fetched.commit,
            )
    return replace(found, kind=target.kind)


def _name_of(branch: str, listing: Listing) -> str:
    """A revision that is the same when the content is: with the commit, and what is listed where there is one."""
    facts = json.dumps([listing.commit, sorted(listing.files.items())]).encode()
    commit = (listing.commit or "")[:12]
    return "-".join(filter(None, (branch[:80], commit, hashlib.sha256(facts).hexdigest()[: 6 if commit else 12])))
