"""What became of a version so far, by the journal: whether it may be released by itself, with nobody at hand.

1. Once is all: a version that was ever in a route, be it on trial, was taken back, ended by hand, or serves no more.
   Whoever wants it all the same begins it by hand.
2. One that was refused (it does not load, it does worse on the golden clips) would be refused again; not so where
   memory, disk, network or the plan were the reason, or the end of the process.
3. If the process ended twice while it was being prepared, it is not tried a third time.
"""

from collections.abc import Iterator
from datetime import datetime

from segue.errors import (
    Busy,
    InsufficientMemory,
    InvalidPlan,
    JournalUnavailable,
    NotReady,
    OriginUnavailable,
    ShuttingDown,
    StoreError,
    Superseded,
)
from segue.swap import CLEAN_END, Entry, Journal, Kind, VersionId

ATTEMPT = "attempt"
"""In the evidence of a note: the version that is about to be begun with."""

_PASSING = frozenset(
    error.code
    for error in (
        *(Busy, InsufficientMemory, InvalidPlan, JournalUnavailable, NotReady, OriginUnavailable),
        *(ShuttingDown, StoreError),
    )
)
_TOO_OFTEN = 2


def last_seq(journal: Journal) -> int:
    """The number of the newest row. Raises JournalUnavailable."""
    newest = journal.history(1)
    return newest[0].seq if newest else 0


def past(journal: Journal, version: VersionId, *, start_seq: int) -> str:
    """Why it is not to be begun by itself, on one line; empty if it may be. Raises JournalUnavailable.

    ``start_seq``: the newest row when this process started.
    """
    crashes, is_excused = 0, False
    for entry in _backwards(journal):
        found = _said(entry, version)
        if found:
            return found
        if entry.verb == CLEAN_END or entry.evidence.get("refused", {}).get("version") == version:
            is_excused = True
        elif entry.evidence.get(ATTEMPT) == version:
            crashes += entry.seq <= start_seq and not is_excused
            is_excused = False
        if crashes >= _TOO_OFTEN:
            return f"the process ended {_TOO_OFTEN} times while it was being prepared, last on {_when(entry)}"
    return ""


def _said(entry: Entry, version: VersionId) -> str:
    """What a row says against it."""
    if entry.kind is Kind.NOTE and entry.verb == "end":
        known = entry.evidence.get("rollout", {})
        if known.get("version") == version:
            return f"its rollout {known['id']} was over on {_when(entry)}: {entry.outcome}, {entry.why}"
    if entry.kind is Kind.DONE and entry.route is not None and version in entry.route.versions:
        return f"it has served before, last begun on {_when(entry)} by {entry.verb} {entry.what}"
    refused = entry.evidence.get("refused", {})
    if entry.kind is Kind.REFUSED and refused.get("version") == version:
        was_stopped = refused["code"] == Superseded.code and "by shutdown" in entry.outcome
        if refused["code"] not in _PASSING and not was_stopped:
            return f"it was refused on {_when(entry)}: {entry.outcome}"
    return ""


def _when(entry: Entry) -> str:
    return f"{datetime.fromtimestamp(entry.at):%Y-%m-%d %H:%M:%S}"


def _backwards(journal: Journal) -> Iterator[Entry]:
    page = journal.history(1000)
    while page:
        yield from page
        page = journal.history(1000, before=page[-1].seq)
