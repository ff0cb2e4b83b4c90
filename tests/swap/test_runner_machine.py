"""The runner and its switchboard, over random histories of everything that can be done to them."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from segue.errors import ModelInvalid, SegueError
from segue.swap import CLEAN_END, Entry, FellBack, Kind, Outcome, Plan, RolloutReport, Route, Runner, last_mark, restore
from segue.swap.lease import Lease
from tests.swap.models import Model, World, journal_at

NAMES = "abc"
names = st.sampled_from(NAMES)
PLANS = (
    Plan(canary=(0.2, 0.6), step_s=1, min_requests=3, bake_s=50),
    Plan(canary=(0.5,), step_s=0, min_requests=1, bake_s=50, auto=False),
    Plan(shadow=1.0, canary=(), step_s=1, min_requests=2, bake_s=50, max_disagreement=0.5),
    Plan(canary=(), bake_s=50, in_a_row=1),
)


class Machine(RuleBasedStateMachine):
    """Whatever comes, a trial is a rollout's, a rollout's route serves, and the right to change it is given back."""

    @initialize()
    def begin(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.world: World | None = None
        self.ended: list[RolloutReport] = []
        self.start()
        self.board.switch(Route(self.ids["a"]))

    def start(self) -> None:
        """A process."""
        self.world = World(journal_at(Path(self.directory.name)), bake_s=50, max_resident=3)
        self.board = self.world.board
        self.runner: Runner[Model] = Runner(
            self.board, bake_s=50, clock=self.world.clock, ended=lambda report: self.ended.append(report)
        )
        self.ids = {name: self.world.add(name) for name in NAMES}
        self.leases: list[Lease[Model]] = []
        self.away = False
        mark = last_mark(self.board.journal, now=0.0)
        if restore(self.board, without=mark.version if mark and mark.is_to_be_taken_back else None):
            self.runner.recover(mark)
        for version in self.ids.values():
            self.attempt(lambda version=version: self.board.prepare(version))  # type: ignore[misc]

    def teardown(self) -> None:
        for lease in self.leases:
            lease.release()
        assert all(each.leases == 0 for each in self.board.snapshot().versions)
        self.board.journal.close()
        self.directory.cleanup()

    def attempt(self, act: Callable[[], object]) -> bool:
        """It may be refused, in our words."""
        try:
            act()
        except SegueError:
            return False
        return True

    # -- rollouts ----------------------------------------------------------------------------------------------

    @rule(name=names, plan=st.sampled_from(PLANS), prepares=st.booleans())
    def rollout(self, name: str, plan: Plan, prepares: bool) -> None:
        def begin() -> None:
            change = self.board.change(name, verb="rollout", who="ann")
            try:
                if prepares:
                    self.board.prepare(self.ids[name], change=change)
                self.runner.begin(self.ids[name], plan, change=change)
            except BaseException as error:
                change.__exit__(type(error), error, None)
                raise

        self.attempt(begin)

    @rule(verb=st.sampled_from(["pause", "resume_by_hand", "promote", "abort"]))
    def say(self, verb: str) -> None:
        self.attempt(lambda: getattr(self.runner, verb)(None, who="bob"))

    @rule(share=st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    def canary(self, share: float) -> None:
        self.attempt(lambda: self.runner.canary(share, who="bob"))

    @rule(seconds=st.sampled_from([0, 1, 60]))
    def tend(self, seconds: int) -> None:
        self.world.clock.now_s += seconds  # type: ignore[union-attr]
        self.runner.tend()
        self.board.sweep()

    @rule(differs=st.booleans(), times=st.integers(1, 3))
    def compare(self, differs: bool, times: int) -> None:
        rollout = self.runner.under_trial
        for _ in range(times):
            if rollout is not None:
                self.runner.compared(rollout.version, common=0.0 if differs else 1.0, either=1.0)

    @rule(name=names)
    def alarm(self, name: str) -> None:
        self.runner.alarm(self.ids[name], "memory over its budget")

    # -- others ------------------------------------------------------------------------------------------------

    @rule(name=names)
    def switch(self, name: str) -> None:
        self.attempt(lambda: self.board.switch(Route(self.ids[name]), who="bob"))

    @rule(fails=st.booleans())
    def rollback(self, fails: bool) -> None:
        assert self.world is not None
        self.world.load_fault = ModelInvalid("faulty") if fails else None
        self.attempt(lambda: self.board.rollback(who="bob"))
        self.world.load_fault = None

    @rule(name=names)
    def fail(self, name: str) -> None:
        self.attempt(lambda: self.board.fail(self.ids[name], "it died"))

    @rule(name=names, fails=st.booleans())
    def prepare(self, name: str, fails: bool) -> None:
        assert self.world is not None
        self.world.load_fault = ModelInvalid("faulty") if fails else None
        self.attempt(lambda: self.board.prepare(self.ids[name]))
        self.world.load_fault = None

    @rule(name=names)
    def close(self, name: str) -> None:
        self.attempt(lambda: self.board.drain(self.ids[name], 0))

    @rule()
    def cancel(self) -> None:
        self.board.cancel(who="bob")

    @rule(number=st.integers(0, 30), outcome=st.sampled_from([*Outcome, Outcome.OK, Outcome.OK]), keeps=st.booleans())
    def request(self, number: int, outcome: Outcome, keeps: bool) -> None:
        if self.board.route is None:
            return
        lease = self.board.lease(f"{number}")
        assert lease.model() in NAMES
        if keeps:
            self.leases.append(lease)
            return
        instead = self.board.instead_of(lease.version)
        lease.release(outcome)
        if outcome is Outcome.FAILED and instead is not None:
            item = f"clip {number}"
            self.board.tell(FellBack(lease.version, lease.incarnation, instead, lease.key, item, "x", True))

    @precondition(lambda self: self.leases)
    @rule(outcome=st.sampled_from(list(Outcome)))
    def release(self, outcome: Outcome) -> None:
        self.leases.pop().release(outcome)

    @rule()
    def the_journal_goes_and_comes(self) -> None:
        file, away = (Path(self.directory.name) / name for name in ("journal.db", "away.db"))
        if self.away:
            away.rename(file)
            self.board.journal.flush()
        else:
            file.rename(away)
        self.away = not self.away

    @precondition(lambda self: not self.away)
    @rule(clean=st.booleans())
    def restart(self, clean: bool) -> None:
        """A clean end, or none at all."""
        if clean:
            for lease in self.leases:
                lease.release()
            self.board.shutdown(0)
            self.runner.tend()
            self.board.journal.append(Entry(Kind.NOTE, CLEAN_END))
        self.board.journal.close()
        under_way = self.runner.under_trial
        self.start()
        again = self.runner.under_trial
        if clean and under_way is not None and under_way.id and self.world is not None and self.world.open:
            assert again is not None
            same = ("id", "version", "instead", "phase", "share", "is_paused", "plan")
            assert [getattr(again, name) for name in same] == [getattr(under_way, name) for name in same]

    # -- what must hold ----------------------------------------------------------------------------------------

    @invariant()
    def a_trial_is_a_rollouts_and_its_route_serves(self) -> None:
        rollout, route = self.runner._active, self.board.route
        if rollout is None:
            assert route is None or not route.is_trial
        else:
            assert not rollout.phase.is_over
            assert route == rollout.route == rollout.route_of(rollout.where)

    @invariant()
    def the_right_to_change_the_route_is_a_trials_or_nobodys(self) -> None:
        rollout = self.runner._active
        under_way = self.board.snapshot().under_way
        if rollout is not None and rollout.phase.is_trial:
            assert rollout.has_lost_its_right or under_way == str(rollout.change)
        else:
            assert under_way == ""

    @invariant()
    def each_end_is_told_once(self) -> None:
        ids = [report.id for report in self.ended]
        assert len(ids) == len(set(ids))
        assert all(report.is_over and report.outcome for report in self.ended)
        assert all(report.is_over for report in self.runner.reports()[1:])

    @invariant()
    def what_is_reported_is_what_serves(self) -> None:
        status = replace(self.runner.under_trial, stages=()) if self.runner.under_trial else None
        if status is not None and status.phase == "canary":
            assert self.board.route is not None
            assert (self.board.route.canary, self.board.route.canary_share) == (status.version, status.share)


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@pytest.mark.drill
class TestMachineLong(Machine.TestCase):  # type: ignore[misc, valid-type]
    """The same, five hundred histories."""

    settings = settings(max_examples=500, stateful_step_count=50, deadline=None)
