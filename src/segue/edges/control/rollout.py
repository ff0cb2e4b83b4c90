"""``segue rollout``: release a version gradually; and what may be done with the one under way. ``segue canary``."""

import math
from typing import Any

import click

from segue.edges.control.following import followed
from segue.edges.control.outcome import FAILED, STOPPED, tell
from segue.edges.control.plan import options_of_a_plan, plan_of
from segue.edges.control.server import asking, json_option, option_for, server_option
from segue.edges.control.wanted import named_version, options_of_a_version

_CURRENT = "current"

_EPILOG = """\b
Examples:
  segue rollout models/my-fsmn                        1, 10, 50 % of the keys, then all
  segue rollout models/my-fsmn --shadow 20 --canary 5,25 --bake 10m --wait
  segue rollout models/my-fsmn --plan plan.toml --golden labelled/
  segue rollout status        segue canary 25         segue rollout promote
  segue rollout abort --why "too many cuts"

\b
It goes on by itself as far as the evidence allows, and back by itself when it
must; callers never see the new version fail. docs/rollouts.md tells how.

\b
Exit status: 0 done (with --wait: it serves everyone), 1 failed, refused or
aborted, 2 the command line is wrong, 3 taken back by itself, 4 no server,
130 stopped waiting by Ctrl-C (the rollout goes on).
"""


class _Rollout(click.Group):
    """``segue rollout MODEL …`` is ``segue rollout begin MODEL …``: whatever is not the name of a command."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        at = next((at for at, arg in enumerate(args) if arg != "--debug"), len(args))
        if args[at:] and args[at] not in self.commands and args[at] not in ("-h", "--help"):
            args = [*args[:at], "begin", *args[at:]]
        return super().parse_args(ctx, args)


@click.group("rollout", cls=_Rollout, epilog=_EPILOG)
def rollout() -> None:
    """Release a new version gradually: segue rollout MODEL_ID[@REVISION] [OPTIONS].

    The new version is prepared, tried on copies of real requests (--shadow), then on a growing share of them
    (--canary), and serves everyone when nothing speaks against it. segue rollout begin --help lists the options.
    """


@rollout.command("begin", epilog=_EPILOG, short_help="Begin one (the word begin may be left out).")
@click.argument("model", required=False, metavar="[MODEL_ID[@REVISION]]")
@click.option("--version", metavar="VERSION", help="A version that the server knows, in place of a model.")
@options_of_a_version
@click.option(
    "--plan", "plan_file", type=click.Path(dir_okay=False), help="A plan in TOML or JSON; options go over it."
)
@options_of_a_plan
@click.option("--auto/--manual", "auto", default=None, help="Go on by itself, or only when told to.  [default: auto]")
@click.option("--why", metavar="TEXT", default="", help="The reason, for the history.")
@click.option("--wait", "waits", is_flag=True, help="Wait for its end, and tell of each step.")
@json_option("Print the rollout as one JSON object.")
@server_option
def begin(
    *,
    model: str | None,
    version: str | None,
    parameters: tuple[str, ...],
    mode: str | None,
    preset: str | None,
    isolate: bool | None,
    plan_file: str | None,
    why: str,
    waits: bool,
    as_json: bool,
    server: str | None,
    **given: Any,
) -> int:
    """Begin to release MODEL_ID: prepare it, and take the first step of the plan."""
    if model in rollout.commands:
        raise click.UsageError(f"{model} is a command of segue rollout: write it first; a directory is ./{model}")
    named = named_version(model, version, parameters=parameters, mode=mode, preset=preset, isolate=isolate)
    body = named | {"plan": plan_of(plan_file, given), "why": why}
    from segue.edges.control.rollout_text import follow

    with asking(server) as client:
        change = followed(client, client.post("/v1/rollouts", body, wait=False), server=server)
        if change is None:
            return STOPPED
        if change["state"] == "failed":
            tell(change, client, server)
            return FAILED
        return follow(client, change["answer"]["id"], until_over=waits, as_json=as_json, option=option_for(server))


@rollout.command("status", short_help="Where it is, what it waits for, what is known.")
@click.argument("rollout_id", required=False, default=_CURRENT, metavar="[ID]")
@click.option("-w", "--watch", "watched", is_flag=True, help="Tell of each step until it is over.")
@json_option("One JSON object.")
@server_option
def status(*, rollout_id: str, watched: bool, as_json: bool, server: str | None) -> int:
    """Show the rollout under way, or else the last; or the one of this ID."""
    from segue.edges.control.rollout_text import follow

    with asking(server) as client:
        return follow(client, rollout_id, until_over=watched, as_json=as_json, option=option_for(server))


def _verb(name: str, short: str, about: str) -> None:
    """A command that is one word to the rollout under way."""

    @rollout.command(name, short_help=short, help=about)
    @click.argument("rollout_id", required=False, default=_CURRENT, metavar="[ID]")
    @json_option("Print the rollout as one JSON object.")
    @server_option
    def say(*, rollout_id: str, as_json: bool, server: str | None) -> int:
        return _say(rollout_id, name, None, as_json=as_json, server=server)


_verb("pause", "Let it stay where it is.", "Let it stay where it is. It is taken back all the same if it must.")
_verb("resume", "Let it go on by its plan.", "Let it go on by its plan, after a pause or a share set by hand.")
_verb("promote", "Let it serve everyone now.", "Let it serve everyone now, whatever its plan waits for.")


@rollout.command("abort", short_help="End it: what served before serves everyone again.")
@click.argument("rollout_id", required=False, default=_CURRENT, metavar="[ID]")
@click.option("--why", metavar="TEXT", default="", help="The reason, for the history.")
@json_option("Print the rollout as one JSON object.")
@server_option
def abort(*, rollout_id: str, why: str, as_json: bool, server: str | None) -> int:
    """End it, at whatever step it is: what served before serves everyone again, at once."""
    return _say(rollout_id, "abort", {"why": why}, as_json=as_json, server=server)


@click.command("canary")
@click.argument("percent", type=click.FloatRange(0, 100), metavar="PERCENT")
@json_option("Print the rollout as one JSON object.")
@server_option
def canary(*, percent: float, as_json: bool, server: str | None) -> int:
    """Let the version on trial answer PERCENT of the keys (0 to 100), until the next word.

    A key that was with it stays with it as the share grows. segue rollout resume lets the plan go on.
    """
    if math.isnan(percent):  # which is out of no range
        raise click.UsageError("PERCENT: a number from 0 to 100 is wanted")
    return _say(_CURRENT, "canary", {"percent": percent}, as_json=as_json, server=server)


def _say(rollout_id: str, verb: str, body: dict[str, Any] | None, *, as_json: bool, server: str | None) -> int:
    from urllib.parse import quote

    from segue.edges.control.rollout_text import show

    with asking(server) as client:
        said = client.post(f"/v1/rollouts/{quote(rollout_id, safe='')}/{verb}", body)
        show(said, as_json=as_json)
    return 0
