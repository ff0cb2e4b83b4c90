"""What is filled in -> what the service is asked for."""

import math
import re
from collections.abc import Mapping

from segue.errors import InvalidModelID, InvalidParameter
from segue.hub import CATALOG, names_hub, parse_model
from segue.swap import ModelSpec, VersionId, option_of

PLAN = ("shadow", "step", "min_requests", "bake", "max_disagreement", "margin_latency", "golden", "webhook", "keep")
"""Fields of a plan that are given as they are; what is empty is left to the service."""
_LONGEST = 1000


def text_of(said: Mapping[str, object], name: str) -> str:
    """A field, without blanks around it. Raises InvalidParameter for what no field can hold."""
    value = said.get(name, "")
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise InvalidParameter(f"{name}: a text of at most {_LONGEST} characters is wanted")
    return value.strip()


def wanted_of(said: Mapping[str, object]) -> ModelSpec | VersionId:
    """A version that is known, or a model. Raises InvalidModelID, InvalidParameter."""
    version = text_of(said, "version")
    if version:
        return VersionId(version)
    model, revision = text_of(said, "model"), text_of(said, "revision") or None
    if not model:
        raise InvalidModelID("no model is named: give an ID (owner/name), an alias such as fsmn-vad, or a directory")
    if not model.startswith("/") and (names_hub(model) or "@" in model or CATALOG.lookup(model) is None):
        model, given = parse_model(model)
        if given and revision not in (None, given):
            raise InvalidModelID(f"{model}@{given} and revision {revision!r} contradict each other: give one of them")
        revision = given or revision
    return ModelSpec(model, revision, options_of(text_of(said, "options")))


def options_of(text: str) -> dict[str, str | int | float | bool]:
    """``NAME=VALUE NAME=VALUE``, between them blanks or commas. Raises InvalidParameter."""
    options: dict[str, str | int | float | bool] = {}
    for part in filter(None, re.split(r"[\s,，;；]+", text)):
        name, equals, value = part.partition("=")
        if not (name and equals and value):
            raise InvalidParameter(f"option {part!r}: write NAME=VALUE, such as max_end_silence_time=500")
        if name in options:
            raise InvalidParameter(f"option {name} is given twice")
        options[name] = option_of(value)
    return options


def plan_of(said: Mapping[str, object]) -> dict[str, object]:
    """The plan in the words that a plan is given in. The slider is where the canary begins, the steps are what follows.

    Raises InvalidParameter.
    """
    plan: dict[str, object] = {name: text for name in PLAN if (text := text_of(said, name))}
    first = _percent("share", text_of(said, "share") or "0")
    shares = {_percent("steps", part) for part in re.split(r"[\s,，%]+", text_of(said, "steps")) if part}
    plan["canary"] = sorted(share for share in {first, *shares} if share >= first and share > 0)
    plan["auto"] = said.get("auto") is not False
    return plan


def percent_of(said: Mapping[str, object]) -> float:
    """0 to 100. Raises InvalidParameter."""
    return _percent("percent", text_of(said, "percent"))


def _percent(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 100:
        raise InvalidParameter(f"{name}={text!r}: percent from 0 to 100")
    return number
