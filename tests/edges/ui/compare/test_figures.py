"""What was compared, as tables."""

from segue.edges.ui.compare.compared import compared
from segue.edges.ui.compare.figures import tables
from segue.edges.ui.words import Words
from tests.edges.ui.compare.test_compared import answer

WORDS = Words("en", "compare")


def test_figures_are_readable() -> None:
    """Three places for seconds, shares in per cent, shifts with their sign, and each difference with its side."""
    made = tables(compared(answer((100, 300)), answer((150, 350))), ("A: one", "B: two"), WORDS)
    for text in ("A: one", "0.200 s (20.0%)", "0.050 s", "90.0%", "+50 ms", "Where they differ: 2", "0.100", "0.150"):
        assert text in made
    assert 'scope="row"' in made
    assert made.count("<caption>") == 2


def test_where_nothing_differs_it_says_so() -> None:
    """Instead of an empty table; figures that there are not are a dash."""
    made = tables(compared(answer(), answer()), ("A", "B"), WORDS)
    assert "They do not differ anywhere." in made
    assert '<td colspan="2">-</td>' in made


def test_labels_are_escaped() -> None:
    """They hold what somebody typed."""
    assert "<script>" not in tables(compared(answer(), answer()), ("<script>", "B"), WORDS)


def test_a_thousand_differences_are_cut() -> None:
    """The caption tells how many there are."""
    many = answer(*((i * 10, i * 10 + 5) for i in range(1000)), duration_ms=10_000)
    made = tables(compared(many, answer(duration_ms=10_000)), ("A", "B"), WORDS)
    assert "Where they differ: 1000, of which these are the first 200" in made
    assert made.count("<tr>") < 250
