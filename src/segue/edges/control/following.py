"""A change that was begun: followed to its end, and told. Nothing here can stop it; that is what rollback is for."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from segue.edges.control.outcome import STOPPED, status_of, tell
from segue.edges.control.server import option_for, say
from segue.edges.control.steps import Show, show_on
from segue.errors import ServerRefused, ServerUnreachable

if TYPE_CHECKING:
    from segue.client import Client

POLL_S = 0.1


def follow(client: "Client", change: Mapping[str, Any], *, server: str | None, as_json: bool) -> int:
    """Show its steps as they happen and tell its outcome: the exit status. Raises ServerUnreachable, ServerRefused."""
    import json

    over = followed(client, change, server=server)
    if over is None:
        return STOPPED
    if as_json:
        click.echo(json.dumps(over, ensure_ascii=False, indent=2))
    if not as_json or over["state"] == "failed":
        tell(over, client, server)
    return status_of(over)


def followed(
    client: "Client",
    change: Mapping[str, Any],
    *,
    server: str | None,
    sleep: Callable[[float], None] = time.sleep,
) -> Mapping[str, Any] | None:
    """The change when it is over, its steps shown as they happen; None where somebody stopped waiting, which is said.

    Raises ServerUnreachable, ServerRefused.
    """
    try:
        with show_on(sys.stderr.isatty(), os.environ.get("TERM")) as show:
            return wait(client, change, show, sleep=sleep)
    except KeyboardInterrupt:
        option = option_for(server)
        # No word of rollback: while this goes on it would go back behind what serves now, too.
        say(
            f"stopped waiting; {change['verb']} {change['id']} goes on: see segue status{option}, segue history{option}"
        )
        return None


def wait(
    client: "Client", change: Mapping[str, Any], show: Show, *, sleep: Callable[[float], None] = time.sleep
) -> Mapping[str, Any]:
    """The change when it is over. Raises ServerUnreachable, ServerRefused."""
    path = f"/v1/changes/{quote(change['id'], safe='')}"
    show.show(change)
    while change["state"] == "running":
        sleep(POLL_S)
        try:
            change = client.get(path)
        except ServerUnreachable as error:
            raise ServerUnreachable(
                f"{error}; what became of {change['verb']} {change['id']}, segue history tells when a server runs again"
            ) from error
        except ServerRefused as error:
            if error.code != "unknown_change":
                raise
            raise ServerRefused(
                f"the server was started anew and does not know {change['verb']} {change['id']}: see segue history",
                code=error.code,
                status=error.status,
            ) from error
        show.show(change)
    return change


def begun(change: Mapping[str, Any], *, server: str | None, as_json: bool) -> int:
    """For who does not wait: what was begun, and how to look at it."""
    import json

    option = option_for(server)
    if as_json:
        click.echo(json.dumps(change, ensure_ascii=False, indent=2))
    else:
        click.echo(f"begun: {change['verb']} {change['id']}; see segue status{option} and segue history{option}")
    return 0
