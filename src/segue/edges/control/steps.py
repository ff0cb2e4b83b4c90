"""What is shown of a change while it is under way: a line a step, live on a terminal, plain in a pipe."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import click

from segue.edges.control.figures import duration
from segue.speech.names import printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?) ?%")
_OF = re.compile(r"(\d+(?:\.\d+)?)(?: ?[kMG]?i?B)? of (\d+(?:\.\d+)?)\b")


@dataclass(frozen=True, slots=True)
class Line:
    """One step. ``took_s`` is None while it is under way; ``share`` is how much of it is done, where that is said."""

    step: str
    detail: str
    at_s: float
    took_s: float | None
    share: float | None


class Show(Protocol):
    """What is told of a change, each time that it was asked after. A context manager."""

    def __enter__(self) -> "Show": ...
    def __exit__(self, *_: object) -> None: ...
    def show(self, change: Mapping[str, Any]) -> None:
        """``change`` as the service tells it."""


def lines_of(change: Mapping[str, Any]) -> list[Line]:
    """A line for each step: the reports of one step are its line's detail, the last of them."""
    merged: list[tuple[str, str, float]] = []
    for report in change["steps"]:
        step, detail, at_s = report["step"], report["detail"], report["at_s"]
        if merged and merged[-1][0] == step:
            before = merged.pop()
            merged.append((step, detail or before[1], before[2]))
        else:
            merged.append((step, detail, at_s))
    ends: list[float | None] = [at_s for _, _, at_s in merged[1:]]
    ends.append(None if change["state"] == "running" else change["took_s"])
    return [
        Line(step, printable(detail), at_s, None if end is None else max(0.0, end - at_s), _share(detail))
        for (step, detail, at_s), end in zip(merged, ends, strict=False)
    ]


def _share(detail: str) -> float | None:
    """What a report says of how far it is: ``31 %``, ``12.5 of 40 MB``."""
    if found := _PERCENT.search(detail):
        return min(1.0, float(found[1]) / 100)
    if (found := _OF.search(detail)) and float(found[2]) > 0:
        return min(1.0, float(found[1]) / float(found[2]))
    return None


class Plain:
    """One line a report on standard error, with the time since the change began; how far a step is, is left out."""

    def __init__(self) -> None:
        self._reports = 0
        self._step = ""

    def __enter__(self) -> "Plain":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, change: Mapping[str, Any]) -> None:
        """Print what is new."""
        for report in change["steps"][self._reports :]:
            if report["step"] != self._step or _share(report["detail"]) is None:
                text = printable(f"{report['step']:<7} {report['detail']}".rstrip())
                click.echo(f"{report['at_s']:8.2f} s  {text}", err=True)
            self._step = report["step"]
        self._reports = len(change["steps"])


class Live:
    """Lines that are drawn anew each time, with a mark, the time that each took, and a bar where one is known."""

    def __init__(self, console: "Console") -> None:
        from rich.live import Live as Drawing
        from rich.spinner import Spinner

        self._ascii = console.options.ascii_only
        self._width = console.width - 3  # the terminal's own ^C must not begin another line: all would be drawn twice
        self._spinner = Spinner("line" if self._ascii else "dots", style="cyan")
        self._drawing = Drawing(
            console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False, vertical_overflow="crop"
        )

    def __enter__(self) -> "Live":
        self._drawing.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._drawing.stop()

    def show(self, change: Mapping[str, Any]) -> None:
        """Draw it as it is now."""
        self._drawing.update(self._drawn(change), refresh=True)

    def _drawn(self, change: Mapping[str, Any]) -> "RenderableType":
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1), width=self._width)
        table.add_column(width=1)
        table.add_column(no_wrap=True)
        table.add_column(ratio=1, overflow="crop" if self._ascii else "ellipsis", no_wrap=True)
        table.add_column(no_wrap=True, justify="right", style="dim")
        lines = lines_of(change)
        for line in lines:
            failed = change["state"] == "failed" and line is lines[-1]
            mark: RenderableType = Text(self._mark(failed), style="red" if failed else "green")
            detail: RenderableType = Text(line.detail, style="" if line.took_s is None else "dim")
            took_s = line.took_s
            if took_s is None:
                mark, took_s = self._spinner, max(0.0, change["took_s"] - line.at_s)
                if line.share is not None:
                    detail = Table.grid(padding=(0, 1))
                    detail.add_row(ProgressBar(1.0, line.share, width=24), Text(line.detail, no_wrap=True))
            table.add_row(mark, line.step, detail, duration(took_s))
        return table

    def _mark(self, failed: bool) -> str:
        if self._ascii:
            return "x" if failed else "+"
        return "✗" if failed else "✓"


def show_on(stream_is_terminal: bool, term: str | None) -> Show:
    """Live lines where standard error is a terminal that can draw; else plain ones."""
    if not stream_is_terminal or term == "dumb":
        return Plain()
    from rich.console import Console

    return Live(Console(stderr=True, highlight=False))
