"""Rows of the journal -> the lines of a history."""

import io

import pytest
from rich.console import Console

from segue.edges.control.chronicle import chronicle, history_table
from tests.edges.control.standin import FIRST, FSMN, SECOND, entry

KNOWN = {"model_id": FSMN, "revision": "v2.0.4", "options": {"mode": "dynamic"}, "digest": "6" * 64}
SWITCH = {"verb": "switch", "what": FSMN, "who": "ada@home", "why": "fewer cuts"}

ROWS = [
    entry(9, "note", what="the journal was damaged after row 3"),
    entry(8, "refused", **{**SWITCH, "outcome": "no origin knows it"}),
    entry(7, "done", **SWITCH, epoch=7, route_text=FIRST, of=6, outcome="done"),
    entry(6, "intent", **SWITCH, epoch=7, route_text=FIRST),
    entry(5, "state", what=f"{FIRST}#1", outcome="warming -> ready"),
    entry(4, "state", what=f"{FIRST}#1", outcome="loading -> warming"),
    entry(3, "state", what=f"{FIRST}#1", who="ada@home", outcome="new -> loading", versions={FIRST: KNOWN}),
    entry(2, "state", what=f"{SECOND}#1", why="baked out", outcome="ready -> draining"),
    entry(1, "intent", **SWITCH),
]


def test_an_intent_and_its_end_are_one_line() -> None:
    """The end is told, with what serves since; an intent that has none says so."""
    lines = {line.seq: line for line in chronicle(ROWS)}
    assert 6 not in lines
    assert (lines[7].what, lines[7].outcome) == (f"switch {FSMN}", f"serves {FIRST} (epoch 7)")
    assert lines[1].outcome == "begun; its end is not recorded"
    assert lines[8].outcome == "refused: no origin knows it"
    assert lines[9].what == "the journal was damaged after row 3"


def test_the_steps_of_one_version_are_one_line() -> None:
    """From the first state to the last, with the model's name, and who it was for."""
    lines = {line.seq: line for line in chronicle(ROWS)}
    assert (lines[5].what, lines[5].outcome) == (f"{FIRST}#1", "new -> loading -> warming -> ready")
    assert (lines[5].who, lines[5].name) == ("ada@home", f"{FSMN}@v2.0.4 mode=dynamic")
    assert (lines[2].outcome, lines[2].why) == ("ready -> draining", "baked out")
    assert set(lines) == {9, 8, 7, 5, 2, 1}


def test_steps_that_do_not_follow_on_each_other_are_listed() -> None:
    """Where rows are missing between two steps, nothing is made up."""
    rows = [
        entry(9, "state", what="v1#1", outcome="ready -> draining"),
        entry(2, "state", what="v1#1", outcome="new -> loading"),
    ]
    (line,) = chronicle(rows)
    assert line.outcome == "new -> loading, ready -> draining"


def test_a_route_that_fell_to_nothing_is_said() -> None:
    """A version that failed and left nothing behind it."""
    (line,) = chronicle([entry(1, "done", verb="fall back", what="nothing", epoch=3)])
    assert line.outcome == "serves nothing (epoch 3)"


def printed(width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(history_table(chronicle(ROWS), width=width))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.fixture
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    import time

    time.tzset()


@pytest.mark.usefixtures("_utc")
def test_a_screen_of_80_columns_holds_everything() -> None:
    """When, who, what; below it how it ended, and why."""
    assert printed(80)[:5] == [
        "10-09 08:53:29  the journal was damaged after row 3",
        f"10-09 08:53:28  ada@home: switch {FSMN}",
        "                refused: no origin knows it",
        "                why: fewer cuts",
        f"10-09 08:53:27  ada@home: switch {FSMN}",
    ]
    assert f"10-09 08:53:25  {FIRST}#1: new -> loading -> warming -> ready" in printed(80)
    assert printed(120)[0] == "2025-10-09 08:53:29  the journal was damaged after row 3"


def test_in_a_pipe_each_is_one_line() -> None:
    """A title, and as many lines as things happened."""
    titles, *lines = printed(1000)
    assert titles.split() == ["time", "who", "what", "outcome"]
    assert len(lines) == 6
    assert lines[2].split("  ")[-1] == f"serves {FIRST} (epoch 7)"
