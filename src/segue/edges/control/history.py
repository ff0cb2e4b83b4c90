"""``segue history``: who changed what, when, why, and how it ended."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from segue.edges.control.server import asking, json_option, server_option

if TYPE_CHECKING:
    from segue.client import Client

_PAGE = 200


@click.command(
    "history",
    epilog="""\b
Examples:
  segue history
  segue history -n 100
  segue history --json | jq '.[] | select(.kind == "done")'
""",
)
@click.option(
    "-n", "number", type=click.IntRange(min=1), default=20, show_default=True, metavar="N", help="At most so many."
)
@json_option("The rows of the journal as one JSON list, instead of a table.")
@server_option
def history(*, number: int, as_json: bool, server: str | None) -> None:
    """Show what became of the service, newest first: each change with who asked for it, why, and how it ended.

    The steps of one version that follow on each other are one line.
    """
    with asking(server) as client:
        if as_json:
            rows = list(islice(entries(client, page=min(number, _PAGE)), number))
            click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
            return
        from segue.edges.control.chronicle import chronicle, history_table
        from segue.edges.control.screen import make_console

        happened = list(islice(chronicle(entries(client, page=_PAGE)), number))
        if not happened:
            click.echo("nothing has happened yet")
            return
        console = make_console()
        console.print(history_table(happened, width=console.width), soft_wrap=not console.is_terminal)


def entries(client: "Client", *, page: int) -> Iterator[dict[str, Any]]:
    """All rows of the journal, the newest first, asked for as they are needed."""
    before: int | None = None
    while rows := client.get("/v1/history", limit=page, before=before)["entries"]:
        yield from rows
        before = rows[-1]["seq"]
