"""Rollouts of a service: what a plan brings with it beside its steps."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from segue.errors import Superseded
from segue.service.changes import Changes
from segue.service.operations import Operation
from segue.service.patience import Patience
from segue.service.releases import Releases
from segue.service.watch import Watch
from segue.settings import read_settings
from segue.swap import Health, Plan
from tests.service.boards import Board, recording
from tests.service.test_webhook import Listener
from tests.swap.threads import PATIENCE_S, Gate


def test_the_bake_time_is_the_service_s_if_the_plan_says_none(tmp_path: Path) -> None:
    """And the plan's otherwise."""
    world, watch = Board("a"), Watch(60)
    settings = read_settings(home=tmp_path, bake_s=77)
    patience = Patience(world.board, Health(), watch)
    releases = Releases(world.board, watch, patience, settings, threading.Event())
    assert releases.plan({"canary": "5"}) == Plan(canary=(0.05,), bake_s=77)
    assert releases.plan({"bake": "5m"}).bake_s == 300


def test_where_copies_are_kept_is_known_when_it_begins(tmp_path: Path) -> None:
    """However soon that is: the thread may be there before whoever asked has its answer."""
    world, watch = Board("a", "b"), Watch(60)
    patience = Patience(world.board, Health(), watch)
    releases = Releases(world.board, watch, patience, read_settings(home=tmp_path), threading.Event())
    b = world.versions["b"]

    class AtOnce:
        def rollout(self, _: Any, *, begin: Callable[[Any, Any], object], **__: Any) -> Any:
            return begin(b, world.board.change("b", verb="rollout", who="ann"))

    begun = releases.begin(cast(Changes, AtOnce()), b, Plan(shadow=1.0, keep=3), who="ann")
    assert begun is not None
    assert releases.runner.report().phase == "shadow"


def test_a_rollback_need_not_wait_for_golden_clips(tmp_path: Path) -> None:
    """They end at the next clip, and nothing is under way any more."""
    world, watch, gate = Board("a", "b"), Watch(60), Gate()
    patience = Patience(world.board, Health(), watch)
    releases = Releases(world.board, watch, patience, read_settings(home=tmp_path), threading.Event())
    for number in range(50):
        (tmp_path / f"{number}.wav").write_bytes(recording())
    world.during["b"] = lambda _: gate()
    operation = Operation("rollout", "b", who="ann", why="")
    change = operation.change = world.board.change("b", verb="rollout", who="ann")
    ended: list[BaseException] = []

    def examine() -> None:
        try:
            releases._examine(operation, world.versions["b"], Plan(golden=str(tmp_path)))
        except Superseded as error:
            ended.append(error)

    thread = threading.Thread(target=examine)
    thread.start()
    assert gate.reached.wait(PATIENCE_S)
    assert world.board.cancel(who="bob") == str(change)
    gate.open.set()
    thread.join(PATIENCE_S)
    assert len(ended) == 1
    assert operation.steps[-1].detail == "golden clip 1 of 50"
    assert world.leases == 0


def test_the_end_is_told_to_the_webhook(tmp_path: Path) -> None:
    """With what became of it and why."""
    world, watch, listener = Board("a", "b"), Watch(60), Listener()
    patience = Patience(world.board, Health(), watch)
    releases = Releases(world.board, watch, patience, read_settings(home=tmp_path), threading.Event())
    b = world.versions["b"]
    releases.runner.begin(b, Plan(webhook=listener.url), change=world.board.change("b", verb="rollout", who="ann"))
    releases.runner.abort(None, who="bob", why="enough")
    for thread in threading.enumerate():
        if thread.name == "webhook":
            thread.join(PATIENCE_S)
    listener.server.shutdown()
    listener.server.server_close()
    ((_, told),) = listener.heard
    assert isinstance(told, dict)
    assert (told["version"], told["phase"], told["outcome"]) == (b, "aborted", "aborted by bob: enough")
