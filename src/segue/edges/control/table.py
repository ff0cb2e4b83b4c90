"""What the status looks like: the service in a few lines, then each version, in 80 columns or more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from segue.edges.control.figures import amount, clock, count, duration, megabytes, model_name, share
from segue.edges.control.rollout_text import headline
from segue.speech.names import printable

_STYLES = {
    "primary": "bold green",
    "canary": "bold yellow",
    "shadow": "bold cyan",
    "loading": "yellow",
    "warming": "yellow",
    "draining": "magenta",
    "failed": "bold red",
}
_COLUMNS = ("version", "role", "leases", "streams", "rate/s", "p50 ms", "p99 ms", "errors", "MB")
_WIDE_COLUMNS = (*_COLUMNS, "requests")
_WIDE = 100  # from here on there is room for all columns
_TEXTS = 2  # so many columns at the left are text, the others numbers


@dataclass(frozen=True, slots=True)
class Shown:
    """How it is to be shown: the address that was asked, the columns there are, what to add to suggested commands."""

    url: str
    width: int
    option: str = ""


def whole(status: Mapping[str, Any], shown: Shown) -> Group:
    """The status. Versions that are closed, or were never loaded, are only counted."""
    versions = [each for each in status["versions"] if each["state"] not in ("new", "closed")]
    rest = len(status["versions"]) - len(versions)
    parts: list[RenderableType] = [*_service(status, shown), Text(), version_table(versions, width=shown.width)]
    if rest:
        more = f"{count(rest, 'version')} not loaded: segue versions{shown.option} shows all"
        parts.append(Text(more, style="dim"))
    return Group(*parts)


def version_table(versions: Sequence[Mapping[str, Any]], *, width: int, digests: bool = False) -> Group:
    """Each version: a line of figures, and below it what it is and what it waits for."""
    if not versions:
        return Group(Text("no version is loaded", style="dim"))
    titles = _WIDE_COLUMNS if width >= _WIDE else _COLUMNS
    rows = [titles, *(_figures(version)[: len(titles)] for version in versions)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(titles))]
    gap = 2 if sum(widths) + 2 * len(widths) <= width else 1
    lines: list[RenderableType] = [_line(titles, widths, gap, "dim")]
    for version, row in zip(versions, rows[1:], strict=True):
        lines.append(_line(row, widths, gap, _STYLES.get(_kind(version), "")))
        notes = _notes(version, digests=digests)
        lines += [_indented(printable(note), style) for note, style in notes]
    return Group(*lines)


# -- the service ---------------------------------------------------------------------------------------------------


def _service(status: Mapping[str, Any], shown: Shown) -> list[Text]:
    ready = Text("ready", style="green") if status["ready"] else Text("not ready", style="bold red")
    waits_for = "" if status["ready"] else status.get("waits_for", "")
    up = f", up {duration(status['uptime_s'])}, pid {status['pid']}, {megabytes(status['memory_bytes'])} MB"
    lines = [Text.assemble(f"segue {status['segue']} at {shown.url}, ", ready, up)]
    serves = (
        Text.assemble("serves ", (str(status["route_text"]), "bold")) if status["route"] else Text("serves nothing")
    )
    back = status["back"]
    way = f"rollback goes to {back[-1]}" if back else "there is nothing to go back to"
    lines.append(serves.append(f", epoch {status['epoch']}; {way}"))
    streams, requests = status["streams"], status["requests"]
    elsewhere = f" ({streams['elsewhere']} not on what serves)" if streams["elsewhere"] else ""
    numbers = f"{requests['running']} running, {requests['waiting']} waiting, {requests['refused']} refused"
    lines.append(Text(f"streams {streams['open']}{elsewhere}, requests {numbers}"))
    if waits_for:
        lines.append(Text(f"not ready: {printable(waits_for)}", style="bold red"))
    if status["under_way"]:
        lines.append(_under_way(status["under_way"]))
    if status.get("rollout"):
        lines.append(Text(printable(headline(status["rollout"])), style="yellow"))
        if status["rollout"]["waits_for"]:
            lines.append(Text(printable(f"  waits for {status['rollout']['waits_for']}"), style="dim"))
    if status.get("follow"):
        lines.append(Text(printable(f"follows {status['follow']}"), style="dim"))
    pending, notice = status["journal"]["pending_rows"], status["journal"]["notice"]
    if pending:
        lines.append(Text(f"journal: {count(pending, 'row')} could not be written yet", style="bold red"))
    if notice:
        lines.append(Text(f"journal: {printable(notice)}", style="yellow"))
    return lines


def _under_way(change: Mapping[str, Any]) -> Text:
    step = change["steps"][-1]["step"] if change["steps"] else "begun"
    by = f" by {change['who']}" if change["who"] else ""
    what = printable(f"under way: {change['verb']} {change['what']}{by}: {step}")
    return Text(f"{what}, for {duration(change['took_s'])}", style="yellow")


# -- a version -----------------------------------------------------------------------------------------------------


def _kind(version: Mapping[str, Any]) -> str:
    """Its role in the route, else its state; warm is READY in no role."""
    if version["role"]:
        return str(version["role"])
    return "warm" if version["state"] == "ready" else str(version["state"])


def _figures(version: Mapping[str, Any]) -> tuple[str, ...]:
    kind = _kind(version)
    left_s = version["bake_left_s"]
    if kind in ("primary", "canary"):
        kind += f" {share(version['share'])}"
    elif kind == "warm" and left_s is not None:
        kind += f" {clock(left_s)}"
    numbers = (version["rate_per_s"], version["p50_ms"], version["p99_ms"])
    return (
        str(version["version"]),
        kind,
        f"{version['leases']:,}",
        f"{version['streams']:,}",
        *(amount(number) for number in numbers),
        f"{version['errors']:,}",
        megabytes(version["memory_bytes"]),
        f"{version['requests']:,}",
    )


def _notes(version: Mapping[str, Any], *, digests: bool) -> list[tuple[str, str]]:
    """(text, style): what it is, what it waits for, what became of it."""
    notes = [(model_name(version["model"], version["options"]), "dim")]
    if digests:
        notes.append((f"digest {version['model']['digest'][:12]}, life {version['incarnation']}", "dim"))
    if version["state"] == "draining":
        users = count(version["leases"], "lease") + _streams(version["streams"])
        notes.append((f"waits for {users}, then closes" if version["leases"] else "is being closed", "magenta"))
    elif version["state"] == "ready" and not version["role"]:
        left_s = version["bake_left_s"]
        if left_s is not None:
            text = f"can serve again at once; closes in {clock(left_s)}" if left_s else "is about to close"
            notes.append((text, "dim"))
    if version["failure"]:
        notes.append((f"failed: {version['failure']}", "red"))
    if version["stranded"]:
        lives = count(version["stranded"], "life", "lives")
        notes.append((f"the memory of {lives} cannot come back before the server ends: a call never returned", "red"))
    return notes


def _streams(number: int) -> str:
    return f", {count(number, 'stream')} among them" if number else ""


def _indented(text: str, style: str) -> RenderableType:
    return Padding(Text(text, style=style, overflow="fold"), (0, 0, 0, 2), expand=False)


def _line(cells: Sequence[str], widths: Sequence[int], gap: int, style: str) -> Text:
    """Texts to the left, numbers to the right. Of a version's line only its role has a colour."""
    line = Text(no_wrap=True, overflow="crop")
    for column, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        text = cell.ljust(width) if column < _TEXTS else cell.rjust(width)
        coloured = style if style == "dim" or column == 1 else ""
        line.append(text + " " * gap, style=coloured)
    line.rstrip()
    return line
