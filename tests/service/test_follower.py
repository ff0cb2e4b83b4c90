"""The follower: by a clock and a hub of the test's own; then in a real service, on a directory that changes."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from segue.errors import (
    GoldenFailed,
    InvalidModelID,
    InvalidParameter,
    InvalidPlan,
    ModelInvalid,
    ModelNotFound,
    OriginUnavailable,
)
from segue.hub import ModelFile, Newest, ResolvedModel
from segue.service.engine import Engine
from segue.service.follower import Follower, FollowReport
from segue.service.operations import Operation, Operations
from segue.swap import Entry, Kind, ModelSpec, Plan, Resolved, Route, Runner, VersionId
from tests.edges.http.service import LoudService, loud_service, model
from tests.service.boards import Board
from tests.swap.threads import PATIENCE_S

SPEC = ModelSpec("some/one", "main")
DIGEST = {name: name * 64 for name in "abcdef"}


class World:
    """A board on which ``a`` serves; ``content`` is what the branch or directory holds, or an error."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.boards = Board("a")
        self.board = self.boards.board
        self.runner = Runner(self.board)
        self.operations = Operations()
        self.now_s = 0.0
        self.content: str | Exception = "b"
        self.moves, self.is_directory = True, False
        self.looks = 0
        self.begun: list[tuple[VersionId, Operation, Mapping[str, Any], str]] = []
        self.follower = self.start()

    def start(self) -> Follower:
        """As a process that begins does."""
        return Follower(
            self.board,
            self.runner,
            self.operations,
            self.home / "follow.json",
            check=lambda *_: None,
            look=self._look,
            keep=lambda found: found,
            begin=self._begin,
            clock=lambda: self.now_s,
        )

    def _look(self, model_id: str, _: str | None) -> Newest:
        self.looks += 1
        if isinstance(self.content, Exception):
            raise self.content
        name, found = self.content, None if self.is_directory else f"main-{self.content}"
        files: tuple[ModelFile, ...] = ()
        return Newest(
            ResolvedModel(
                model_id=model_id, revision=found, digest=DIGEST[name], directory=Path("/"), origin="hub", files=files
            ),
            self.moves,
        )

    def _begin(self, version: VersionId, plan: Mapping[str, Any], *, who: str, why: str) -> Operation:
        operation = Operation("rollout", str(version), who=who, why=why)
        operation.version = version
        self.begun.append((version, operation, plan, why))
        return operation

    def pass_(self, seconds: float = 60.0) -> FollowReport:
        """Time passes, and the follower is tended."""
        self.now_s += seconds
        self.follower.tend()
        report = self.follower.report
        assert report is not None
        return report

    def version(self, name: str) -> VersionId:
        return Resolved(SPEC, DIGEST[name]).version


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.follower.follow(SPEC, {"canary": [5]}, every_s=60, who="ann", why="nightly")
    return world


def test_what_is_new_on_a_branch_is_begun(world: World) -> None:
    """At once, with the plan that was given; the report and the journal say so, in whose name."""
    report = world.pass_(0)
    ((version, operation, plan, why),) = world.begun
    assert (version, plan, operation.who) == (world.version("b"), {"canary": [5]}, "follow (ann)")
    assert why == f"some/one@main has new content, digest {DIGEST['b'][:12]}"
    assert report.says == f"{version} is being prepared for its rollout"
    assert (report.version, report.digest, report.problem) == (version, DIGEST["b"], "")
    rows = [(row.who, row.what) for row in world.board.journal.history(10) if row.verb == "follow"]
    assert rows == [("ann", f"begins with {version}"), ("ann", "some/one@main")]


def test_it_looks_as_often_as_it_was_told_to(world: World) -> None:
    """And no more often, whatever it finds; nothing is begun twice."""
    world.pass_(0)
    assert world.pass_(59).next_s == pytest.approx(1)
    world.content = "c"
    world.begun[0][1].end(error=GoldenFailed("worse"))
    world.pass_(0)
    assert world.looks == 1
    assert len(world.begun) == 1


def test_a_directory_counts_when_it_is_the_same_twice(world: World) -> None:
    """While somebody writes there nothing is begun."""
    world.is_directory = True
    for name in "bcdd":
        assert world.begun == []
        world.content = name
        report = world.pass_()
        assert ("is new here" in report.says) == (not world.begun)
    assert [version for version, *_ in world.begun] == [world.version("d")]


def test_what_serves_is_not_new(world: World) -> None:
    """A branch that holds what serves is only looked at."""
    known = world.board.add(Resolved(SPEC, DIGEST["b"]))
    world.board.prepare(known)
    world.board.switch(Route(known))
    assert world.pass_().says == f"{known} serves"
    assert world.begun == []


def test_nothing_is_begun_before_anything_serves(tmp_path: Path) -> None:
    """It waits, and goes on when something does."""
    world = World(tmp_path)
    world.board.shutdown(1)
    world.follower.follow(SPEC, {}, every_s=60, who="ann")
    assert world.pass_().says.endswith("waits until something serves")


def test_one_after_the_other(world: World) -> None:
    """During a rollout, and during any other change, it waits; what is there after it counts."""
    world.boards.versions["x"] = other = world.board.add(Resolved(ModelSpec("test/x"), "x"))
    world.board.prepare(other)
    world.runner.begin(other, Plan(canary=(0.5,)), change=world.board.change("x", verb="rollout", who="bob"))
    assert f"of {other} is under way (canary); then this is looked at again" in world.pass_().says
    world.content = "c"
    world.runner.abort(None, who="bob")
    running = Operation("switch", "some/other", who="bob")
    gate = threading.Event()
    world.operations.run(running, lambda _: gate.wait(PATIENCE_S))
    assert world.pass_().says.startswith("switch some/other is under way")
    gate.set()
    running.future.result(PATIENCE_S)
    world.pass_()
    assert [version for version, *_ in world.begun] == [world.version("c")]


def test_what_had_its_turn_is_never_begun_again(world: World) -> None:
    """A digest whose rollout was taken back is left alone, and the report says why; another is begun anew."""
    said = {"rollout": {"id": "ab12", "version": world.version("b")}}
    world.board.journal.append(Entry(Kind.NOTE, "end", why="three in a row", outcome="taken back", evidence=said))
    for _ in range(3):
        report = world.pass_()
        assert f"{world.version('b')} is left alone: its rollout ab12 was over on" in report.says
        assert "taken back, three in a row. If it is wanted all the same: segue rollout" in report.says
    assert world.begun == []
    world.content = "c"
    world.pass_()
    assert [version for version, *_ in world.begun] == [world.version("c")]


def test_what_was_refused_is_told_and_not_tried_at_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """It is looked at again after ten minutes at the least: what was short may be there again."""
    world.pass_()
    world.begun[0][1].end(error=GoldenFailed("it is worse by more than 0.01"))
    with caplog.at_level(logging.WARNING):
        report = world.pass_()
    assert report.problem == f"{world.version('b')} was refused: it is worse by more than 0.01"
    assert report.problem in caplog.text
    assert report.next_s == 600
    world.pass_(599)
    assert world.looks == 1
    world.pass_(1)
    assert world.looks == 2


def test_a_rollout_that_has_begun_is_named(world: World) -> None:
    """By its ID, until the next look."""

    class Begun:
        id, version = "ab12", world.version("b")

    world.pass_()
    world.begun[0][1].end(Begun())
    assert world.pass_(0).says == f"rollout ab12 of {world.version('b')} has begun"


def test_a_hub_that_is_away_is_logged_once_and_asked_again(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The report says so for as long as it lasts."""
    world.content = OriginUnavailable("some/one@main: no connection")
    with caplog.at_level(logging.INFO, logger="segue.service.follower"):
        for _ in range(3):
            assert world.pass_().problem == "some/one@main: no connection"
        world.content = "b"
        assert world.pass_().problem == ""
    assert caplog.messages == [
        "some/one@main, which is followed: some/one@main: no connection",
        "some/one@main can be looked at again",
    ]
    assert len(world.begun) == 1


def test_what_never_moves_is_said(world: World) -> None:
    """A pinned revision is a note, not an error: what is there is released once."""
    world.moves = False
    assert world.pass_().note == "some/one@main-b never changes: follow a branch, such as @master, or a directory"


def test_it_is_followed_by_the_next_process_until_it_is_stopped(world: World) -> None:
    """Its file is all that is needed."""
    before = world.follower.report
    world.follower = world.start()
    assert world.follower.report == before
    world.pass_(0)
    assert len(world.begun) == 1
    stopped = world.follower.stop(who="bob")
    assert stopped is not None
    assert stopped.model == "some/one@main"
    assert world.follower.report is None
    assert world.start().report is None
    assert world.follower.stop(who="bob") is None
    row = next(row for row in world.board.journal.history(10) if row.verb == "follow")
    assert (row.who, row.what) == ("bob", "no more of some/one@main")


def test_a_look_that_comes_back_late_changes_nothing(world: World) -> None:
    """What was followed when it began is not followed any more."""
    other = ModelSpec("some/other")

    def look(*_: object) -> Newest:
        world.follower.follow(other, {}, every_s=10, who="bob")
        raise OriginUnavailable("too late")

    world.follower._look = look
    report = world.pass_()
    assert (report.model, report.problem, report.looked_at) == ("some/other", "", None)


def test_nothing_is_begun_for_who_has_said_stop(world: World) -> None:
    """Though the hub was being asked just then."""
    look = world.follower._look

    def late(model_id: str, revision: str | None) -> Newest:
        world.follower.stop(who="bob")
        return look(model_id, revision)

    world.follower._look = late
    world.follower.tend()
    assert world.looks == 1
    assert world.begun == []
    assert world.follower.report is None


# -- in a real service ---------------------------------------------------------------------------------------------


def wait(condition: Callable[[], object], service: LoudService) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, service.follower.report
        time.sleep(0.01)


def write(directory: Path, text: str) -> None:
    for file in ("model.onnx", "am.mvn", "config.yaml"):
        (directory / file).write_text(text)


def wait_until_it_says(text: str, service: LoudService) -> str:
    """Until a look, of which the next is always now, leads to that; all that it says then."""

    def said() -> str:
        with service.follower._lock:
            service.follower._due_s = 0.0
        report = service.follower.report
        return f"{report.says} {report.problem}" if report else ""

    wait(lambda: text in said(), service)
    return said()


def test_a_directory_is_released_whenever_it_changes_and_never_again_what_failed(tmp_path: Path) -> None:
    """Taken back once, a content is never begun again, after a restart neither; another one begins by itself."""
    followed = model(tmp_path, "followed")
    with loud_service(tmp_path / "home") as service:
        serving = service.serve(model(tmp_path, "first"))
        service.start()
        service.follower.follow(ModelSpec(str(followed)), {"canary": "10"}, every_s=10, who="ann")
        wait_until_it_says("is under way (canary)", service)
        first = service.rollouts.report()
        assert (first.who, first.phase, first.share) == ("follow (ann)", "canary", 0.1)
        service.rollouts.alarm(first.version, "three failures in a row")
        wait(lambda: service.rollouts.report().is_over, service)
        assert service.rollouts.report().phase == "taken back"
        wait_until_it_says(f"{first.version} is left alone: its rollout {first.id} was over", service)
    with loud_service(tmp_path / "home") as service:
        service.start()
        wait(lambda: service.ready, service)
        wait_until_it_says(f"{first.version} is left alone", service)
        assert service.rollouts.reports() == []
        write(followed, "another")
        wait_until_it_says("is under way (canary)", service)
        second = service.rollouts.report()
        assert second.version != first.version
        assert second.instead == serving


def test_what_can_never_be_is_refused_at_once(tmp_path: Path) -> None:
    """A plan, a name, a directory, an interval: and what was followed before still is."""
    with loud_service(tmp_path / "home") as service:
        follow = service.follower.follow
        here = ModelSpec(str(model(tmp_path, "here")))
        follow(here, {}, every_s=10, who="ann")
        with pytest.raises(InvalidPlan, match="'canaries' is not part of a plan"):
            follow(here, {"canaries": 1}, every_s=10, who="ann")
        with pytest.raises(InvalidModelID):
            follow(ModelSpec("./here"), {}, every_s=10, who="ann")
        with pytest.raises(ModelNotFound, match="is not a directory here, where the service runs"):
            follow(ModelSpec(str(tmp_path / "none")), {}, every_s=10, who="ann")
        with pytest.raises(InvalidParameter):
            follow(here, {}, every_s=1, who="ann")
        assert service.follower.report is not None
        assert service.follower.report.model == here.model_id


def test_bytes_that_do_not_load_are_refused_for_good(tmp_path: Path) -> None:
    """By the journal, so after a restart too; a plan that cannot be carried out is tried again."""
    followed = model(tmp_path, "followed")
    with loud_service(tmp_path / "home") as service:
        service.serve(model(tmp_path, "first"))
        (tmp_path / "clips").mkdir()
        service.follower.follow(ModelSpec(str(followed)), {"golden": str(tmp_path / "clips")}, every_s=10, who="ann")
        service.start()
        wait_until_it_says("has no audio files", service)

        def load(_: Resolved) -> Engine:
            raise ModelInvalid("model.onnx is no model")

        service.board._fleet._loader = load
        write(followed, "another")
        wait_until_it_says("was refused: model.onnx is no model", service)
    with loud_service(tmp_path / "home") as service:
        service.start()
        wait(lambda: service.ready, service)
        assert "model.onnx is no model" in wait_until_it_says("it was refused on", service)
        assert service.rollouts.reports() == []
