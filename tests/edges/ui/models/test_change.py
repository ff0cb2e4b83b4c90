"""A change, step by step, and what came of it."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from segue.edges.ui.door import Door
from segue.edges.ui.models.change import Line, change, lines_of, told
from segue.edges.ui.room import Room
from segue.edges.ui.words import Words
from segue.errors import ModelNotFound
from segue.service import Operation
from segue.service.access import Access
from segue.swap import Route, Switched, VersionId
from tests.edges.ui.models.seen import CHINESE, ENGLISH, EVIL, report, status

if TYPE_CHECKING:
    from segue.service import Service


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """Without a service: what is told here needs none."""
    access = Access("t" * 20, is_open=True)
    return Room(cast("Service", tmp_path), Door(access, "t" * 20), Words("en", "models"))


def operation(verb: str = "switch") -> Operation:
    return Operation(verb, "me/one", who="ada", why="a test")


def switched(version: str, previous: str | None, *, changed: bool = True) -> Switched:
    before = Route(VersionId(previous)) if previous else None
    return Switched("switch", Route(VersionId(version)), before, 2, "", "", changed=changed)


def test_nothing_was_begun(room: Room) -> None:
    """Then there is nothing to be seen."""
    assert change(None, status(), room) == ""


def test_reports_of_a_step_are_one_line(room: Room) -> None:
    """The last word of each step, and how long it took; the last step has taken no time yet while it is under way."""
    begun = operation()
    for name, detail in (("fetch", "1.0 of 9.0 MB"), ("fetch", "9.0 of 9.0 MB"), ("verify", ""), ("load", "")):
        begun.step(name, detail)
    lines = lines_of(begun, "running")
    assert [(line.step, line.detail) for line in lines] == [("fetch", "9.0 of 9.0 MB"), ("verify", ""), ("load", "")]
    assert [line.took_s is None for line in lines] == [False, False, True]
    begun.end()
    assert lines_of(begun, "done")[-1].took_s is not None
    assert isinstance(lines[0], Line)
    shown = change(begun, status(), room)
    assert "<b>Verify</b>" in shown


def test_what_is_under_way_can_be_cancelled_but_a_rollback(room: Room) -> None:
    """A rollback is what one cancels with; what is over cannot be cancelled."""
    begun = operation()
    assert f'data-act="cancel" data-change="{begun.id}"' in change(begun, status(), room)
    assert "Under way for" in change(begun, status(), room)
    assert "cancel" not in change(operation("rollback"), status(), room)
    begun.end(switched("v2", "v1"))
    assert "cancel" not in change(begun, status(), room)


def test_a_failure_says_that_nothing_was_changed(room: Room) -> None:
    """What is wrong, and what serves all the same; as an alert, and as text."""
    begun = operation()
    begun.end(error=ModelNotFound(f"{EVIL} is not there"))
    shown = change(begun, status(), room)
    assert "There is no such model: &lt;img" in shown
    assert "Nothing was changed: v1 serves." in shown
    assert 'role="alert"' in shown
    assert "<img" not in shown


def test_an_outcome_says_what_serves_now_from_which_and_in_what_time() -> None:
    """In both languages; also where nothing served before, and where it served already."""
    assert told(switched("v2", "v1"), "41 ms", ENGLISH) == "v2 serves now, instead of v1; it took 41 ms."
    assert told(switched("v2", "v1"), "41 ms", CHINESE) == "已由 v2 提供服务，替换 v1，用时 41 ms。"
    assert told(switched("v2", None), "1.20 s", ENGLISH) == "v2 serves now; it took 1.20 s."
    assert "nothing was changed" in told(switched("v2", "v2", changed=False), "1 ms", ENGLISH)
    assert told(report(), "1 ms", ENGLISH) == "The rollout of v2 has begun; it took 1 ms."
    assert told(None, "1 ms", ENGLISH) == "Done in 1 ms."


def test_what_was_asked_for_is_text(room: Room) -> None:
    """Whoever names a model, and why, cannot write HTML; a verb that the page does not know is a change."""
    begun = Operation("follow", EVIL, who=EVIL, why=EVIL)
    begun.step(EVIL, EVIL)
    shown = change(begun, status(route=None), room)
    assert "Change &lt;img" in shown
    assert "<img" not in shown
