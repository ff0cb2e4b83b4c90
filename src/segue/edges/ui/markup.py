"""HTML that cannot be broken by what is in it: all text but what was made here is escaped, and made valid."""

from collections.abc import Iterable
from html import escape

from segue.speech.names import legible

_VOID = frozenset({"br", "input"})


class Markup(str):
    """HTML already: it is put in as it is."""

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """An element. ``class_`` is ``class``, ``data_act`` is ``data-act``; True is an attribute alone, None is none."""
    given = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{_escaped(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{joined(children)}</{name}>")


def joined(parts: Iterable[object], between: str = "") -> Markup:
    """One after the other; what is None or empty is left out."""
    texts = (part if isinstance(part, Markup) else _escaped(part) for part in parts if part not in (None, ""))
    return Markup(escape(between).join(texts))


def _escaped(value: object) -> str:
    """A name may hold what no encoding can: it would cost whoever looks the whole page."""
    return escape(legible(str(value)))
