"""Numbers as people read them. What is not known is a dash."""

from collections.abc import Mapping
from typing import Any

UNKNOWN = "-"


def count(number: int | None, noun: str, plural: str | None = None) -> str:
    """``1 lease``, ``2 leases``."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def amount(number: float | None) -> str:
    """Three digits or more: 0, 0.04, 8.31, 83.1, 1,234."""
    if number is None:
        return UNKNOWN
    if number == 0 or number >= 99.95:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 9.995 else f"{number:.2f}"


def megabytes(number: int | None) -> str:
    """Of 10**6 bytes."""
    return UNKNOWN if number is None else f"{number / 1e6:,.0f}"


def share(number: float) -> str:
    """Of 1, in per cent: 10%, 2.5%."""
    return f"{number * 100:.3g}%"


def clock(seconds: float) -> str:
    """Time that is left: 9:59, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def duration(seconds: float) -> str:
    """Time that has passed: 0.42 s, 12.3 s, 5 min 3 s, 2 h 5 min, 3 d 4 h."""
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def model_name(model: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    """``ID@REVISION name=value``, as one would ask for it."""
    revision = f"@{model['revision']}" if model.get("revision") else ""
    return f"{model['id']}{revision}" + "".join(f" {name}={_option(value)}" for name, value in options.items())


def _option(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
