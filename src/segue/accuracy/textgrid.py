"""Praat's TextGrid, long or short form -> its intervals. Pure; for ``references``.

Our own reader, because praatio would come to every user for the sake of one form, and mends what it reads in silence.
It is short by Praat's own rule (manual, "TextGrid file formats"): in a text file numbers, texts in double quotes
(``""`` is one) and flags in angle brackets count where they stand free; all else (``xmin =``, ``intervals [1]:``) is
comment. So the two forms are one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?<!\S) (?:
        "(?P<text>(?:[^"]|"")*)" (?!\S)
      | (?P<number>[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?) (?!\S)
      | <(?P<flag>exists|absent)> (?!\S)
      | (?P<comment>!.*$)                     # to the end of the line
      | (?P<open>"[^"\n]*)                    # a text that never ends
    )
    """,
    re.VERBOSE | re.MULTILINE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Interval:
    """Start and end in seconds, its text, and the line (from 1) that its start stands on."""

    start_s: float
    end_s: float
    text: str
    line: int


def intervals(content: str) -> list[Interval]:
    """Those of all tiers of intervals, tier by tier; tiers of points are left out. Raises ValueError with the line."""
    tokens = _Tokens(content)
    if tokens.text() != "ooTextFile" or tokens.text() != "TextGrid":
        raise tokens.wrong('is no TextGrid, which begins with File type = "ooTextFile" and Object class = "TextGrid"')
    tokens.number(), tokens.number()  # xmin and xmax
    if not tokens.exists():
        return []
    found = [interval for _ in range(tokens.count()) for interval in _tier(tokens)]
    tokens.end()
    return found


def _tier(tokens: "_Tokens") -> list[Interval]:
    kind = tokens.text()
    if kind not in ("IntervalTier", "TextTier"):
        raise tokens.wrong(f'a tier is "{kind}"; TextGrids have IntervalTier and TextTier')
    tokens.text(), tokens.number(), tokens.number()  # its name, xmin and xmax
    if kind == "TextTier":
        for _ in range(tokens.count()):
            tokens.number(), tokens.text()
        return []
    return [_interval(tokens) for _ in range(tokens.count())]


def _interval(tokens: "_Tokens") -> Interval:
    start_s = tokens.number()
    line = tokens.line
    return Interval(start_s, tokens.number(), tokens.text(), line)


class _Tokens:
    """What counts, one after another. Each method takes the next, and raises ValueError where it is another kind."""

    def __init__(self, content: str) -> None:
        self._content = content
        self._found: Iterator[re.Match[str]] = (m for m in _TOKEN.finditer(content) if m["comment"] is None)
        self._at = 0
        self.line = 1
        """Where the last one stands, from 1."""

    def text(self) -> str:
        return self._next("text", "a text in double quotes").replace('""', '"')

    def number(self) -> float:
        return float(self._next("number", "a number"))

    def count(self) -> int:
        written = self._next("number", "a count")
        if not written.isdecimal():
            raise self.wrong(f"{written} is no count; a whole number is wanted")
        return int(written)

    def exists(self) -> bool:
        return self._next("flag", "<exists> or <absent>") == "exists"

    def end(self) -> None:
        if more := next(self._found, None):
            self._move(more.start())
            raise self.wrong(f"{more[0][:40]} is more than the counts above it say")

    def wrong(self, what: str) -> ValueError:
        """The error for the last one."""
        return ValueError(f"line {self.line}: {what}")

    def _next(self, kind: str, wanted: str) -> str:
        token = next(self._found, None)
        if token is None:
            self._move(len(self._content.rstrip()))
            raise self.wrong(f"the file ends where {wanted} is wanted; it was cut short")
        self._move(token.start())
        if token[kind] is None:
            raise self.wrong(f"{token[0][:40]} stands where {wanted} is wanted")
        return token[kind]

    def _move(self, at: int) -> None:
        self.line += self._content.count("\n", self._at, at)
        self._at = at
