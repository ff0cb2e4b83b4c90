"""What a rollout looks like in a few lines."""

import time
from typing import Any

import pytest

from segue.edges.control.rollout_text import follow, headline, lines, show
from segue.errors import ServerUnreachable


def said(**other: Any) -> dict[str, Any]:
    return {
        "id": "c0ffee",
        "version": "v2",
        "instead": "v1",
        "phase": "canary",
        "share": 0.1,
        "is_over": False,
        "is_paused": False,
        "for_s": 12.3,
        "verdict": "not enough yet",
        "says": "not enough yet: failed 0 of 12 on trial",
        "waits_for": "8 more requests",
        "outcome": "",
        "stages": [{"phase": "canary", "share": 0.1, "why": "it is ready", "at": 0.0}],
        **other,
    }


def mirror(**other: Any) -> dict[str, Any]:
    counts: dict[str, Any] = {"compared": 1200, "waiting": 0, "dropped": 3, "failed": 0, "too_large": 0}
    shifts: dict[str, Any] = {"start_shift_ms": [-20, -10.0, 0], "end_shift_ms": [0, 30.0, 50]}
    return counts | shifts | {"iou": 0.981, "missed": 0.012, "extra": 0.008} | other


def test_the_first_line_says_what_and_where() -> None:
    """A trial is beside the primary, a promoted version after it; what is over is nobody's."""
    assert headline(said()) == "rollout c0ffee: v2 beside v1: canary 10%, for 12.3 s"
    assert headline(said(is_paused=True)) == "rollout c0ffee: v2 beside v1: canary 10%, paused, for 12.3 s"
    assert headline(said(phase="bake")) == "rollout c0ffee: v2 after v1: bake, for 12.3 s"
    assert headline(said(phase="taken back", is_over=True)) == "rollout c0ffee: v2: taken back, for 12.3 s"


def test_what_is_known_follows() -> None:
    """What it waits for, the verdict once, the copies where there are any, the steps."""
    at = time.strftime("%H:%M:%S", time.localtime(0.0))
    assert lines(said())[1:] == [
        "  waits for 8 more requests",
        "  not enough yet: failed 0 of 12 on trial",
        f"  {at}  canary 10%: it is ready",
    ]
    assert lines(said(mirror=mirror()))[3:5] == [
        "  copies: 1,200 compared, 3 dropped",
        "  agreement: 98.1% of the speech; missed 1.2%, extra 0.8%; start 10.0 ms earlier, end 30.0 ms later (median)",
    ]
    none = mirror(compared=0, dropped=0, iou=None, missed=None, extra=None, start_shift_ms=None, end_shift_ms=None)
    assert lines(said(mirror=none)) == lines(said())
    over = lines(said(phase="taken back", is_over=True, outcome="3 failures in a row", waits_for=""))
    assert over[1] == "  3 failures in a row"
    assert not any("not enough" in line for line in over)


def test_what_steers_a_terminal_is_not_printed(capsys: Any) -> None:
    """Whatever a name or a reason is."""
    show(said(outcome="\x1b[2Jgone"), as_json=False)
    assert "\x1b" not in capsys.readouterr().out


def test_who_waits_for_a_server_that_dies_is_told_where_to_look() -> None:
    """The rollout goes on when the server is back."""

    class Dying:
        asked = 0

        def get(self, path: str) -> dict[str, Any]:
            assert path == f"/v1/rollouts/{'c0ffee' if self.asked else 'current'}"
            self.asked += 1
            if self.asked == 2:
                raise ServerUnreachable("no server answers")
            return said()

    told = r"no server answers; what became of rollout c0ffee, segue rollout status c0ffee --server x tells when a"
    with pytest.raises(ServerUnreachable, match=told):
        follow(Dying(), "current", until_over=True, as_json=False, option=" --server x", sleep=lambda _: None)  # type: ignore[arg-type]
