"""Rows of the journal, newest first -> the lines of a history: what happened, each thing once."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from segue.edges.control.figures import model_name
from segue.speech.names import printable

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

_ARROW = " -> "
_WIDE = 100  # columns from which on there is room for the year
_UNBROKEN = 500  # columns from which on it is not for a screen: one line each
_STYLES = {"done": "green", "refused": "red", "open": "yellow", "state": "dim", "note": "cyan"}


@dataclass(frozen=True, slots=True)
class Happened:
    """One line. ``mark`` is done, refused, open, state or note; ``name`` is the model, where ``what`` is a version."""

    seq: int
    at: float
    who: str
    what: str
    name: str
    why: str
    outcome: str
    mark: str


def chronicle(entries: Iterable[Mapping[str, Any]]) -> Iterator[Happened]:
    """An intent and its end are one line; so are the steps of one version that follow on each other.

    ``entries`` are the newest first, and read no further than is asked for.
    """
    pending: Happened | None = None
    ended: set[int] = set()  # the intents whose end was seen: it is newer, and comes first
    for entry in entries:
        if entry["kind"] == "intent" and entry["seq"] in ended:
            continue
        if entry["of"] is not None:
            ended.add(entry["of"])
        line = _line(entry)
        if pending and pending.mark == line.mark == "state" and pending.what == line.what:
            pending = _joined(line, pending)
            continue
        if pending:
            yield pending
        pending = line
    if pending:
        yield pending


def _line(entry: Mapping[str, Any]) -> Happened:
    what, name = f"{entry['verb']} {entry['what']}".strip(), ""
    match entry["kind"]:
        case "done":
            outcome, mark = f"serves {entry['route_text'] or 'nothing'} (epoch {entry['epoch']})", "done"
        case "refused":
            outcome, mark = f"refused: {entry['outcome']}", "refused"
        case "intent":
            outcome, mark = "begun; its end is not recorded", "open"
        case "state":
            what, outcome, mark = entry["what"], entry["outcome"], "state"
            names = [model_name({**of, "id": of["model_id"]}, of["options"]) for of in entry["versions"].values()]
            name = names[0] if names else ""
        case _:
            outcome, mark = entry["outcome"], "note"
    return Happened(entry["seq"], entry["at"], entry["who"], what, name, entry["why"], outcome, mark)


def _joined(older: Happened, newer: Happened) -> Happened:
    """``new -> loading`` and ``loading -> warming`` are ``new -> loading -> warming``."""
    begin, arrow, end = older.outcome.rpartition(_ARROW)
    follows = arrow and newer.outcome.startswith(f"{end}{_ARROW}")
    outcome = begin + _ARROW + newer.outcome if follows else f"{older.outcome}, {newer.outcome}"
    return replace(
        newer, outcome=outcome, name=newer.name or older.name, why=newer.why or older.why, who=newer.who or older.who
    )


def history_table(happened: Iterable[Happened], *, width: int) -> "RenderableType":
    """On a screen each in lines of its own, so that nothing is cut; in a pipe (very wide) each in one line."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim", show_header=width >= _UNBROKEN)
    for title in ("time", "who", "what", "outcome") if width >= _UNBROKEN else ("time", "what"):
        table.add_column(title, no_wrap=title == "time", overflow="fold")
    for line in happened:
        if width >= _UNBROKEN:
            texts = (line.who, "; ".join(filter(None, (line.what, line.name, line.why))), line.outcome)
            table.add_row(_time(line.at, "%Y-%m-%d %H:%M:%S"), *map(printable, texts))
        else:
            form = "%Y-%m-%d %H:%M:%S" if width >= _WIDE else "%m-%d %H:%M:%S"
            table.add_row(_time(line.at, form), _block(line))
    return table


def _block(line: Happened) -> "Text":
    """Who did what; how it ended; why."""
    from rich.text import Text

    style = _STYLES[line.mark]
    text = Text(f"{printable(line.who)}: " if line.who and line.mark != "state" else "", style="")
    text.append(printable(line.what), style="dim" if line.mark == "state" else "bold")
    if line.outcome:
        text.append(": " if line.mark == "state" else "\n", style=style)
        text.append(printable(line.outcome), style=style)
    if line.name:
        text.append(f"\n{printable(line.name)}", style="dim")
    if line.why:
        text.append(f"\nwhy: {printable(line.why)}", style="dim")
    return text


def _time(at: float, form: str) -> str:
    return datetime.fromtimestamp(at).strftime(form)
