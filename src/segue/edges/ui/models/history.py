"""What happened, who asked for it and why: rows of the journal, each thing once, newest first."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from segue.edges.ui.markup import Markup, tag
from segue.edges.ui.models.figures import UNKNOWN, model_name
from segue.edges.ui.models.reasons import reason, states
from segue.edges.ui.words import Words
from segue.speech.names import printable
from segue.swap import Entry, Kind

PAGE = 20
"""Lines."""
_ARROW = " → "
_VERBS = frozenset({"switch", "rollback", "rollout", "prepare", "restore", "pause", "resume", "end", "fall back"})


@dataclass(frozen=True, slots=True)
class Happened:
    """One line. ``kind`` is done, refused, open, state or note. ``last_seq``: of the oldest row in it."""

    kind: str
    at: float
    who: str
    what: str
    why: str
    outcome: str
    last_seq: int


def happened(rows: Iterable[Entry], words: Words) -> Iterator[Happened]:
    """Of rows, newest first: an intent and its end are one line; so are the steps of one version on the way up."""
    pending: Happened | None = None
    ended: set[int] = set()  # the intents whose end was seen: it is newer, and comes first
    for row in rows:
        if row.of is not None:
            ended.add(row.of)
        if row.kind is Kind.INTENT and row.seq in ended:
            continue
        line = _line(row, words)
        if pending and pending.kind == line.kind == "state" and pending.what == line.what:
            pending = _joined(line, pending)
            continue
        if pending:
            yield pending
        pending = line
    if pending:
        yield pending


def page(rows: Sequence[Entry], words: Words, *, before: int | None = None, is_cut: bool = False) -> Markup:
    """The newest ``PAGE`` lines, or those of rows older than ``before``; it says what the next page is before.

    ``is_cut``: whether there may be older rows than these.
    """
    lines = [line for line in happened(rows, words) if before is None or line.last_seq < before]
    titles = (tag("th", words(name), scope="col") for name in ("when", "who", "what", "outcome"))
    body = [_row(line, words) for line in lines[:PAGE]] or [tag("tr", tag("td", words("no_history"), colspan=4))]
    table = tag(
        "table",
        tag("caption", words("history_caption")),
        tag("thead", tag("tr", *titles)),
        tag("tbody", *body),
    )
    following = lines[:PAGE][-1].last_seq if lines and (is_cut or len(lines) > PAGE) else None
    label = words("history")
    return tag("div", table, class_="wide", tabindex=0, role="region", aria_label=label, data_next=following)


def unread(why: str, words: Words) -> Markup:
    """In the place of a page that cannot be read."""
    return tag("p", words("history_failed", why=why), class_="bad", role="alert")


def _row(line: Happened, words: Words) -> Markup:
    what = [tag("b", printable(line.what))] + ([tag("div", printable(line.why), class_="why")] if line.why else [])
    return tag(
        "tr",
        tag("td", tag("time", data_at=line.at, data_long=True), class_="when"),
        tag("td", printable(line.who), class_="who", data_label=words("who") if line.who else None),
        tag("td", *what),
        tag("td", printable(line.outcome), data_label=words("outcome")),
        class_=line.kind,
        data_key=line.last_seq,
    )


def _line(row: Entry, words: Words) -> Happened:
    verb = words("said_" + row.verb.replace(" ", "_")) if row.verb in _VERBS else row.verb
    what = f"{verb} {reason(row.what, words)}".strip()
    kind = {Kind.DONE: "done", Kind.REFUSED: "refused", Kind.INTENT: "open", Kind.STATE: "state"}.get(row.kind, "note")
    outcome, why = reason(row.outcome, words), reason(row.why, words)
    if row.kind is Kind.DONE:
        outcome = words("serves", route=str(row.route or UNKNOWN), epoch=row.epoch)
    elif row.kind is Kind.REFUSED:
        outcome = words("refused", why=row.outcome)
    elif row.kind is Kind.INTENT:
        outcome = words("unrecorded")
    if row.kind is Kind.STATE:
        what = row.what
        names = [model_name(of.spec.model_id, of.spec.revision, of.spec.options) for of in row.versions.values()]
        outcome, why = states(row.outcome, words), " · ".join(filter(None, [*names[:1], row.why]))
    return Happened(kind, row.at, row.who, what, why, outcome, row.seq)


def _joined(older: Happened, newer: Happened) -> Happened:
    """``new → loading`` and ``loading → warming`` are ``new → loading → warming``."""
    begin, arrow, end = older.outcome.rpartition(_ARROW)
    follows = arrow and newer.outcome.startswith(f"{end}{_ARROW}")
    outcome = begin + _ARROW + newer.outcome if follows else f"{older.outcome}; {newer.outcome}"
    return replace(
        newer,
        outcome=outcome,
        why=newer.why or older.why,
        who=newer.who or older.who,
        last_seq=older.last_seq,
    )
