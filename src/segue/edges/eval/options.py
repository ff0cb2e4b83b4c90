"""Options that ``segue eval`` and ``segue tune`` have in common, and what NAME=VALUE means."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def options_of_input(command: F) -> F:
    """AUDIO, ``--reference``, ``--recursive``, ``--jobs``."""
    help_of = {
        "reference": "Labels: a directory, a file, or a quoted wildcard.",
        "recursive": "Look in the directories inside AUDIO and PATH too.",
        "jobs": "Recordings at once.  [default: one a core]",
    }
    command = click.option("-j", "--jobs", type=click.IntRange(min=1), metavar="N", help=help_of["jobs"])(command)
    command = click.option("-r", "--recursive", is_flag=True, help=help_of["recursive"])(command)
    command = click.option("-R", "--reference", required=True, metavar="PATH", help=help_of["reference"])(command)
    return click.argument("audio", metavar="AUDIO")(command)


def options_of_decisions(command: F) -> F:
    """``--model``, ``--mode``, ``--preset``, ``--set``."""
    help_of = {
        "model": "ID, ID@REVISION, alias or directory.  [default: fsmn-vad]",
        "mode": "How pauses end an utterance.  [default: classic]",
        "preset": "Parameters for a kind of recording.  [default: none]",
        "set": "A decision parameter; repeatable.",
    }
    command = click.option("--set", "parameters", metavar="NAME=VALUE", multiple=True, help=help_of["set"])(command)
    command = click.option("--preset", metavar="NAME", help=help_of["preset"])(command)
    command = click.option("--mode", metavar="classic|dynamic|tight", help=help_of["mode"])(command)
    return click.option("-m", "--model", metavar="MODEL", help=help_of["model"])(command)


def pairs(option: str, given: Sequence[str], *, example: str) -> dict[str, str]:
    """NAME=VALUE again and again -> a table. Raises click.UsageError."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise click.UsageError(f"{option} {text}: write NAME=VALUE, such as {example}")
        if name in found:
            raise click.UsageError(f"{option} {text}: {name} is given twice")
        found[name] = value
    return found


def asked(mode: str | None, preset: str | None, parameters: Sequence[str]) -> dict[str, str]:
    """What ``--mode``, ``--preset`` and ``--set`` ask for. Raises click.UsageError, and InvalidParameter."""
    chosen = {"mode": mode, "preset": preset}
    given = pairs("--set", parameters, example="max_end_silence_time=500")
    for name in given.keys() & chosen.keys():
        raise click.UsageError(f"--set {name}={given[name]}: write --{name} {given[name]}")
    named = {name: value for name, value in chosen.items() if value is not None}
    check(*((f"--{name}", {name: value}) for name, value in named.items()), ("--set", given))
    return {**named, **given}


def check(*layers: tuple[str, Mapping[str, object]]) -> None:
    """Raise InvalidParameter for what no rules accept, before anything is loaded."""
    from segue.speech.rules import Rules

    Rules.of({}, *layers)
