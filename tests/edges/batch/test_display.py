"""What people see."""

import io
import os

import pytest
from rich.console import Console

from segue.edges.batch.display import Bar, Tally, clock, plain, table_format
from segue.edges.batch.inputs import Input
from segue.edges.batch.task import Failure, Outcome
from segue.speech.detector import Detection
from segue.speech.rules import Rules
from segue.speech.segmenter import Segment
from tests.fakes import MODEL


def rendered(*segments: tuple[int, int], file: str = "a.wav", channel: int | None = None, styled: bool = False) -> str:
    found = Detection(tuple(Segment(*pair) for pair in segments), 10_000, Rules(), MODEL, channel)
    return table_format(width=None, styled=styled).render(file, [found])[0]


def test_a_table_says_what_was_found_and_who_found_it() -> None:
    """A table has number, start, end and duration to the millisecond, the totals, the mode and the model."""
    text = rendered((1230, 4560), (5000, 6000))
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if line.startswith("│")]
    assert rows == [["1", "1.230", "4.560", "3.330"], ["2", "5.000", "6.000", "1.000"]]
    assert "2 segments, 4.330 s of speech in 10.000 s (43.3%)" in text
    assert "mode classic, model fake/loudness@v1" in text
    assert text.startswith("a.wav\n")


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


def test_the_tally_counts_files_audio_speech_and_speed() -> None:
    """The summary has files, failures, skipped, audio, the share of speech, time and the multiple of real time."""
    now = [100.0]
    tally = Tally([Input(f"{n}.wav") for n in range(4)], clock_s=lambda: now[0])
    for n, outcome in enumerate(
        [
            Outcome(Input("0.wav"), duration_ms=3_600_000, speech_share=0.5),
            Outcome(Input("1.wav"), failure=Failure("audio", "bad")),
            Outcome(Input("2.wav"), skipped=True),
        ]
    ):
        tally.begin(Input(f"{n}.wav"))
        tally.add(outcome)
    now[0] += 10
    assert tally.summary() == (
        "3 files of 4, 1 failed, 1 skipped (done before): 1:00:00 of audio (50.0% speech) in 10.0 s, 360 x real time"
    )
    assert tally.share == 0.75


def test_the_share_done_counts_bytes_and_what_is_under_way(tmp_path: os.PathLike[str]) -> None:
    """Half of a long file under way is half of its bytes, so that one long file does not stand still."""
    paths = [os.path.join(tmp_path, name) for name in ("long", "short")]
    for path, size in zip(paths, (900, 100), strict=True):
        with open(path, "wb") as file:
            file.write(bytes(size))
    inputs = [Input(path) for path in paths]
    tally = Tally(inputs, length_ms=lambda _: 1000)
    tally.begin(inputs[0])
    tally.hear(500)
    assert tally.share == pytest.approx(0.45)
    assert tally.heard_ms == 500
    tally.add(Outcome(inputs[0], duration_ms=1000))
    assert tally.share == pytest.approx(0.9)


def test_the_bar_shows_files_audio_speed_and_time_left() -> None:
    """On a terminal the bar has the counts; lines above it come through whole."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=120)
    tally = Tally([Input("a"), Input("b")])
    tally.begin(Input("a"))
    tally.add(Outcome(Input("a"), duration_ms=1_800_000))
    with Bar(console, tally, shown=True) as bar:
        bar.update()
        bar.above('{"file": "' + "x" * 300 + '"}')
    text = stream.getvalue()
    assert "1/2 files" in text
    assert "0.50 h of audio" in text
    assert "x real time" in text
    assert "left" in text
    assert '{"file": "' + "x" * 300 + '"}\n' in text


def test_times_and_names_read_well() -> None:
    """Hours appear where there are any; harmless names pass unchanged."""
    assert [clock(s) for s in (0, 59.6, 3599, 3600, 360_001)] == ["0:00", "1:00", "59:59", "1:00:00", "100:00:01"]
    assert plain("a b.wav") == "a b.wav"
