"""The reader of TextGrids: what praatio writes is read as praatio reads it; what is broken is said with its line."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from praatio import textgrid as praat

from segue.accuracy.textgrid import Interval, intervals

LABELS = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=8)
"""Quotes, digits, exclamation marks and letters of any script among them."""


def written(path: Path, grid: praat.Textgrid, form: str) -> str:
    grid.save(str(path), format=form, includeBlankSpaces=True)
    return path.read_text(encoding="utf-8")


@st.composite
def tiers(draw: st.DrawFn) -> list[tuple[int, int, str]]:
    """Labelled intervals in ms, in order."""
    edges = sorted(draw(st.sets(st.integers(0, 60_000), min_size=2, max_size=12)))
    return [(a, b, draw(LABELS)) for a, b in zip(edges[::2], edges[1::2], strict=False)]


@pytest.mark.parametrize("form", ["short_textgrid", "long_textgrid"])
def test_what_praatio_writes_is_read(tmp_path_factory: pytest.TempPathFactory, form: str) -> None:
    """Both forms of text, whatever the labels are: every interval of every interval tier; points are left out."""

    @settings(deadline=None)  # files are written
    @given(tiers(), tiers())
    def reads(one: list[tuple[int, int, str]], other: list[tuple[int, int, str]]) -> None:
        grid = praat.Textgrid(0, 60)
        for name, entries in (("words", one), ('a "b"', other)):
            seconds = [(start / 1000, end / 1000, label) for start, end, label in entries]
            grid.addTier(praat.IntervalTier(name, seconds, 0, 60))
        grid.addTier(praat.PointTier("clicks", [(1.5, "click")], 0, 60))
        found = intervals(written(tmp_path_factory.mktemp("grid") / "a.TextGrid", grid, form))
        assert [(round(each.start_s * 1000), round(each.end_s * 1000), each.text) for each in found if each.text] == [
            entry for entry in [*one, *other] if entry[2]
        ]

    reads()


LONG = '''File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "said"
        xmin = 0
        xmax = 2
        intervals: size = 2
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = ""
        intervals [2]:
            xmin = 0.5
            xmax = 2
            text = "he said ""oh"""
    item [2]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 2
        points: size = 1
        points [1]:
            number = 1
            mark = "click"
'''


def test_every_interval_has_its_line() -> None:
    """Doubled quotes are one, and the line is the one on which the interval's start stands."""
    assert intervals(LONG) == [Interval(0, 0.5, "", 16), Interval(0.5, 2, 'he said "oh"', 20)]


def test_comments_are_no_content() -> None:
    """What follows a free exclamation mark, and words between what counts, say nothing."""
    assert intervals(LONG.replace("size = 2\nitem", "size = 2 ! 3 tiers\nitem")) == intervals(LONG)


def test_a_grid_without_tiers_has_no_intervals() -> None:
    """``<absent>`` in place of the tiers is a TextGrid too."""
    assert intervals('"ooTextFile"\n"TextGrid"\n0 1\n<absent>\n') == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("ooTextFile", "oo", "line 1: is no TextGrid"),
        ('"TextGrid"', '"Pitch"', "line 2: is no TextGrid"),
        ("IntervalTier", "SpeechTier", 'line 10: a tier is "SpeechTier"'),
        ("intervals: size = 2", "intervals: size = 2.5", "line 14: 2.5 is no count"),
        ("intervals: size = 2", "intervals: size = 3", 'line 24: "TextTier" stands where a number is wanted'),
        ("intervals: size = 2", "intervals: size = 1", "line 20: 0.5 stands where a text in double quotes is wanted"),
        ('text = ""\n', 'text = "\n', 'line 18: " stands where a text in double quotes is wanted'),
        ("xmax = 0.5", "xmax = half", 'line 18: "" stands where a number is wanted'),
        ("points: size = 1", "points: size = 0", "line 30: 1 is more than the counts above it say"),
        ("points: size = 1", "points: size = 2", "line 31: the file ends where a number is wanted"),
    ],
)
def test_what_is_broken_is_said_with_its_line(old: str, new: str, said: str) -> None:
    """Counts that lie, words in place of numbers, another kind of file, a file cut short: one line each."""
    with pytest.raises(ValueError, match=r"^line") as refused:
        intervals(LONG.replace(old, new, 1))
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)


@given(st.integers(0, len(LONG)))
def test_a_file_cut_anywhere_is_never_read_in_part(at: int) -> None:
    """Cut short at any character it is refused, unless only the line's end is gone."""
    if at >= len(LONG) - 1:
        return
    with pytest.raises(ValueError, match=r"^line"):
        intervals(LONG[:at])
