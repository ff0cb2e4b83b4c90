"""The words of the page, in both its languages."""

import re
import string

import pytest

from segue import errors
from segue.edges.ui.words import LANGUAGES, TABLES, Words, language_of

EACH = [(table, key) for table, words in TABLES.items() for key in words]
SAME = {"API", "F1", "ID"}
"""Words that need no translation."""


@pytest.mark.parametrize(("table", "key"), EACH)
def test_each_is_said_in_both_languages(table: str, key: str) -> None:
    """The Chinese text is Chinese and the English is not, and both have places for the same values."""
    english, chinese = (Words(language, table)(key) for language in LANGUAGES)
    places = [
        {name for _, name, _, _ in string.Formatter().parse(text) if name is not None} for text in (english, chinese)
    ]
    assert places[0] == places[1]
    assert english.strip() == english
    assert chinese.strip() == chinese
    if re.sub(r"\{[^}]*\}|\W|\d", "", english) and english not in SAME:
        assert re.search(r"[\u4e00-\u9fff]", chinese), "no Chinese"
        assert not re.search(r"[\u4e00-\u9fff]", english), "no English"


def test_failures_are_of_errors_that_there_are() -> None:
    """Each key of that table is the code of an error, or ``other``."""
    codes = {
        kind.code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.SegueError)
    }
    assert set(TABLES["failures"]) - {"other"} <= codes


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-US,en;q=0.9,zh;q=0.8", "en"),
        ("de-DE,de;q=0.9,zh-TW;q=0.8,en;q=0.1", "zh"),
        ("en;q=0.1, zh;q=0.2", "zh"),
        ("fr", "en"),
        ("", "en"),
        ("zh;q=x, en", "en"),
        (";;q=,,zh", "zh"),
    ],
)
def test_the_language_is_the_first_that_the_page_has(accepted: str, language: str) -> None:
    """By weight, then by order; English where there is none, and what cannot be read is passed over."""
    assert language_of(accepted) == language


def test_values_are_put_in_their_places() -> None:
    """And the same language has other tables."""
    assert Words("en")("not_ready", why="it loads") == "No version is ready yet: it loads"
    assert Words("en").of("failures")("other", detail="{x}") == "{x}"
