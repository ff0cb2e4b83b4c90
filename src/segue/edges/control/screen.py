"""Where the status is shown: JSON, a table, or a table that is drawn anew in a screen of its own."""

import json
from collections.abc import Mapping
from typing import Any

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from segue.edges.control.figures import duration
from segue.edges.control.table import Shown, whole
from segue.speech.names import printable

_FOR_PROGRAMS = 1000  # columns: no line is broken


def make_console() -> Console:
    """Standard output."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _FOR_PROGRAMS
    return console


class Screen:
    """What ``status`` shows, on standard output. With ``live``, again and again. A context manager."""

    def __init__(self, *, as_json: bool, live: bool, option: str, console: Console | None = None) -> None:
        self._as_json = as_json
        self._is_live = live
        self._option = option
        self._console = console or make_console()
        self._live: Live | None = None
        self._last: RenderableType | None = None
        if live and not as_json and self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, screen=True)

    def __enter__(self) -> "Screen":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()
            if self._last is not None:
                self._console.print(self._last)  # the screen of its own is gone: leave what was seen last

    def show(self, url: str, said: Mapping[str, Any]) -> None:
        """Show an answer. Raises KeyError when it lacks something."""
        if self._as_json:
            click.echo(json.dumps(said, ensure_ascii=False, indent=None if self._is_live else 2))
            return
        self._last = whole(said, Shown(url, self._console.width, self._option))
        if self._live:
            self._live.update(self._last, refresh=True)
        else:
            self._console.print(self._last, soft_wrap=not self._console.is_terminal)

    def show_absence(self, why: str, for_s: float) -> None:
        """Show that there is no answer, and the last that there was."""
        if self._live is None:
            click.echo(f"segue: no answer for {duration(for_s)}: {printable(why)}", err=True)
            return
        note = Text(f"no answer for {duration(for_s)}, asking again: {printable(why)}", style="bold red")
        last = [Text(), Text("the last answer:", style="dim"), self._last] if self._last is not None else []
        self._live.update(Group(note, *last), refresh=True)
