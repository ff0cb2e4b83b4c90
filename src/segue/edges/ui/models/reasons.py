"""What the journal and the rollouts say of themselves, in the page's language: they say it in English, in these words.

The English of each of the words ``reason_…`` and ``detail_…`` (of a step) is what is said, to the letter, so it is the
pattern too; what matches none is shown as it is.
"""

import re
from functools import cache

from segue.edges.ui.words import Words
from segue.edges.ui.words.models import WORDS

_PARTS = "; "
_STATES = frozenset({"new", "loading", "warming", "ready", "draining", "closed", "failed"})
_ARROW = " -> "
_PHASES = frozenset({"done", "taken back", "aborted"})


def reason(said: str, words: Words) -> str:
    """A reason or an outcome."""
    if words.language == "en":
        return said
    return "；".join(_part(part, words) for part in said.split(_PARTS))


def detail(said: str, words: Words) -> str:
    """What is said of a step of a change."""
    return said if words.language == "en" else _matched(said, words, "detail_")


def states(said: str, words: Words) -> str:
    """``new -> loading``, as a version's steps are told."""
    told = (words(f"state_{name}") if name in _STATES else name for name in said.split(_ARROW))
    return " → ".join(told)


def _part(said: str, words: Words) -> str:
    if said in _PHASES:
        return words("phase_" + said.replace(" ", "_"))
    return _matched(said, words, "reason_")


def _matched(said: str, words: Words, prefix: str) -> str:
    for key, pattern in _patterns(prefix):
        found = pattern.fullmatch(said)
        if found:
            return words(key, **found.groupdict())
    return said


@cache
def _patterns(prefix: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((key, _pattern(english)) for key, (english, _) in WORDS.items() if key.startswith(prefix))


def _pattern(english: str) -> re.Pattern[str]:
    """``{count} failures`` -> ``(?P<count>.+) failures``."""
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(english)))
