"""``segue rollback``: back to what served before."""

import click

from segue.edges.control.following import begun, follow
from segue.edges.control.server import asking, json_option, server_option

_EPILOG = """\b
Examples:
  segue rollback
  segue rollback --why "too many cuts"

\b
Exit status: 0 done, 1 failed or refused, 2 the command line is wrong,
4 no server, 130 stopped waiting by Ctrl-C (the rollback goes on).
"""


@click.command("rollback", epilog=_EPILOG)
@click.option("--why", metavar="TEXT", default="", help="The reason, for the history.")
@click.option("--no-wait", is_flag=True, help="Begin it, and do not wait for its end.")
@json_option("Print the change, when it is over, as one JSON object.")
@server_option
def rollback(*, why: str, no_wait: bool, as_json: bool, server: str | None) -> int:
    """Go back to the version that served before.

    A version that was replaced stays warm for ten minutes (bake_s), and then serves again at once; later it is
    prepared first. A second rollback goes one further back. A switch that is under way is cancelled, not waited for.
    """
    with asking(server) as client:
        change = client.post("/v1/rollback", {"why": why}, wait=False)
        if no_wait:
            return begun(change, server=server, as_json=as_json)
        return follow(client, change, server=server, as_json=as_json)
