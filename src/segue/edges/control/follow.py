"""``segue follow``: let what is new on a branch or in a directory be released by itself; see what is followed."""

import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from segue.edges.control.figures import duration
from segue.edges.control.plan import plan_of
from segue.edges.control.server import asking, json_option, say, server_option
from segue.edges.control.wanted import options_of_a_version, wanted
from segue.speech.names import printable

if TYPE_CHECKING:
    from segue.client import Client

_PATH = "/v1/follow"
_POLL_S = 0.2
_FIRST_LOOK_S = 10.0

_EPILOG = """\b
Examples:
  segue follow iic/my-vad@master --plan plan.toml
  segue follow models/next --plan plan.toml --every 1m
  segue follow                    what is followed, and what became of it
  segue follow --stop

\b
The service follows, not this command: nobody need be at hand, and it goes on
after a restart. A content is released once by itself, as segue rollout would:
never again when it was taken back, refused or aborted. What is in a directory
counts when two looks in a row found the same.
"""


@click.command("follow", epilog=_EPILOG)
@click.argument("model", required=False, metavar="[MODEL_ID@BRANCH|DIRECTORY]")
@options_of_a_version
@click.option("--plan", "plan_file", type=click.Path(dir_okay=False), help="The plan of its rollouts, in TOML or JSON.")
@click.option("--every", metavar="TIME", help="Between two looks, 30s or 5m; 10s at the least.  [default: 5m]")
@click.option("--stop", "stops", is_flag=True, help="Follow nothing any more. A rollout under way goes on.")
@click.option("--why", metavar="TEXT", default="", help="The reason, for the history.")
@json_option("Print what is followed as one JSON object, or null.")
@server_option
def follow(
    *,
    model: str | None,
    parameters: tuple[str, ...],
    mode: str | None,
    preset: str | None,
    isolate: bool | None,
    plan_file: str | None,
    every: str | None,
    stops: bool,
    why: str,
    as_json: bool,
    server: str | None,
) -> int:
    """Let the service follow a branch of a hub, or a directory: a new content there starts its rollout by itself.

    Without arguments: show what is followed, and what the last look found.
    """
    given = (plan_file, every, mode, preset, isolate)
    if model is None and (given != (None,) * len(given) or parameters or why):
        raise click.UsageError("name what is to be followed: MODEL_ID@BRANCH, or a directory")
    if model is not None and stops:
        raise click.UsageError("--stop stands alone: one thing is followed at a time")
    with asking(server) as client:
        if stops:
            stopped = client.delete(_PATH)["stopped"]
            _print(stopped, as_json, lambda: [f"{stopped['model']} is not followed any more"], "nothing was followed")
            return 0
        if model is not None:
            body = wanted(model, parameters=parameters, mode=mode, preset=preset, isolate=isolate)
            body |= {"plan": plan_of(plan_file, {}), "why": why} | ({"every": every} if every else {})
            said = _first_look(client, client.put(_PATH, body)["follow"])
        else:
            said = client.get(_PATH)["follow"]
        nothing = "nothing is followed: segue follow MODEL_ID@BRANCH --plan FILE begins it"
        _print(said, as_json, lambda: lines(said), nothing)
    return 0


def lines(said: Mapping[str, Any]) -> list[str]:
    """What is followed, what was found, what is wrong."""
    since = f"{datetime.fromtimestamp(said['since']):%Y-%m-%d %H:%M:%S}"
    found = [f"follows {said['model']}, every {duration(said['every_s'])}, by {said['who']} since {since}"]
    found.append(f"  {said['says']}")
    if said["looked_at"] is not None:
        ago_s = max(0.0, time.time() - said["looked_at"])
        found.append(f"  looked at {duration(ago_s)} ago, again in {duration(said['next_s'])}")
    plan = json.dumps(said["plan"], ensure_ascii=False)[1:-1].replace('"', "")
    found.append(f"  plan: {plan or 'as segue rollout has it by default'}")
    found += [f"  {name}: {said[name]}" for name in ("why", "problem", "note") if said[name]]
    return found


def _print(said: Mapping[str, Any] | None, as_json: bool, shown: Callable[[], list[str]], nothing: str) -> None:
    if as_json:
        click.echo(json.dumps(said, ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join(map(printable, shown() if said else [nothing])))


def _first_look(client: "Client", said: dict[str, Any], *, sleep: Callable[[float], None] = time.sleep) -> Any:
    """After the first look, if that does not take too long: most mistakes show there."""
    give_up_s = time.monotonic() + _FIRST_LOOK_S
    try:
        while said is not None and said["looked_at"] is None and time.monotonic() < give_up_s:
            sleep(_POLL_S)
            said = client.get(_PATH)["follow"]
    except KeyboardInterrupt:
        say("stopped waiting for the first look; it is followed all the same")
    return said
