"""Rollouts of a service: what a plan brings with it beside its steps."""

import threading
from pathlib import Path

from segue.service.patience import Patience
from segue.service.releases import Releases
from segue.service.watch import Watch
from segue.settings import read_settings
from segue.swap import Health, Plan
from tests.service.boards import Board
from tests.service.test_webhook import Listener
from tests.swap.threads import PATIENCE_S


def test_the_bake_time_is_the_service_s_if_the_plan_says_none(tmp_path: Path) -> None:
    """And the plan's otherwise."""
    world, watch = Board("a"), Watch(60)
    settings = read_settings(home=tmp_path, bake_s=77)
    patience = Patience(world.board, Health(), watch)
    releases = Releases(world.board, watch, patience, settings, threading.Event())
    assert releases.plan({"canary": "5"}) == Plan(canary=(0.05,), bake_s=77)
    assert releases.plan({"bake": "5m"}).bake_s == 300


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
