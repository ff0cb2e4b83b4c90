"""``segue status``: what serves now, once or as a table that keeps itself up to date."""

import time
from collections.abc import Callable
from typing import Any, NoReturn

import click

from segue.edges.control.outcome import STOPPED
from segue.edges.control.server import asking, json_option, option_for, server_option, understanding
from segue.errors import ServerRefused, ServerUnreachable

_EVERY_S = 1.0
_REACH_S = 5.0  # longest wait for the answer of a server that is watched
_AWAY = frozenset({"not_segue", "not_understood", "not_ready", "overloaded", "shutting_down", "internal"})
"""Refusals of a server, or of what stands before it, that is on its way down or up."""


@click.command(
    "status",
    epilog="""\b
Examples:
  segue status
  segue status --watch
  segue status --json | jq -r .route.primary

\b
rate, latencies and errors are those of the last 60 seconds.
""",
)
@click.option("-w", "--watch", "watched", is_flag=True, help="Ask again each second, until Ctrl-C.")
@json_option("One JSON object instead of a table; with --watch, one a line.")
@server_option
def status(*, watched: bool, as_json: bool, server: str | None) -> int:
    """Show what serves, how it does, what drains and what is under way."""

    from segue.edges.control.screen import Screen

    def ask() -> tuple[str, dict[str, Any]]:
        with asking(server) as client:  # anew each time: a server that was started anew may have another address
            return client.url, client.get("/v1/status", read_timeout_s=_REACH_S)

    with Screen(as_json=as_json, live=watched, option=option_for(server)) as screen, understanding():
        if not watched:
            screen.show(*ask())
            return 0
        try:
            watch(ask, screen.show, screen.show_absence)
        except KeyboardInterrupt:
            return STOPPED
        except BrokenPipeError:  # whoever read our output has seen enough
            return 128 + 13


def watch(
    ask: Callable[[], tuple[str, dict[str, Any]]],
    show: Callable[[str, dict[str, Any]], None],
    show_absence: Callable[[str, float], None],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> NoReturn:
    """Ask and show, each second, for ever. A server that was there may go and come back: ``show_absence``.

    Raises as ``ask`` where the server is not there at the beginning, or refuses for good.
    """
    last_s: float | None = None  # when it last answered
    while True:
        try:
            url, said = ask()
        except (ServerUnreachable, ServerRefused) as error:
            if last_s is None or (isinstance(error, ServerRefused) and error.code not in _AWAY):
                raise
            show_absence(str(error), clock() - last_s)
        else:
            last_s = clock()
            show(url, said)
        sleep(_EVERY_S)
