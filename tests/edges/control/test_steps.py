"""What is shown of a change while it is under way."""

import io
from typing import Any

import pytest
from rich.console import Console

from segue.edges.control.steps import Live, Plain, lines_of, show_on
from tests.edges.control.standin import FSMN, change, done, failed


def fetching(*details: str, **other: Any) -> dict[str, Any]:
    """A change that fetches, and has told so much of it."""
    steps = [{"step": "fetch", "detail": detail, "at_s": 0.5 * n} for n, detail in enumerate(details)]
    return change(steps=steps, **other)


def drawn(*changes: dict[str, Any], width: int = 80, encoding: str = "utf-8") -> list[str]:
    """The lines that stay on a terminal after these were shown."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=file, force_terminal=True, width=width, no_color=True, legacy_windows=False)
    with Live(console) as live:
        for each in changes:
            file.seek(0)
            file.truncate()
            live.show(each)
    file.seek(0)
    text = file.read()
    for code in ("\x1b[?25l", "\x1b[?25h", "\x1b[2K", "\x1b[1A", "\x1b[2m", "\x1b[1m", "\x1b[0m", "\r"):
        text = text.replace(code, "\n" if code == "\r" else "")
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def test_the_reports_of_one_step_are_one_line() -> None:
    """The last report is the detail; a step ends when the next begins, the last one with the change."""
    fetch, load, warm, switch = lines_of(done())
    assert (fetch.step, fetch.detail) == ("fetch", f"installed {FSMN}@v2.0.4 from modelscope.cn")
    assert [line.took_s for line in (fetch, load, warm, switch)] == [1.5, 0.5, 0.25, 0.25]
    assert lines_of(change(at=3))[-1].took_s is None
    assert lines_of(change()) == []


def test_a_step_that_comes_again_is_another_line() -> None:
    """Only reports that follow on each other are one."""
    names = ("load", "warm", "load")
    steps = [{"step": name, "detail": "", "at_s": float(n)} for n, name in enumerate(names)]
    assert [line.step for line in lines_of(change(steps=steps))] == list(names)


@pytest.mark.parametrize(
    ("detail", "share"),
    [
        ("31 %", 0.31),
        ("12.5% of it", 0.125),
        ("10.0 of 40.0 MB", 0.25),
        ("3 MB of 4 MB", 0.75),
        ("120 %", 1.0),
        ("5 of 0 MB", None),
        ("5 files", None),
        ("", None),
        ("one of 3", None),
    ],
)
def test_how_far_a_step_is_is_read_from_its_report(detail: str, share: float | None) -> None:
    """Per cent, or so much of so much; else it is not known."""
    (line,) = lines_of(fetching(detail))
    assert line.share == share


def test_in_a_pipe_each_report_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Printed once, when it comes, with the time since the change began; mere progress is left out."""
    shown = Plain()
    with shown:
        shown.show(fetching("x/y"))
        shown.show(fetching("x/y", "1 %"))
        shown.show(fetching("x/y", "1 %", "2 %", "installed\nx/y"))
        shown.show(done(at=5))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "    0.00 s  fetch   x/y",
        "    1.50 s  fetch   installed\\nx/y",
        "    2.25 s  switch",
    ]


def test_on_a_terminal_the_lines_are_drawn_anew() -> None:
    """Each step with its mark and the time that it took; the one under way with a spinner and the time so far."""
    *finished, running = drawn(change(at=3, took_s=2.5))[-2:]
    assert finished[0].startswith("✓  fetch")
    assert finished[0].endswith("1.50 s")
    assert running[0] not in "✓✗"
    assert running[1:].split() == ["load", "1.00", "s"]
    assert [line.split()[:2] for line in drawn(change(at=3), done())[-4:]] == [
        ["✓", "fetch"],
        ["✓", "load"],
        ["✓", "warm"],
        ["✓", "switch"],
    ]


def test_the_step_that_failed_is_marked() -> None:
    """The last one, and no other."""
    assert [line[0] for line in drawn(failed("model_invalid", "NaN"))[-2:]] == ["✓", "✗"]


def test_a_fetch_has_a_bar_where_it_is_known_how_far_it_is() -> None:
    """Half of it is half a bar."""
    (line,) = drawn(fetching("20.0 of 40.0 MB", took_s=1.0))[-1:]
    assert "━" * 12 in line
    assert "20.0 of 40.0 MB" in line


def test_no_line_is_as_wide_as_the_terminal() -> None:
    """A long report is cut, and there is room for the terminal's own ^C."""
    for line in drawn(fetching("x" * 500, took_s=1.0)):
        assert len(line) <= 77


def test_a_terminal_without_such_signs_gets_others() -> None:
    """Where the locale has only ASCII, the marks are + and x."""
    assert [line[0] for line in drawn(failed("model_invalid", "NaN"), encoding="ascii")[-2:]] == ["+", "x"]


def test_what_cannot_draw_is_not_drawn_on() -> None:
    """A pipe and a dumb terminal get plain lines."""
    assert isinstance(show_on(False, "xterm"), Plain)
    assert isinstance(show_on(True, "dumb"), Plain)
    assert isinstance(show_on(True, "xterm"), Live)
