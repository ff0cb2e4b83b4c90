"""``segue versions``: those that the server knows; prepare one, or close one."""

import json
from typing import Any

import click

from segue.edges.control.figures import count, megabytes, model_name
from segue.edges.control.server import asking, json_option, option_for, server_option
from segue.edges.control.wanted import options_of_a_version, wanted
from segue.speech.names import printable

_GRACE_S = 30.0  # for the answer, beyond the deadline that the server was given


@click.group(
    "versions",
    invoke_without_command=True,
    epilog="""\b
Examples:
  segue versions
  segue versions prepare iic/speech_fsmn_vad_zh-cn-16k-common-pytorch
  segue versions close v6cadc83c
""",
)
@json_option("One JSON list instead of a table.")
@server_option
@click.pass_context
def versions(ctx: click.Context, *, as_json: bool, server: str | None) -> None:
    """List, prepare and close versions.

    A version is a model with its options: its name is made of the bytes of the one and the values of the other, and is
    the same wherever and whenever it is loaded.
    """
    if ctx.invoked_subcommand is not None:
        if as_json:
            raise click.UsageError(f"--json goes behind the command: segue versions {ctx.invoked_subcommand} … --json")
        ctx.obj = server
        return
    with asking(server) as client:
        known: list[dict[str, Any]] = client.get("/v1/versions")["versions"]
        if as_json:
            click.echo(json.dumps(known, ensure_ascii=False, indent=2))
            return
        from segue.edges.control.screen import make_console
        from segue.edges.control.table import version_table

        console = make_console()
        console.print(version_table(known, width=console.width, digests=True), soft_wrap=not console.is_terminal)


@versions.command(short_help="Fetch, load and warm a version, without letting it serve.")
@click.argument("model", metavar="MODEL_ID[@REVISION]")
@options_of_a_version
@click.option("--why", metavar="TEXT", default="", help="The reason, for the history.")
@json_option("Print the version as one JSON object.")
@server_option
@click.pass_obj
def prepare(
    above: str | None,
    *,
    model: str,
    parameters: tuple[str, ...],
    mode: str | None,
    preset: str | None,
    isolate: bool | None,
    why: str,
    as_json: bool,
    server: str | None,
) -> None:
    """Fetch, verify, load and warm MODEL_ID, so that a switch to it takes no time. It serves nobody until then."""
    server = server or above
    body = wanted(model, parameters=parameters, mode=mode, preset=preset, isolate=isolate)
    with asking(server) as client:
        version = client.post("/v1/versions", body | {"why": why}, read_timeout_s=None)
        if as_json:
            click.echo(json.dumps(version, ensure_ascii=False, indent=2))
            return
        name, called = version["version"], model_name(version["model"], version["options"])
        line = f"{name} is {version['state']} ({called}); to let it serve: segue switch --version {name}"
        click.echo(printable(line + option_for(server)))


@versions.command(short_help="Close a version that does not serve.")
@click.argument("version", metavar="VERSION")
@click.option(
    "--deadline",
    "deadline_s",
    type=click.FloatRange(min=0, max=3600),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Longest wait for those who use it.",
)
@json_option("Print the answer as one JSON object.")
@server_option
@click.pass_obj
def close(above: str | None, *, version: str, deadline_s: float, as_json: bool, server: str | None) -> int:
    """Give VERSION no new work, and close it when the last that it has is done.

    Exit status 1 when that is not so within the deadline: then it closes later, by itself.
    """
    from urllib.parse import quote

    with asking(server or above) as client:
        path = f"/v1/versions/{quote(version, safe='')}"
        closed = client.delete(path, deadline_s=deadline_s, read_timeout_s=deadline_s + _GRACE_S)
        if as_json:
            click.echo(json.dumps(closed, ensure_ascii=False, indent=2))
            return 0 if closed["closed"] else 1
        if not closed["closed"]:
            after = count(round(deadline_s), "second") if deadline_s >= 1 else f"{deadline_s:g} s"
            click.echo(f"segue: error: {version} is still in use after {after}: it closes by itself", err=True)
            return 1
        back = closed["memory_returned_bytes"]
        click.echo(f"{version} is closed" + ("" if back is None else f"; {megabytes(back)} MB came back"))
        return 0
