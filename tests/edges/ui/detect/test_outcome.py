"""What is read of an answer."""

from segue.edges.ui.detect.outcome import MOST_ROWS, clock, message, table, told
from segue.edges.ui.words import Words
from segue.speech.detection import Detection
from segue.speech.rules import Rules
from segue.speech.segmenter import Segment
from tests.fakes import MODEL

WORDS = Words("en", "detect")


def found(count: int, *, channel: int | None = None, **asked: object) -> Detection:
    """So many segments of a half second, one a second."""
    segments = tuple(Segment(1000 * n, 1000 * n + 500) for n in range(count))
    return Detection(segments, 10_000, Rules.of({}, ("request", asked)), MODEL, channel)


def test_what_was_found_and_what_made_it_is_told() -> None:
    """Totals, share, version, mode and preset, and how fast; names are text, whatever they hold."""
    said = told("<b>.wav", [found(4, preset="noisy")], WORDS, took_s=0.1)
    assert "&lt;b&gt;.wav: 4 segments, 2.000 s of speech in 10.000 s (20.0 %)." in said
    assert "mode classic with preset noisy, in 100 ms (100 times real time)" in said


def test_a_share_is_of_all_channels() -> None:
    """Two of them, one of which is silent."""
    assert "2.000 s of speech in 10.000 s (10.0 %)" in told(
        "x", [found(4, channel=0), found(0, channel=1)], WORDS, took_s=1
    )


def test_where_nothing_was_found_it_says_what_to_try() -> None:
    """The presets and the threshold, and no table."""
    said = told("x.wav", [found(0)], WORDS, took_s=1)
    assert all(word in said for word in ("No speech", "far-field", "noisy", "threshold"))
    assert table([found(0)], WORDS) == ""


def test_the_table_has_a_row_a_segment() -> None:
    """Seconds with three places, a total, a column for the channel where there are several, and a bound."""
    rows = table([found(2)], WORDS)
    assert rows.count("<tr>") == 4
    assert "<td>1.000</td><td>1.500</td><td>0.500</td>" in rows
    assert "Channel" not in rows
    assert "<td>1.000</td></tr></tfoot>" in rows
    assert "Channel" in table([found(1, channel=0), found(1, channel=1)], WORDS)
    many = table([found(MOST_ROWS + 1)], WORDS)
    assert (many.count("<tr>"), f"The first {MOST_ROWS}" in many) == (MOST_ROWS + 2, True)


def test_messages_are_for_ears_too() -> None:
    """An alert where something is wrong."""
    assert 'role="alert"' in message("x", is_bad=True)
    assert 'role="status"' in message("x")
    assert clock(3_723_999) == "1:02:03"
