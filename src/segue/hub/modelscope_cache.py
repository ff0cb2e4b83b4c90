"""The cache of ModelScope's client, read without the client: a complete copy there spares the network.

The client returns a directory without the model file as success, and reuses a directory of one revision for another;
so what is in the cache counts only if it is complete and says which revision it is, or has the pinned bytes.
Its own bookkeeping (``.msc``) is a pickle and is not read.
"""

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from segue.errors import ModelError, OriginUnavailable
from segue.hub.digests import file_sha256
from segue.hub.layout import Layout
from segue.hub.names import MOVING_NAMES, check_model_id
from segue.hub.origin import Fetched

_VERSION_FILE = ".mv"  # "Revision:v2.0.4,CreatedAt:1706…", written by clients up to 1.37
_VERSION = re.compile(r"Revision:([^,\s]+)")


def copy_from_cache(
    model_ids: Sequence[str], revision: str, destination: Path, *, layout: Layout, pins: Mapping[str, str]
) -> Fetched | None:
    """Copy a complete copy of any of these IDs into ``destination``; None if the cache has none.

    Raises DigestMismatch or ModelIncomplete when there is one that will not do, OriginUnavailable if it is unreadable.
    """
    refused: ModelError | None = None
    for directory in _candidates(model_ids, revision, pinned=bool(pins)):
        try:
            offered = {name: file_sha256(directory / name) for name in layout.names if _is_plain(directory / name)}
            names = layout.choose(offered, pins=pins, where=f"ModelScope's cache {directory}")
        except ModelError as error:
            refused = error
        except OSError as error:
            refused = OriginUnavailable(f"ModelScope's cache {directory} cannot be read: {error.strerror}")
        else:
            for name in names:
                shutil.copyfile(directory / name, destination / name)
            promised = {name: offered[name] for name in names}  # it must not have changed while it was copied
            return Fetched(f"ModelScope's cache {directory}", promised, moving=revision in MOVING_NAMES and not pins)
    if refused is not None:
        raise refused
    return None


def _candidates(model_ids: Sequence[str], revision: str, *, pinned: bool) -> Iterator[Path]:
    """Every directory where some version of the client may have put one of the IDs, the newest layout first."""
    base = _cache_root()
    if base is None:
        return
    for model_id in model_ids:
        owner, name = check_model_id(model_id)
        encoded = name.replace(".", "___")
        snapshot = base / "models" / f"{owner}--{name}" / "snapshots" / revision
        if snapshot.is_dir():
            yield snapshot
        roots = (base / "models", base / "hub" / "models", base, base / "hub")
        for directory in dict.fromkeys(root / owner / part for root in roots for part in (encoded, name)):
            if directory.is_dir() and (pinned or _version(directory) == revision):
                yield directory


def _cache_root() -> Path | None:
    given = os.environ.get("MODELSCOPE_CACHE")
    try:
        return Path(given).expanduser() if given else Path.home() / ".cache" / "modelscope"
    except RuntimeError:  # no home directory
        return None


def _version(directory: Path) -> str | None:
    try:
        found = _VERSION.match((directory / _VERSION_FILE).read_text(errors="replace"))
    except OSError:
        return None
    return found[1] if found else None


def _is_plain(path: Path) -> bool:
    """A link in a downloaded tree could lead anywhere: it does not count as a file."""
    return path.is_file() and not path.is_symlink()
