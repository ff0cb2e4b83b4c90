"""Numbers as people read them, alike in both languages. What is not known is a dash."""

from collections.abc import Mapping

UNKNOWN = "-"


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


def share(number: float | None) -> str:
    """Of 1, in per cent: 10 %, 2.5 %."""
    return UNKNOWN if number is None else f"{number * 100:.3g} %"


def clock(seconds: float) -> str:
    """Time that is left: 9:59, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def duration(seconds: float) -> str:
    """Time that has passed: 42 ms, 1.42 s, 5 min 3 s, 2 h 5 min, 3 d 4 h."""
    if seconds < 0.9995:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def model_name(model_id: str, revision: str | None, options: Mapping[str, object]) -> str:
    """``ID@REVISION name=value``, as one would ask for it."""
    given = "".join(f" {name}={_option(value)}" for name, value in options.items())
    return f"{model_id}{f'@{revision}' if revision else ''}{given}"


def _option(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
