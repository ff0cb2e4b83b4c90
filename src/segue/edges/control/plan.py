"""The plan of a rollout, as a command line gives it: a file, and options over it."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    (("--shadow",), "PERCENT", "First send it copies of so many of the requests, and compare."),
    (("--canary",), "1,10,50", "The shares of the keys that it answers, step by step.  [default: 1,10,50]"),
    (("--step",), "TIME", "The least time of a step, 60s or 5m.  [default: 60s]"),
    (("--bake",), "TIME", "How long after its promotion it can be taken back by itself.  [default: bake_s, 10m]"),
    (("--min-requests",), "N", "The least number of requests of a step.  [default: 50]"),
    (("--golden",), "DIR", "Labelled clips that it must do as well on, before any request."),
    (("--golden-margin",), "F1", "By so much its F1 may be lower there.  [default: 0.01]"),
    (("--max-disagreement",), "PERCENT", "Take it back when the copies differ in more of their speech."),
    (("--in-a-row",), "N", "So many failures in a row take it back at once.  [default: 3]"),
    (("--keep",), "N", "Keep so many of the copied recordings that differ most."),
    (("--webhook",), "URL", "Is told, by POST, how it ends."),
)


def options_of_a_plan(command: F) -> F:
    """An option for each part of a plan that is one value."""
    for names, metavar, text in reversed(_OPTIONS):
        command = click.option(*names, metavar=metavar, help=text)(command)
    return command


def plan_of(path: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """The plan in a file, TOML or JSON, with the options that were given (not None) over it. Raises click.UsageError.

    The golden clips are named by their absolute path: the service has another working directory.
    """
    plan = _read(path) | {name: value for name, value in given.items() if value is not None}
    if plan.get("golden"):
        plan["golden"] = str(Path(str(plan["golden"])).expanduser().absolute())
    return plan


def _read(path: str | None) -> dict[str, Any]:
    if path is None:
        return {}
    import tomllib

    try:
        text = Path(path).expanduser().read_text(encoding="utf-8")
        plan = json.loads(text) if path.endswith(".json") else tomllib.loads(text)
        json.dumps(plan, allow_nan=False)
    except (OSError, ValueError, TypeError, RecursionError) as error:  # a date is no JSON, nor is NaN
        raise click.UsageError(f"--plan {path}: {getattr(error, 'strerror', None) or error}") from error
    if not isinstance(plan, dict):
        raise click.UsageError(f"--plan {path}: a table of names and values is wanted")
    return plan
