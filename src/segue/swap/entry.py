"""One row of the journal: a fact about the route or about a version, and its text on the disk.

A row that speaks of a route carries all that is needed to serve it again: the route, those that can be gone back to,
and what each version in them is. So the newest row alone restores a service, whatever became of the older ones.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any, TypeAlias

from segue.swap.route import Route
from segue.swap.spec import ModelSpec, Resolved, VersionId


class Kind(Enum):
    """What a row says."""

    INTENT = "intent"
    """The route is about to be installed."""
    DONE = "done"
    """It is installed. ``of`` is the intent's number, or None when there was no time for one."""
    REFUSED = "refused"
    """A change ended in an error and installed nothing. ``of`` is its intent's number, if it came so far."""
    STATE = "state"
    """A version took a step."""
    NOTE = "note"
    """About the journal itself."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row. ``seq`` orders rows, whatever the wall clock (``at``, seconds since 1970) did; 0 until it is written."""

    kind: Kind
    verb: str = ""
    what: str = ""
    who: str = ""
    why: str = ""
    outcome: str = ""
    epoch: int = 0
    route: Route | None = None
    back: tuple[Route, ...] = ()
    """The routes that rollback goes to, the next one last."""
    versions: Mapping[VersionId, Resolved] = field(default_factory=dict)
    """What the versions of these routes are, and those that are loaded beside them; without payload."""
    evidence: Mapping[str, Any] = field(default_factory=dict)  # JSON: figures of whoever decided
    of: int | None = None
    at: float = 0.0
    seq: int = 0


Row: TypeAlias = tuple[int, float, str, int | None, str, str]
"""(seq, at, kind, of, body, checksum): the columns."""


def to_row(entry: Entry, seq: int) -> Row:
    """The columns of an entry that is written as number ``seq``."""
    texts = {name: getattr(entry, name) for name in ("verb", "what", "who", "why", "outcome")}
    body: dict[str, Any] = {name: text for name, text in texts.items() if text}
    if entry.epoch:
        body["epoch"] = entry.epoch
    if entry.route is not None:
        body["route"] = asdict(entry.route)
    if entry.back:
        body["back"] = [asdict(route) for route in entry.back]
    if entry.versions:
        body["versions"] = {name: _known(resolved) for name, resolved in entry.versions.items()}
    if entry.evidence:
        body["evidence"] = dict(entry.evidence)
    text = json.dumps(body, ensure_ascii=True, default=str)
    at = float(entry.at)
    return seq, at, entry.kind.value, entry.of, text, _checksum(seq, at, entry.kind.value, entry.of, text)


def from_row(row: Row) -> Entry:
    """The entry of a row. Raises ValueError when the row is not, to the letter, one that was written."""
    seq, at, kind, of, text, checksum = row
    if checksum != _checksum(seq, at, kind, of, text):
        raise ValueError(f"row {seq} does not match its checksum")
    body = json.loads(text)
    route = body.pop("route", None)
    return Entry(
        kind=Kind(kind),
        route=None if route is None else Route(**route),
        back=tuple(Route(**route) for route in body.pop("back", ())),
        versions={VersionId(name): _resolved(known) for name, known in body.pop("versions", {}).items()},
        of=of,
        at=at,
        seq=seq,
        **body,
    )


def _known(resolved: Resolved) -> dict[str, Any]:
    spec = resolved.spec
    known = {"model_id": spec.model_id, "revision": spec.revision, "options": dict(spec.options)}
    return known | {"digest": resolved.digest}


def _resolved(known: dict[str, Any]) -> Resolved:
    digest = known.pop("digest")
    return Resolved(ModelSpec(**known), digest)


def _checksum(*columns: object) -> str:
    return hashlib.blake2b(repr(columns).encode(errors="surrogatepass"), digest_size=8).hexdigest()
