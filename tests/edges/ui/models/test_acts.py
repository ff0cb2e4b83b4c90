"""What somebody does, as it reaches a real service."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from segue.edges.ui.models.acts import Acts
from segue.errors import Busy, InvalidPlan, RequestInvalid, Superseded, UnknownRollout, VersionInUse
from tests.edges.http.service import TIMEOUT_S, LoudService, loud_service, model
from tests.edges.ui.browser import until
from tests.edges.ui.models.seen import ENGLISH


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LoudService]:
    """Model ``a`` serves."""
    with loud_service(tmp_path / "home", bake_s=600.0) as made:
        made.serve(model(tmp_path, "a"))
        yield made


@pytest.fixture
def acts(service: LoudService) -> Acts:
    return Acts(service, ENGLISH)


def do(acts: Acts, act: str, **said: object) -> dict[str, str]:
    return acts.do({"act": act, **said}, "page ada")


def ended(service: LoudService, answer: dict[str, str]) -> object:
    return service.operation(answer["change"]).future.result(TIMEOUT_S)


def serving(service: LoudService) -> str:
    route = service.board.route
    assert route is not None
    return str(route.primary)


def test_a_switch_there_and_back(service: LoudService, acts: Acts, tmp_path: Path) -> None:
    """By its model with options, back by rollback, and again by its version; the history has who and why."""
    first = serving(service)
    answer = do(acts, "switch", model=str(model(tmp_path, "b")), options="max_end_silence_time=500", why="better")
    ended(service, answer)
    second = serving(service)
    assert second != first
    ended(service, do(acts, "rollback", why="worse"))
    assert serving(service) == first
    ended(service, do(acts, "switch", version=second))
    assert serving(service) == second
    told = {(row.verb, row.who, row.why) for row in service.history(50)}
    assert {("switch", "page ada", "better"), ("rollback", "page ada", "worse")} <= told


def test_a_rollout_by_hand(service: LoudService, acts: Acts, tmp_path: Path) -> None:
    """Begun, held, moved, let go, promoted; then aborted: what served before serves everyone again."""
    first = serving(service)
    ended(service, do(acts, "rollout", model=str(model(tmp_path, "b")), share="10", steps="50", step="1h"))
    report = service.rollouts.report()
    assert report.share == 0.1
    known = {"rollout": report.id}
    assert "stays" in do(acts, "pause", **known)["said"]
    assert service.rollouts.report().is_paused
    assert do(acts, "canary", percent="35", **known) == {"said": "The share is 35 %; it stays until your next word."}
    assert service.rollouts.report().share == 0.35
    assert "goes on" in do(acts, "resume", **known)["said"]
    assert not service.rollouts.report().is_paused
    assert do(acts, "promote", **known)["said"] == f"{report.version} serves everyone."
    assert serving(service) == report.version
    assert first in do(acts, "abort", why="second thoughts", **known)["said"]
    assert serving(service) == first
    assert service.rollouts.report().outcome == "aborted by page ada: second thoughts"


def test_what_cannot_be_is_refused_and_changes_nothing(service: LoudService, acts: Acts, tmp_path: Path) -> None:
    """Each as the service itself refuses it."""
    before = service.status().epoch
    for act, said, error in (
        ("fly", {}, RequestInvalid),
        ("rollout", {"model": str(model(tmp_path, "b")), "shadow": "many"}, InvalidPlan),
        ("pause", {"rollout": "nope"}, UnknownRollout),
        ("canary", {"rollout": "nope", "percent": "5"}, UnknownRollout),
        ("close", {"version": serving(service)}, VersionInUse),
    ):
        with pytest.raises(error):
            do(acts, act, **said)
    assert service.status().epoch == before


def test_what_is_prepared_can_be_cancelled(service: LoudService, acts: Acts, tmp_path: Path) -> None:
    """The change ends, nothing is installed, what served serves, and the next change is not refused."""
    first, is_going_on, may_go_on = serving(service), threading.Event(), threading.Event()

    def hold(_: object) -> None:
        is_going_on.set()
        may_go_on.wait(TIMEOUT_S)

    service.on_accept = hold
    answer = do(acts, "switch", model=str(model(tmp_path, "b")))
    assert is_going_on.wait(TIMEOUT_S)
    with pytest.raises(Busy):
        do(acts, "switch", model=str(model(tmp_path, "c")))
    assert do(acts, "cancel", change=answer["change"]) == answer
    may_go_on.set()
    with pytest.raises(Superseded):
        ended(service, answer)
    assert serving(service) == first
    with pytest.raises(Superseded, match="over"):
        do(acts, "cancel", change=answer["change"])
    service.on_accept = lambda _: None
    ended(service, do(acts, "switch", model=str(tmp_path / "c")))


def test_a_version_that_does_not_serve_can_be_closed(service: LoudService, acts: Acts, tmp_path: Path) -> None:
    """At once, or by itself when what still uses it is done."""
    first = serving(service)
    ended(service, do(acts, "switch", model=str(model(tmp_path, "b"))))
    with service.board.lease("key", version=first) as _:  # type: ignore[arg-type]  # a name is a text
        answer = do(acts, "close", version=first)
        assert answer["said"] == f"{first} is still in use: it closes by itself."
    until(lambda: {each.version: each.state for each in service.status().versions}[first] == "closed")  # type: ignore[index]
    second = serving(service)
    ended(service, do(acts, "switch", model=str(model(tmp_path, "c"))))
    assert do(acts, "close", version=second)["said"].startswith(f"{second} is closed")
