"""What is said to people meanwhile, on standard error: lines, and a bar."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from segue.speech.names import legible

if TYPE_CHECKING:
    from segue.edges.eval.hearing import Heard


def tell(heard: "Iterable[Heard]", problems: Iterable[str], *, debug: bool) -> bool:
    """Say on standard error what is wrong, a line each; whether anything was left out for it."""
    left_out = False
    for problem in problems:
        say(f"error: {problem}")
        left_out = True
    for one in heard:
        if one.note:
            say(one.note)
        if one.error:
            left_out = True
            say(f"error: {one.error}")
            if debug and one.trace:
                click.echo(one.trace.rstrip(), err=True)
    return left_out


def say(text: str) -> None:
    """A line on standard error."""
    click.echo(f"segue: {legible(text)}", err=True)


@contextmanager
def progress(count: int, what: str) -> Iterator[Callable[[], None]]:
    """A bar on standard error while it is a terminal; call what it gives once for each that is done."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn(what), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=count)
        yield lambda: bar.advance(task)
