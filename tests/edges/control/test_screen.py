"""Where the status is shown."""

import io
import json

import pytest
from rich.console import Console

from segue.edges.control.screen import Screen, make_console
from tests.edges.control.standin import status


def terminal(width: int = 80) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, height=30, color_system=None)


def text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_pipe_gets_lines_that_are_not_broken(capsys: pytest.CaptureFixture[str]) -> None:
    """For a program the console is so wide that nothing goes on in a next line."""
    assert make_console().width == 1000
    with Screen(as_json=False, live=False, option="") as screen:
        screen.show("http://" + "x" * 200, status())
    assert "x" * 200 + ", ready, up" in capsys.readouterr().out


def test_once_is_printed_once() -> None:
    """Without ``live`` there is no screen of its own."""
    console = terminal()
    with Screen(as_json=False, live=False, option="", console=console) as screen:
        screen.show("http://x", status())
    assert text(console).count("segue 0.1.0") == 1
    assert "\x1b[?1049h" not in text(console)


def test_live_has_a_screen_of_its_own_and_leaves_the_last_that_was_seen() -> None:
    """The terminal's other screen is entered and left, and the last table stays behind."""
    console = terminal()
    with Screen(as_json=False, live=True, option="", console=console) as screen:
        screen.show("http://x", status(epoch=7))
        screen.show("http://x", status(epoch=8))
        assert text(console).startswith("\x1b[?1049h")
    left = text(console).partition("\x1b[?1049l")[2]
    assert "epoch 8" in left
    assert "epoch 7" not in left


def test_an_absence_is_shown_with_the_last_answer() -> None:
    """Who looks on sees that it is old, since when, and why."""
    console = terminal()
    with Screen(as_json=False, live=True, option="", console=console) as screen:
        screen.show("http://x", status())
        before = len(text(console))
        screen.show_absence("no server answers at http://x", 12.3)
        drawn = text(console)[before:]
    assert "no answer for 12.3 s, asking again: no server answers at http://x" in drawn
    assert "the last answer:" in drawn
    assert "segue 0.1.0" in drawn


def test_json_is_one_object_or_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    """Live, each answer is a line for a program; an absence is said on standard error."""
    with Screen(as_json=True, live=True, option="") as screen:
        screen.show("http://x", status(epoch=1))
        screen.show_absence("no server", 1.0)
        screen.show("http://x", status(epoch=2))
    out, err = capsys.readouterr()
    assert [json.loads(line)["epoch"] for line in out.splitlines()] == [1, 2]
    assert err == "segue: no answer for 1.00 s: no server\n"
    with Screen(as_json=True, live=False, option="") as screen:
        screen.show("http://x", status())
    assert json.loads(capsys.readouterr().out) == status()
