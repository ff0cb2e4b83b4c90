"""What is said at the end of a change: one line, and the exit status."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from segue.edges.control.figures import model_name
from segue.edges.control.server import option_for, say
from segue.errors import SegueError, one_line
from segue.speech.names import printable

if TYPE_CHECKING:
    from segue.client import Client

FAILED, ROLLED_BACK, STOPPED = 1, 3, 130
"""Exit statuses."""


def status_of(change: Mapping[str, Any]) -> int:
    """0 when it is done, 3 when a rollback came in between, else 1."""
    if change["state"] != "failed":
        return 0
    return ROLLED_BACK if change["error"]["code"] == "superseded" else FAILED


def tell(change: Mapping[str, Any], client: "Client", server: str | None) -> None:
    """Print the line: on standard output what serves now, on standard error what went wrong."""
    if change["state"] == "failed":
        click.echo(f"segue: error: {printable(one_line(change['error']['message']))}", err=True)
        return
    answer = change["answer"]
    click.echo(printable(_line(change["verb"], answer, _name(client, answer["version"]), option_for(server))))
    if not answer.get("recorded", True):
        say("note: the journal could not be written; the change is recorded as soon as it can be")


def _line(verb: str, answer: Mapping[str, Any], name: str, option: str) -> str:
    version, previous = answer["version"], answer["previous"]
    if not answer["changed"]:
        return f"{version} serves already{name}: nothing changed"
    again = answer.get("prepared") or []
    if verb == "rollback" and version == previous:
        return f"{version} serves everyone{name}: what was on trial beside it is taken back"
    if verb == "rollback":
        line = f"rolled back: {version} serves again{name}"
        line += f"; {' and '.join(again)} had been closed and was prepared first" if again else ""
        way = f"; before: {previous}, which returns with: segue switch --version {previous}{option}"
        return line + (way if previous else "; nothing served before")
    if previous is None:
        return f"{version} serves now{name}; nothing served before"
    return f"{version} serves now{name}; before: {previous}; to go back: segue rollback{option}"


def _name(client: "Client", version: str) -> str:
    """What the version is, or nothing: the change is done, whether its name can be had or not."""
    try:
        versions = client.get("/v1/versions")["versions"]
    except SegueError:
        return ""
    names = [model_name(each["model"], each["options"]) for each in versions if each["version"] == version]
    return f" ({names[0]})" if names else ""
