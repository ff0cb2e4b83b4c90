"""A directory of the user's -> a copy in the store, so that what serves does not change when somebody writes there."""

import re
import shutil
from dataclasses import replace

from segue.hub.filesystem import translated
from segue.hub.layout import Layout
from segue.hub.resolved import ResolvedModel
from segue.hub.store import Store

_OWNER = "local"


def keep(found: ResolvedModel, store: Store) -> ResolvedModel:
    """The model of a directory, from the store; one that came from there is answered as it is.

    It is kept as ``local/NAME@DIGEST`` of the directory's name, and answered under the ID that it was asked for. What
    is kept are the bytes that were hashed: DigestMismatch when they were changed meanwhile. Raises StoreError.
    """
    if found.revision is not None:
        return found
    kept = store.find_digest(found.digest)
    if kept is None:
        with store.stage() as staging, translated(store.root):
            for file in found.files:
                shutil.copyfile(found.directory / file.name, staging / file.name)
            names = tuple(file.name for file in found.files)
            kept = store.install(
                f"{_OWNER}/{_plain(found.directory.name)}",
                found.digest[:12],
                source=staging,
                layout=Layout(names),
                origin=f"directory {found.directory}",
                expected={file.name: file.sha256 for file in found.files},
                digest_of=lambda _: found.digest,
            )
    return replace(kept, model_id=found.model_id, revision=None, kind=found.kind)


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip(".-")[:100] or "model"
