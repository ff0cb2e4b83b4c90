"""What is said to people while a run lasts: on standard error, above the bar while there is one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from segue.speech.names import legible

if TYPE_CHECKING:
    from segue.edges.batch.display import Bar


class Voice:
    """Says lines from any thread."""

    def __init__(self) -> None:
        self._bar: Bar | None = None

    @contextmanager
    def above(self, bar: "Bar | None") -> Iterator[None]:
        """Meanwhile, so that the bar stays below."""
        self._bar = bar
        try:
            yield
        finally:
            self._bar = None

    def say(self, text: str) -> None:
        """A line, or several of which the first says who speaks."""
        first, *rest = legible(text).splitlines() or [""]
        text = "\n".join([f"segue: {first}", *rest])
        if bar := self._bar:
            bar.above(text)
        else:
            click.echo(text, err=True)
