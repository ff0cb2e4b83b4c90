"""What people see."""

import dataclasses
import io
import os

import pytest
from rich.console import Console

from segue.edges.batch.display import Bar, table_format
from segue.edges.batch.inputs import Input
from segue.edges.batch.tally import Tally
from segue.edges.batch.task import Outcome
from segue.speech.detection import Detection
from segue.speech.presets import Preset
from segue.speech.rules import Rules
from segue.speech.segmenter import Segment
from tests.fakes import MODEL


def rendered(*segments: tuple[int, int], file: str = "a.wav", channel: int | None = None, styled: bool = False) -> str:
    found = Detection(tuple(Segment(*pair) for pair in segments), 10_000, Rules.of(), MODEL, channel)
    return table_format(width=None, styled=styled).render(file, [found])[0]


def test_a_table_says_what_was_found_and_who_found_it() -> None:
    """A table has number, start, end and duration to the millisecond, the totals, the mode and the model."""
    text = rendered((1230, 4560), (5000, 6000))
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if line.startswith("│")]
    assert rows == [["1", "1.230", "4.560", "3.330"], ["2", "5.000", "6.000", "1.000"]]
    assert "2 segments, 4.330 s of speech in 10.000 s (43.3%)" in text
    assert "mode classic, model fake/loudness@v1" in text
    assert text.startswith("a.wav\n")


def test_a_table_names_the_version_of_a_service() -> None:
    """Where a service answered, the last line says which version it was."""
    served = dataclasses.replace(MODEL, version="v6cadc83c-1f09b2")
    (text,) = table_format(width=None, styled=False).render("a.wav", [Detection((), 10_000, Rules.of(), served)])
    assert text.rstrip().endswith("mode classic, model fake/loudness@v1, version v6cadc83c-1f09b2")


def test_a_table_names_the_preset_in_effect() -> None:
    """Beside the mode."""
    rules = Rules.of({}, ("request", {"preset": Preset("dusty", "", {"classic": {}})}))
    (text,) = table_format(width=None, styled=False).render("a.wav", [Detection((), 10_000, rules, MODEL)])
    assert "mode classic, preset dusty, model fake/loudness@v1" in text


def test_no_speech_is_said_without_an_empty_table() -> None:
    """A recording without speech has a line that says so."""
    assert "no segments, 0.000 s of speech in 10.000 s (0.0%)" in rendered()


@pytest.mark.parametrize(
    ("file", "shown"),
    [
        ("[red]x[/red].wav", "[red]x[/red].wav"),
        (os.fsdecode(b"caf\xe9.wav"), "caf\\xe9.wav"),
        ("a\x1b[2Jb\n.wav", "a\\x1b[2Jb\\n.wav"),
        ("会议.wav", "会议.wav"),
        ("-", "standard input"),
        ("x" * 300, "x" * 300),
    ],
)
def test_names_are_shown_as_they_are(file: str, shown: str) -> None:
    """Markup, escape codes, line breaks and odd bytes in a name are text; no name is cut or wrapped."""
    for styled in (False, True):
        assert shown in rendered((0, 10), file=file, styled=styled)


def test_a_channel_is_named() -> None:
    """The table of a split channel says which channel it is."""
    assert rendered(channel=1).startswith("a.wav, channel 1\n")


def test_colour_is_for_terminals() -> None:
    """Without a terminal there is no escape code in a table; with one there is."""
    assert "\x1b" not in rendered((0, 10))
    assert "\x1b" in rendered((0, 10), styled=True)


def test_the_bar_shows_files_audio_speed_and_time_left() -> None:
    """On a terminal the bar has the counts; lines above it come through whole."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=120)
    tally = Tally([Input("a"), Input("b")])
    tally.begin(Input("a"))
    tally.add(Outcome(Input("a"), duration_ms=1_800_000))
    with Bar(console, tally) as bar:
        bar.update()
        bar.above('{"file": "' + "x" * 300 + '"}')
    text = stream.getvalue()
    assert "1/2 files" in text
    assert "30:00 of audio" in text
    assert "x real time" in text
    assert "left" in text
    assert '{"file": "' + "x" * 300 + '"}\n' in text
