"""The query and the headers of a request -> what it asks of the service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import Request

from segue.errors import InvalidParameter
from segue.service import Ask
from segue.speech.formats import FORMATS
from segue.speech.names import printable, shown
from segue.speech.rules import ASKABLE, PARAMETERS
from segue.swap import VersionId

_OF_DETECT = ("mode", "preset", "channels", "probabilities", "parameters", "format", *PARAMETERS)
_LONGEST_KEY = 256
_LONGEST_VERSION = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a recording, and in which form the answer is wanted."""

    ask: Ask
    form: str = "json"
    parameters: bool = False


def to_detect(request: Request) -> Wanted:
    """Of ``POST /v1/detect``. Raises InvalidParameter, save for values that only the rules know."""
    query = _query(request, _OF_DETECT)
    form = _choice(query, "format", tuple(FORMATS), "json")
    probabilities, parameters = _flag(query, "probabilities"), _flag(query, "parameters")
    if probabilities and not FORMATS[form].holds_probabilities:
        raise InvalidParameter(f"format={form} cannot hold probabilities: ask for json or jsonl")
    if parameters and form != "json":
        raise InvalidParameter(f"format={form} cannot hold parameters: ask for json")
    split = _choice(query, "channels", ("mix", "split"), "mix") == "split"
    return Wanted(_ask(request, query, split=split, probabilities=probabilities), form, parameters)


def to_describe(request: Request) -> Ask:
    """Of ``GET /v1/serving``. Raises as ``to_detect``."""
    return _ask(request, _query(request, ASKABLE))


def _ask(request: Request, query: Mapping[str, str], *, split: bool = False, probabilities: bool = False) -> Ask:
    version = _header(request, "x-segue-version", _LONGEST_VERSION)
    return Ask(
        key=_header(request, "x-segue-key", _LONGEST_KEY) or request.state.request_id,
        version=VersionId(version) if version else None,
        split=split,
        probabilities=probabilities,
        asked={name: query[name] for name in ASKABLE if name in query},
    )


def _query(request: Request, accepted: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in accepted:
            raise InvalidParameter(f"{shown(name)}: there is no such parameter; there are {', '.join(accepted)}")
        if name in found:
            raise InvalidParameter(f"{name} is given twice: {shown(found[name])} and {shown(value)}; give it once")
        found[name] = value
    return found


def _choice(query: Mapping[str, str], name: str, accepted: Sequence[str], default: str) -> str:
    value = query.get(name, default)
    if value not in accepted:
        raise InvalidParameter(f"{name}={shown(value)}: one of {', '.join(accepted)}")
    return value


def _flag(query: Mapping[str, str], name: str) -> bool:
    return _choice(query, name, ("true", "false", "1", "0"), "false") in ("true", "1")


def _header(request: Request, name: str, most: int) -> str:
    value = request.headers.get(name, "")
    if len(value) > most or printable(value) != value:
        raise InvalidParameter(f"{name}={shown(value)}: at most {most} printable characters")
    return value
