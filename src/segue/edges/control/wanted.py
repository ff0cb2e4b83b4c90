"""Which model is meant, and with which options: what a command line says, as the service wants it."""

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def options_of_a_version(command: F) -> F:
    """``--set NAME=VALUE``, ``--preset NAME``, ``--mode MODE`` and ``--isolate``."""
    text = "A decision parameter that the version has for its own; repeatable."
    command = click.option("--set", "parameters", metavar="NAME=VALUE", multiple=True, help=text)(command)
    text = "Run it in a process of its own; by default as the service was started."
    command = click.option("--isolate/--no-isolate", default=None, help=text)(command)
    text = "Decision parameters for a kind of recording."
    command = click.option("--preset", metavar="NAME", help=text)(command)
    return click.option("--mode", metavar="classic|dynamic|tight", help="How pauses end an utterance.")(command)


def wanted(
    model: str,
    *,
    parameters: Sequence[str],
    mode: str | None,
    preset: str | None = None,
    isolate: bool | None = None,
) -> dict[str, Any]:
    """The body that names a model. Raises InvalidModelID, click.UsageError."""
    from segue.swap import option_of

    model_id, revision = _named(model)
    options: dict[str, Any] = {}
    for text in parameters:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise click.UsageError(f"--set {text}: write NAME=VALUE, such as max_end_silence_time=500")
        if name == "isolate":
            raise click.UsageError(f"--set {text}: write --isolate or --no-isolate")
        if name in ("mode", "preset"):
            raise click.UsageError(f"--set {text}: write --{name} {value}")
        if name in options:
            raise click.UsageError(f"--set {text}: {name} is given twice")
        options[name] = option_of(value)
    named = (("mode", mode), ("preset", preset), ("isolate", isolate))
    options |= {name: value for name, value in named if value is not None}
    return {"model_id": model_id, "revision": revision, "options": options}


def named_version(
    model: str | None,
    version: str | None,
    *,
    parameters: Sequence[str],
    mode: str | None,
    preset: str | None,
    isolate: bool | None,
) -> dict[str, Any]:
    """The body that names a model, or a version that the server knows. Raises InvalidModelID, click.UsageError."""
    if (model is None) == (version is None):
        raise click.UsageError("name either MODEL_ID or --version VERSION: segue versions shows those that there are")
    if model is not None:
        return wanted(model, parameters=parameters, mode=mode, preset=preset, isolate=isolate)
    if parameters or (mode, preset, isolate) != (None, None, None):
        options = "--set, --mode, --preset and --isolate"
        raise click.UsageError(f"{options} go with MODEL_ID: a version has its options already")
    return {"version": version}


def _named(model: str) -> tuple[str, str | None]:
    """(ID, revision). A directory is named by its absolute path: the service has another working directory."""
    from segue.hub import CATALOG, names_hub, parse_model

    if not names_hub(model) and CATALOG.lookup(model.partition("@")[0]) is None:
        path = os.path.expanduser(model)
        is_path = model.startswith((".", "~", os.sep)) or model.count(os.sep) > 1
        if is_path or os.path.isdir(path):  # what is not here may be where the service is
            return os.path.abspath(path), None
    return parse_model(model)
