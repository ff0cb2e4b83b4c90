"""What is said to people."""

import io
import os

import pytest
from rich.console import Console

from segue.edges.batch.display import Bar
from segue.edges.batch.tally import Tally
from segue.edges.batch.voice import Voice


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("one", "segue: one\n"),
        ("error: x\nTraceback\n  y", "segue: error: x\nTraceback\n  y\n"),
        (os.fsdecode(b"caf\xe9"), "segue: caf\\xe9\n"),
    ],
)
def test_it_says_who_speaks(text: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, as valid text; the first line of several says who speaks."""
    Voice().say(text)
    assert capsys.readouterr() == ("", said)


def test_lines_come_above_a_bar_while_there_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    """Meanwhile they go to the terminal of the bar, before and afterwards to standard error."""
    terminal = io.StringIO()
    voice = Voice()
    with Bar(Console(file=terminal, force_terminal=True), Tally([])) as bar, voice.above(bar):
        voice.say("in between")
    voice.say("afterwards")
    assert "segue: in between" in terminal.getvalue()
    assert capsys.readouterr().err == "segue: afterwards\n"
