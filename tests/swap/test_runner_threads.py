"""The runner while many threads do everything to it at once: no deadlock, nothing left under way, no lost lease."""

import random
import threading
import time
from pathlib import Path

import pytest

from segue.errors import SegueError
from segue.swap import FellBack, Outcome, Plan, Route
from tests.swap.models import journal_at
from tests.swap.test_runner import Release
from tests.swap.threads import crowd, hectic, shaken

PLANS = (
    Plan(canary=(0.3, 0.6), step_s=0, min_requests=1, bake_s=0.01),
    Plan(shadow=1.0, canary=(), step_s=0, min_requests=1, bake_s=1e6),
    Plan(canary=(), bake_s=0),
)


class Everything:
    """One thread each: whatever can be done, again and again, refused or not."""

    def __init__(self, release: Release, until_s: float) -> None:
        self.release = release
        self.versions = [release.a, release.b, release.c]
        self.faults: list[BaseException] = []
        self._until_s = until_s

    def __call__(self, number: int) -> None:
        dice = random.Random(number)
        acts = [self.tend, self.request, self.begin, self.by_hand, self.change_it, self.request]
        act = acts[number % len(acts)]
        while time.monotonic() < self._until_s:
            try:
                act(dice)
            except SegueError:
                pass
            except BaseException as error:  # noqa: BLE001 -- told at the end
                self.faults.append(error)
                return

    def tend(self, _: random.Random) -> None:
        self.release.runner.tend()
        self.release.board.sweep()
        self.release.runner.reports()

    def request(self, dice: random.Random) -> None:
        board = self.release.board
        lease = board.lease(str(dice.random()))
        instead = board.answers_for(lease.version)
        failed = dice.random() < 0.2
        lease.release(Outcome.FAILED if failed else Outcome.OK)
        if failed and instead:
            board.tell(FellBack(lease.version, lease.incarnation, instead, lease.key, lease.key, "x", True))
        wanted = self.release.runner.wants_copy(lease.key)
        if wanted:
            self.release.runner.compared(wanted, common=1.0, either=1.0)

    def begin(self, dice: random.Random) -> None:
        board, version = self.release.board, dice.choice(self.versions)
        change = board.change(version, verb="rollout", who="ann")
        try:
            board.prepare(version, change=change)
            self.release.runner.begin(version, dice.choice(PLANS), change=change)
        except BaseException as error:
            change.__exit__(type(error), error, None)
            raise

    def by_hand(self, dice: random.Random) -> None:
        runner = self.release.runner
        runner.report()
        act = dice.choice([runner.pause, runner.resume_by_hand, runner.promote, runner.abort, None])
        if act is None:
            runner.canary(dice.random(), who="bob")
        else:
            act(None, who="bob")

    def change_it(self, dice: random.Random) -> None:
        board, version = self.release.board, dice.choice(self.versions)
        act = dice.randrange(5)
        if act == 0:
            board.rollback(who="bob")
        elif act == 1:
            board.switch(Route(version), who="bob")
        elif act == 2:
            board.fail(version, "it died")
        elif act == 3:
            self.release.runner.alarm(version, "memory over its budget")
        else:
            board.prepare(version)


@pytest.mark.parametrize("how", ["hectic", "shaken"])
def test_everything_at_once(tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture) -> None:
    """At the end a rollout that is under way serves, the right to change the route is its or nobody's; no faults."""
    release, threads = Release(journal_at(tmp_path)), threading.active_count()
    everything = Everything(release, time.monotonic() + 2.0)
    files = ("switchboard.py", "current.py", "runner.py", "rollout.py")
    with hectic() if how == "hectic" else shaken(every=20, files=files), crowd(12, everything):
        pass
    assert everything.faults == []
    assert not [record for record in caplog.records if record.exc_info]
    board, runner = release.board, release.runner
    rollout, route = runner._active, board.route
    assert rollout is None or route == rollout.route == rollout.route_of(rollout.where)
    assert rollout is not None or route is None or not route.is_trial
    assert all(report.is_over for report in runner.reports() if rollout is None or report.id != rollout.id)
    if rollout is not None and rollout.is_asked_for:
        runner.abort(None, who="bob")
    board.change("next").__exit__(None, None, None)
    assert len({report.id for report in release.told}) == len(release.told)
    assert all(each.leases == 0 for each in board.snapshot().versions)
    assert threading.active_count() <= threads
