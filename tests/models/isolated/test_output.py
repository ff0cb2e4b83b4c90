"""What a model prints: lines of the log, few and short."""

import logging

import pytest

from segue.models.isolated.output import Output

LOG = logging.getLogger("test.output")


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, LOG.name)
    return caplog


def test_each_line_is_one_of_the_log(logged: pytest.LogCaptureFixture) -> None:
    """However it comes in pieces, empty lines left out, the last one without its end too."""
    output = Output("m", LOG)
    for piece in (b"on", b"e\n\n  \nt", b"wo\nthree\r\nfo", b"ur"):
        output.take(piece)
    output.end()
    assert logged.messages == ["m says: one", "m says: two", "m says: three", "m says: four"]


def test_bytes_that_are_no_text_break_nothing(logged: pytest.LogCaptureFixture) -> None:
    """Neither does what moves a terminal's cursor, nor other ends of lines: what is not printable is a space."""
    Output("m", LOG).take(b"\xff\x00a\x1b[2Jb\x85\xe2\x80\xa8c\n")
    assert logged.messages == ["m says: � a [2Jb� c"]


def test_a_line_without_end_is_cut(logged: pytest.LogCaptureFixture) -> None:
    """It is logged once, to 400 characters, and not kept; what follows it is a line again."""
    output = Output("m", LOG)
    for _ in range(100):
        output.take(b"x" * 1_000)
    output.take(b"\nnext\n")
    assert logged.messages[-1] == "m says: next"
    assert all(len(message) <= 410 for message in logged.messages)
    assert len(logged.messages) <= 51


def test_a_flood_is_counted(logged: pytest.LogCaptureFixture) -> None:
    """Fifty lines in ten seconds; the number of the others is said when the next ones come, or at the end."""
    clock = Clock()
    output = Output("m", LOG, clock)
    output.take(b"line\n" * 1_000)
    assert len(logged.messages) == 50
    clock.now_s = 11
    output.take(b"again\n")
    assert logged.messages[50:] == ["m says 950 lines more", "m says: again"]
    output.take(b"line\n" * 60)
    output.end()
    assert logged.messages[-1] == "m says 11 lines more"
