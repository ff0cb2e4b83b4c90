"""One change of the route, from the wish to its end: fetch, prepare, switch. One is under way at a time."""

import json
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from segue.errors import InvalidParameter, Superseded
from segue.swap.spec import VersionId


class Change:
    """The right to change the route, from ``Switchboard.change``; a context manager that gives it back.

    Whoever holds it may prepare versions and switch several times. A rollback takes it away: then ``check`` raises,
    ``prepare`` closes what it has loaded, and ``switch`` installs nothing. What it was begun with is its holder's; the
    rest is guarded by the switchboard's lock.
    """

    __slots__ = (
        "_end",
        "cancelled_by",
        "epoch",
        "evidence",
        "prepared",
        "refused",
        "since_s",
        "verb",
        "what",
        "who",
        "why",
    )

    def __init__(
        self,
        verb: str,
        what: str,
        *,
        who: str,
        why: str,
        end: "Callable[[Change, BaseException | None], None]",
        evidence: Mapping[str, Any] | None = None,
    ) -> None:
        """``evidence``: figures of whoever decided, as JSON. Raises InvalidParameter when it is not."""
        self.evidence = _json(evidence or {})
        self.verb = verb
        self.what = what
        self.who = who
        self.why = why
        self.since_s = 0.0  # when it began
        self.epoch = 0
        """The epoch that the route must still have when this change switches it."""
        self.cancelled_by: str | None = None
        self.prepared: set[VersionId] = set()
        """Wanted by this change: not closed to make room while it is under way."""
        self.refused: BaseException | None = None  # the error that the journal has been told already
        self._end = end

    def check(self) -> None:
        """Raise Superseded if the change was cancelled: for the steps between the wish and the switch."""
        if self.cancelled_by is not None:
            raise Superseded(f"{self} was cancelled by {self.cancelled_by}: nothing was installed")

    def says(self, why: str, evidence: Mapping[str, Any]) -> None:
        """What its rows say from now on. For its holder, between two switches. Raises InvalidParameter."""
        self.evidence, self.why = _json(evidence), why

    def give_back(self, error: BaseException | None = None) -> None:
        """Give back the right to change the route: what leaving its ``with`` does, for who holds it in no block.

        ``error``: what it ended with.
        """
        self._end(self, error)

    def __str__(self) -> str:
        return self.verb + (f" {self.what}" if self.what else "") + (f" by {self.who}" if self.who else "")

    def __repr__(self) -> str:
        return f"<Change: {self}{f', cancelled by {self.cancelled_by}' if self.cancelled_by else ''}>"

    def __enter__(self) -> "Change":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.give_back(error)


def _json(evidence: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        known: Mapping[str, Any] = json.loads(json.dumps(dict(evidence), default=str))
    except (TypeError, ValueError) as error:
        raise InvalidParameter(f"the evidence must be JSON: {error}") from error
    return known
