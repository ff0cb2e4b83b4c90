"""Whom the commands ask: the option for it, and a connection whose faults are each one clear line."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from segue.errors import ServerRefused

if TYPE_CHECKING:
    from segue.client import Client

F = TypeVar("F", bound=Callable[..., Any])


def server_option(command: F) -> F:
    """``--server URL``."""
    text = "The server's address.  [default: the setting server, else the one on this machine]"
    return click.option("--server", metavar="URL", help=text)(command)


def json_option(text: str) -> Callable[[F], F]:
    """``--json``, and what it prints."""
    return click.option("--json", "as_json", is_flag=True, help=text)


@contextmanager
def asking(server: str | None) -> "Iterator[Client]":
    """A client for the length of a block. Raises as it does, and as ``understanding``."""
    from segue.client import Client

    with Client(server) as client, understanding():
        yield client


@contextmanager
def understanding() -> Iterator[None]:
    """While answers are read. Raises ServerRefused when one lacks what is needed."""
    try:
        yield
    except KeyError as error:
        raise ServerRefused(
            f"the server left {error.args[0]!r} out of its answer: is it of another version than this command "
            "(segue --version)?",
            code="not_understood",
            status=200,
        ) from error


def option_for(server: str | None) -> str:
    """What to add to a command that is suggested, so that it asks the same server."""
    return f" --server {server}" if server else ""


def say(text: str) -> None:
    """To who is looking on; results are on standard output."""
    from segue.speech.names import printable

    click.echo(f"segue: {printable(text)}", err=True)
