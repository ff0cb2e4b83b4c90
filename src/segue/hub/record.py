"""What the store writes down about one model ID @ revision, as a JSON file. Reading trusts nothing in it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from segue.hub.digests import is_sha256
from segue.hub.names import is_plain_name
from segue.hub.resolved import ModelFile

_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """First use of an ID @ revision: what it was then is what it must be ever after."""

    model_id: str
    revision: str
    digest: str  # names the content for the outside; equal for every complete copy of one pinned release
    tree: str  # names the directory: the digest of exactly the files in it
    files: tuple[ModelFile, ...]
    origin: str
    recorded_at: str  # UTC, ISO 8601
    moving: bool = False
    commit: str | None = None
    removed: bool = False  # the files are gone, the digests are still held against the next copy

    @property
    def note(self) -> str:
        """One line about a moving name; empty for a fixed one."""
        if not self.moving:
            return ""
        commit = f" (commit {self.commit})" if self.commit else ""
        return (
            f"{self.revision!r} of {self.model_id} is a moving name: on {self.recorded_at} it meant digest "
            f"{self.digest[:12]}{commit}, and that is used until it is removed from the store and pulled again"
        )


def dump(record: Record) -> bytes:
    """The record as JSON."""
    return json.dumps({"format": _FORMAT, **asdict(record)}, indent=1, sort_keys=True).encode() + b"\n"


def load(text: bytes) -> Record:
    """Read a record. Raises ValueError when it is damaged, or holds a name that could lead out of the store."""
    try:
        facts = json.loads(text)
        if not isinstance(facts, dict) or facts.pop("format", None) != _FORMAT:
            raise ValueError("not a record of this version")
        files = tuple(_load_file(entry) for entry in facts.pop("files"))
        record = Record(files=files, **facts)
    except (TypeError, KeyError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"not a record: {error!r}") from error
    texts = (record.model_id, record.revision, record.digest, record.tree, record.origin, record.recorded_at)
    typed = (
        all(isinstance(text, str) for text in texts)
        and all(isinstance(flag, bool) for flag in (record.moving, record.removed))
        and isinstance(record.commit, str | None)
    )
    if not typed or not (is_sha256(record.digest) and is_sha256(record.tree)):
        raise ValueError("a field has a wrong type or is no SHA-256")
    return record


def _load_file(entry: Mapping[str, object]) -> ModelFile:
    name, sha256, size_bytes = entry["name"], entry["sha256"], entry["size_bytes"]
    if not (isinstance(name, str) and isinstance(sha256, str) and isinstance(size_bytes, int)):
        raise TypeError("a file's fact has a wrong type")
    if not (is_plain_name(name) and is_sha256(sha256)):
        raise ValueError(f"{name!r} is no file name or has no SHA-256")
    return ModelFile(name, sha256, size_bytes)
