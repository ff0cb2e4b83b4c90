"""How a version is to be released: frozen, checked, the same from a command line, a file or a request."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from segue.errors import InvalidPlan
from segue.swap.trial import Margins

_MOST_STEPS = 100
_LONGEST_SHOWN = 60
_TIMES = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}


@dataclass(frozen=True, slots=True)
class Plan:
    """Shares are parts of 1, times seconds. Raises InvalidPlan.

    ``shadow``: the part of the requests that is mirrored. ``canary``: the shares, rising, that it answers, one step
    each of at least ``step_s`` and ``min_requests``. ``bake_s``: how long after that it can be taken back in an
    instant. ``auto``: goes on by itself. ``in_a_row``: failures that end it. ``margin_failures``, ``margin_latency``:
    how much worse is tolerated, see ``Margins``. ``max_disagreement``: the part of the speech in which mirrored
    answers may differ; None: any. ``golden``: a directory of labelled clips on which its F1 may be lower by
    ``golden_margin`` at most. ``webhook``: is told how it ends. ``keep``: so many of the mirrored clips that differ
    most are kept.
    """

    shadow: float = 0.0
    canary: tuple[float, ...] = (0.01, 0.1, 0.5)
    step_s: float = 60.0
    min_requests: int = 50
    bake_s: float = 600.0
    auto: bool = True
    in_a_row: int = 3
    margin_failures: float = 0.02
    margin_latency: float = 1.25
    max_disagreement: float | None = None
    golden: str = ""
    golden_margin: float = 0.01
    webhook: str = ""
    keep: int = 0

    def __post_init__(self) -> None:
        for name in ("shadow", "golden_margin"):
            _check(name, getattr(self, name), 0, 1)
        if self.max_disagreement is not None:
            _check("max_disagreement", self.max_disagreement, 0, 1)
        for name in ("step_s", "bake_s"):
            _check(name, getattr(self, name), 0, 30 * 86_400)
        for name, most in (("min_requests", 1_000_000), ("in_a_row", 1000), ("keep", 1000)):
            _check(name, getattr(self, name), 0 if name == "keep" else 1, most)
        if len(self.canary) > _MOST_STEPS:  # each row of the journal has them
            raise InvalidPlan(f"canary: {len(self.canary)} shares; at most {_MOST_STEPS}")
        for share in self.canary:
            _check("canary", share, 0, 1)
            if not share:
                raise InvalidPlan("canary=0: a share over 0 is wanted; leave the step out")
        if list(self.canary) != sorted(set(self.canary)):
            raise InvalidPlan(f"canary={_percent(self.canary)}: the shares must rise, such as 1,10,50")
        if self.webhook and not _is_address(self.webhook):
            raise InvalidPlan(f"webhook={_shown(self.webhook)}: an http:// or https:// address is wanted")
        try:
            self.margins()
        except ValueError as error:
            raise InvalidPlan(str(error)) from error

    def margins(self) -> Margins:
        """For the judge."""
        least = min(Margins().least, self.margin_failures)
        return Margins(self.margin_failures, self.margin_latency, least, self.in_a_row)

    def to_json(self) -> dict[str, Any]:
        """What ``from_json`` reads."""
        return asdict(self) | {"canary": list(self.canary)}

    def in_words(self) -> dict[str, Any]:
        """As ``plan_of`` reads it: shares in percent, times in seconds; what is None is left out."""
        known = self.to_json()
        words = {name: known[field] for name, (field, _) in _WORDS.items() if known[field] is not None}
        for name in ("shadow", "max_disagreement"):
            if name in words:
                words[name] = _plain(words[name])
        return words | {"canary": [_plain(share) for share in self.canary]}

    @staticmethod
    def from_json(known: Mapping[str, Any]) -> "Plan":
        """Of what ``to_json`` gave. Raises InvalidPlan."""
        unknown = set(known) - {field.name for field in fields(Plan)}
        if unknown:
            raise InvalidPlan(f"unknown in a plan: {', '.join(sorted(unknown))}")
        return Plan(**{**known, "canary": tuple(known.get("canary", Plan().canary))})


def plan_of(given: Mapping[str, object]) -> Plan:
    """A plan in the words of people: as from a TOML or JSON file, or the options of a command.

    ``shadow``, ``canary`` (one or a list), ``max_disagreement`` are percent: ``shadow = 20``, ``canary = [1, 10, 50]``
    or ``"1,10,50"``. ``step`` and ``bake`` are seconds, or text with a unit: ``"60s"``, ``"10m"``, ``"2h"``. The rest
    is as in ``Plan``. Raises InvalidPlan, naming what is accepted.
    """
    known: dict[str, Any] = {}
    for name, value in given.items():
        if name not in _WORDS:
            raise InvalidPlan(f"{_shown(name)} is not part of a plan; it has {', '.join(_WORDS)}")
        field, read = _WORDS[name]
        known[field] = read(name, value)
    return Plan(**known)


def _shares(name: str, value: object) -> tuple[float, ...]:
    return tuple(_share(name, part) for part in _parts(value))


def _parts(value: object) -> Sequence[object]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return list(value) if isinstance(value, list | tuple) else [value]


def _share(name: str, value: object) -> float:
    text = value.removesuffix("%") if isinstance(value, str) else value
    number = _number(name, text)
    if not 0 <= number <= 100:
        raise InvalidPlan(f"{name}={_cut(str(value))}: percent from 0 to 100")
    return number / 100


def seconds_of(name: str, value: object) -> float:
    """Seconds of a number, or of a text such as 60s, 10m, 2h, 1d. Raises InvalidPlan."""
    if not isinstance(value, str):
        return _number(name, value)
    text = value.strip().lower()
    figures = text.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = text[len(figures) :].strip()
    if unit not in _TIMES:
        raise InvalidPlan(f"{name}={_shown(value)}: seconds, or a number with s, m, h or d, such as 60s or 10m")
    return _number(name, figures) * _TIMES[unit]


def _number(name: str, value: object) -> float:
    try:
        number = float("nan") if isinstance(value, bool) else float(value)  # type: ignore[arg-type]  # what is none lands in the except
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not math.isfinite(number):
        raise InvalidPlan(f"{name}={_shown(value)}: a number is wanted")
    return number


def _whole(name: str, value: object) -> int:
    number = _number(name, value)
    if number != int(number):
        raise InvalidPlan(f"{name}={_shown(value)}: a whole number is wanted")
    return int(number)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidPlan(f"{name}={_shown(value)}: a text is wanted")
    return value


def _flag(name: str, value: object) -> bool:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise InvalidPlan(f"{name}={_shown(value)}: true or false is wanted")
    return value


def _check(name: str, value: float, least: float, most: float) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidPlan(f"{name}={_shown(value)}: from {least:g} to {most:g}")


def _is_address(text: str) -> bool:
    """Of http or https, with a host, and without what no address has."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and text.isprintable() and " " not in text


def _shown(value: object) -> str:
    """For a message, which is one line."""
    return _cut(repr(value) if not isinstance(value, int) or value.bit_length() < 1000 else f"{value:#x}")


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _plain(share: float) -> float:
    """Percent, without the noise of binary fractions."""
    return round(100 * share, 9)


def _percent(shares: Sequence[float]) -> str:
    return ",".join(f"{100 * share:g}" for share in shares)


_WORDS: Mapping[str, tuple[str, Callable[[str, object], object]]] = {
    "shadow": ("shadow", _share),
    "canary": ("canary", _shares),
    "step": ("step_s", seconds_of),
    "min_requests": ("min_requests", _whole),
    "bake": ("bake_s", seconds_of),
    "auto": ("auto", _flag),
    "in_a_row": ("in_a_row", _whole),
    "margin_failures": ("margin_failures", _number),
    "margin_latency": ("margin_latency", _number),
    "max_disagreement": ("max_disagreement", _share),
    "golden": ("golden", _text),
    "golden_margin": ("golden_margin", _number),
    "webhook": ("webhook", _text),
    "keep": ("keep", _whole),
}
"""A word of people -> what it is in a plan, and what reads it."""
