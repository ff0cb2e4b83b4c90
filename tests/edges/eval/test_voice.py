"""What is said on standard error."""

import pytest

from segue.edges.eval.hearing import Heard
from segue.edges.eval.voice import progress, tell


def test_what_is_wrong_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """A line each, with the traceback only where it is asked for; whether anything was left out."""
    bad, odd = Heard("a", error="a: is bad", trace="Traceback: x\n"), Heard("b", note="b: is odd")
    assert not tell([odd], [], debug=True)
    assert capsys.readouterr().err == "segue: b: is odd\n"
    assert tell([bad, odd], ["c: is gone"], debug=False)
    assert capsys.readouterr().err == "segue: error: c: is gone\nsegue: error: a: is bad\nsegue: b: is odd\n"
    assert tell([bad], [], debug=True)
    assert capsys.readouterr().err == "segue: error: a: is bad\nTraceback: x\n"


def test_without_a_terminal_there_is_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    """A program that reads standard error gets lines alone."""
    with progress(3, "recordings") as advance:
        advance()
    assert capsys.readouterr().err == ""
