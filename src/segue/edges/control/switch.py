"""``segue switch``: replace what serves, without a pause."""

import click

from segue.edges.control.following import begun, follow
from segue.edges.control.server import asking, json_option, server_option
from segue.edges.control.wanted import named_version, options_of_a_version

_EPILOG = """\b
Examples:
  segue switch iic/speech_fsmn_vad_zh-cn-16k-common-pytorch
  segue switch fsmn-vad --set max_end_silence_time=500 --why "quicker turns"
  segue switch models/my-fsmn
  segue switch models/heavy --isolate
  segue switch --version v6cadc83c

\b
The version that served stays warm for a while: segue rollback goes back to it
at once. Switching to what serves changes nothing.

\b
Exit status: 0 done, 1 failed or refused (the service goes on as before),
2 the command line is wrong, 3 a rollback came in between, 4 no server,
130 stopped waiting by Ctrl-C (the switch goes on).
"""


@click.command("switch", epilog=_EPILOG)
@click.argument("model", required=False, metavar="[MODEL_ID[@REVISION]]")
@click.option("--version", metavar="VERSION", help="A version that the server knows, in place of a model.")
@options_of_a_version
@click.option("--why", metavar="TEXT", default="", help="The reason, for the history.")
@click.option("--abort-rollout", is_flag=True, help="End the rollout that is under way, instead of being refused.")
@click.option("--queue", is_flag=True, help="Wait for the change that is under way, instead of being refused.")
@click.option("--no-wait", is_flag=True, help="Begin it, and do not wait for its end.")
@json_option("Print the change, when it is over, as one JSON object.")
@server_option
def switch(
    *,
    model: str | None,
    version: str | None,
    parameters: tuple[str, ...],
    mode: str | None,
    preset: str | None,
    isolate: bool | None,
    why: str,
    abort_rollout: bool,
    queue: bool,
    no_wait: bool,
    as_json: bool,
    server: str | None,
) -> int:
    """Replace the model of the running service, without a pause.

    MODEL_ID is fetched, verified, loaded and warmed first; only then it serves. What is under way is finished by what
    began it. A directory with a model, which the server must be able to read, may stand for the ID.
    """
    body = named_version(model, version, parameters=parameters, mode=mode, preset=preset, isolate=isolate)
    with asking(server) as client:
        change = client.post(
            "/v1/switch", body | {"why": why}, wait=False, queue=queue or None, abort_rollout=abort_rollout or None
        )
        if no_wait:
            return begun(change, server=server, as_json=as_json)
        return follow(client, change, server=server, as_json=as_json)
