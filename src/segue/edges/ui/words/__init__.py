"""What the page says, in each of its languages.

A table a tab, ``key: (English, Chinese)``, with places for values as ``str.format`` has them. Tests hold the two
languages together.
"""

from collections.abc import Mapping

from segue.edges.ui.words import compare, detect, failures, frame, live, models, picture

LANGUAGES: Mapping[str, str] = {"en": "English", "zh": "中文"}
"""Each by its own name, under the name that addresses have for it."""

TABLES = {
    "frame": frame.WORDS,
    "failures": failures.WORDS,
    "detect": detect.WORDS,
    "live": live.WORDS,
    "models": models.WORDS,
    "compare": compare.WORDS,
    "picture": picture.WORDS,
}


class Words:
    """The words of one language and one table: ``words("button")``. Immutable."""

    def __init__(self, language: str, table: str = "frame") -> None:
        self.language = language
        self._column = list(LANGUAGES).index(language)
        self._table = TABLES[table]

    def of(self, table: str) -> "Words":
        """The same language, another table."""
        return Words(self.language, table)

    def __call__(self, key: str, **values: object) -> str:
        text = self._table[key][self._column]
        return text.format(**values) if values else text


def language_of(accepted: str) -> str:
    """The language of an ``Accept-Language``: the first that the page has; else English."""
    ranked = []
    for place, part in enumerate(accepted.split(",")):
        name, _, weight = part.strip().partition(";q=")
        try:
            ranked.append((-float(weight or 1), place, name.strip().lower().split("-")[0]))
        except ValueError:
            continue
    return next((name for _, _, name in sorted(ranked) if name in LANGUAGES), "en")
