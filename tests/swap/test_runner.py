"""Whole rollouts, in time that is set by hand."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from segue.errors import Busy, MalformedOutput, UnknownRollout, VersionNotReady
from segue.swap import FellBack, Journal, Kind, Outcome, Plan, RolloutReport, Route, Runner, State
from segue.swap.rollout import Rollout
from tests.swap.models import Model, World

QUICK = Plan(canary=(0.1, 0.5), step_s=1, min_requests=5, bake_s=30)


class Release:
    """Version ``a`` serves, ``b`` is to be released; requests come, and ``b`` does with them what it is told to."""

    def __init__(self, journal: Journal | None = None, **options: Any) -> None:
        self.world = World(journal, **options)
        self.board = self.world.board
        self.a, self.b, self.c = self.world.ready("a", "b", "c")
        self.told: list[RolloutReport] = []
        self.runner: Runner[Model] = Runner(self.board, bake_s=30, clock=self.world.clock, ended=self.told.append)
        self.board.switch(Route(self.a))
        self.random = Random(0)
        self.requests = 0
        self.fails: Callable[[int], BaseException | None] = lambda _: None
        self.takes: Callable[[str], float] = lambda _: 0.1 * self.random.lognormvariate(0, 0.3)

    def begin(self, plan: Plan = QUICK, *, why: str = "") -> RolloutReport:
        return self.runner.begin(self.b, plan, change=self.board.change("b", verb="rollout", who="alice", why=why))

    def request(self, key: str = "") -> str:
        """One request of a new key; the version that answered."""
        self.requests += 1
        key = key or f"key {self.requests}"
        lease = self.board.lease(key)
        error = self.fails(self.requests) if lease.version == self.b else None
        lease.weight = 1.0
        self.world.clock.now_s += self.takes(lease.version)
        lease.release(Outcome.FAILED if error else Outcome.OK, error=error)
        if error:
            instead = self.board.instead_of(lease.version)
            assert instead is not None
            self.board.lease(key, version=instead).release()
            code = getattr(error, "code", "inference_failed")
            clip = f"clip {self.requests}"
            self.board.tell(FellBack(lease.version, lease.incarnation, instead, key, clip, code, True))
        return lease.version

    def run(self, until: Callable[[RolloutReport], bool], most: int = 20_000) -> RolloutReport:
        """Requests, and looks at what there is to do, until something is so."""
        for _ in range(most):
            self.request()
            self.runner.tend()
            if until(self.report):
                return self.report
        raise AssertionError(f"in vain: {self.report}")

    @property
    def report(self) -> RolloutReport:
        return self.runner.report()

    def rows(self) -> list[tuple[str, str]]:
        """The journal, oldest first: verb and outcome, without states and intents."""
        entries = reversed(self.board.journal.history(500))
        return [(entry.verb, entry.outcome) for entry in entries if entry.kind in (Kind.DONE, Kind.NOTE, Kind.REFUSED)]


@pytest.fixture
def release() -> Iterator[Release]:
    made = Release()
    yield made
    assert all(each.leases == 0 for each in made.board.snapshot().versions)


def is_over(report: RolloutReport) -> bool:
    return report.is_over


def test_a_good_version_goes_through_all_steps_by_itself(release: Release) -> None:
    """Shadow, canary and bake; the journal tells the story, and whoever asked hears the end."""
    release.begin(Plan(shadow=1.0, canary=(0.1, 0.5), step_s=1, min_requests=5, bake_s=30))
    assert release.board.route == Route(release.a, shadow=release.b)

    def compare(report: RolloutReport) -> bool:
        release.runner.compared(release.b, common=9.0, either=10.0)
        return report.is_over

    report = release.run(compare)
    assert (report.phase, report.outcome) == ("done", f"nothing spoke against it for {report.stages[-1].at and 30} s")
    assert [stage.phase for stage in report.stages] == ["shadow", "canary", "canary", "bake", "done"]
    assert [stage.share for stage in report.stages][1:3] == [0.1, 0.5]
    assert report.disagreement == pytest.approx(0.1)
    assert release.board.route == Route(release.b)
    assert release.rows() == [("switch", "done"), *[("rollout", "done")] * 4, ("end", "done")]
    assert [told.id for told in release.told] == [report.id]


@pytest.mark.parametrize(
    ("error", "most", "said"),
    [
        (RuntimeError("x"), 3, r"3 failures in a row on as many inputs"),
        (MalformedOutput("x"), 1, r"malformed answer"),
    ],
)
def test_a_version_that_fails_is_taken_back_at_once(
    release: Release, error: BaseException, most: int, said: str
) -> None:
    """With the reason in the journal; the version gone back to was never away."""
    for _ in range(100):
        release.request()
    release.begin()
    failed = 0

    def fails(_: int) -> BaseException:
        nonlocal failed
        failed += 1
        return error

    release.fails = fails
    report = release.run(is_over)
    assert failed == most
    assert report.phase == "taken back"
    assert said.replace("\\", "") in report.outcome
    assert release.board.route == Route(release.a)
    assert release.world.loads["a"] == 1
    entry = next(e for e in release.board.journal.history() if e.verb == "rollback" and e.kind is Kind.DONE)
    assert (entry.who, entry.why) == (f"rollout {report.id}", report.outcome)
    assert entry.evidence["figures"]["trial_failures"] == most


def test_more_failures_than_before_are_noticed(release: Release) -> None:
    """One in ten, where the primary never fails."""
    release.begin(Plan(canary=(0.3,), step_s=1, min_requests=100, bake_s=30))
    release.fails = lambda number: OSError("x") if number % 10 == 0 else None
    report = release.run(is_over)
    assert report.phase == "taken back"
    assert report.figures["trial_requests"] < 400


def test_a_slow_version_is_noticed(release: Release) -> None:
    """Five times as slow as the primary over the same time."""
    release.begin(Plan(canary=(0.3,), step_s=1, min_requests=10_000, bake_s=30))
    release.takes = lambda version: (0.5 if version == release.b else 0.1) * release.random.lognormvariate(0, 0.5)
    report = release.run(is_over)
    assert report.phase == "taken back"
    assert "worse by latency" in report.outcome


@pytest.mark.parametrize("phase", ["canary", "bake"])
def test_a_version_that_becomes_failed_ends_its_rollout(release: Release, phase: str) -> None:
    """A hang is given up by the switchboard, which falls back by itself: the rollout says why."""
    release.begin()
    release.run(lambda report: report.phase == phase)
    lease = release.board.lease("k", version=release.b)
    lease.abandon()
    report = release.report
    assert (report.phase, report.outcome) == ("taken back", "a call passed its deadline and was abandoned")
    assert release.board.route == Route(release.a)
    release.board.change("next").give_back()


def test_after_its_promotion_it_is_still_taken_back(release: Release) -> None:
    """In its bake time, by the same evidence."""
    release.begin()
    release.run(lambda report: report.phase == "bake")
    release.fails = lambda _: OSError("x")
    report = release.run(is_over)
    assert report.phase == "taken back"
    assert [stage.phase for stage in report.stages][-2:] == ["bake", "taken back"]
    assert release.board.route == Route(release.a)


def test_a_plain_switch_is_watched_in_its_bake_time(release: Release) -> None:
    """It is a plan of one step; it is nobody's rollout, and any other change may follow."""
    for _ in range(50):
        release.request()
    release.board.switch(Route(release.b))
    release.fails = lambda _: OSError("x")
    for _ in range(3):
        release.request()
        release.runner.tend()
    assert release.board.route == Route(release.a)
    assert release.runner.reports() == []
    entry = next(e for e in release.board.journal.history() if e.verb == "rollback" and e.kind is Kind.DONE)
    assert entry.who == "the watch over its bake time"
    assert "3 failures in a row" in entry.why
    release.board.switch(Route(release.c))
    assert release.board.route == Route(release.c)


def test_a_switch_that_is_over_is_watched_no_more(release: Release) -> None:
    """After the bake time, failures are failures."""
    release.board.switch(Route(release.b))
    release.world.clock.now_s += 31
    release.runner.tend()
    assert release.runner.under_trial is None


def test_while_it_is_a_trial_others_are_refused_and_afterwards_not(release: Release) -> None:
    """Naming it; a second rollout too."""
    release.begin()
    with pytest.raises(Busy, match=r"rollout b by alice is under way"):
        release.board.switch(Route(release.c))
    with pytest.raises(Busy, match=r"rollout b by alice"):
        release.begin()
    release.run(lambda report: report.phase == "bake")
    release.board.switch(Route(release.c), who="bob")
    report = release.report
    assert (report.phase, report.outcome) == ("aborted", "switch by bob")
    assert release.board.route == Route(release.c)


@pytest.mark.parametrize("phase", ["shadow", "canary", "bake"])
@pytest.mark.parametrize("by", ["abort", "rollback"])
def test_it_can_be_ended_at_every_step(release: Release, phase: str, by: str) -> None:
    """By its own word or by a rollback: what served before serves everyone again."""
    release.begin(Plan(shadow=1.0, canary=(0.5,), step_s=1, min_requests=5, bake_s=1e6))

    def there(report: RolloutReport) -> bool:
        release.runner.compared(release.b, common=1, either=1)
        return report.phase == phase

    release.run(there)
    if by == "abort":
        release.runner.abort(None, who="bob", why="enough")
    else:
        release.board.rollback(who="bob", why="enough")
    report = release.report
    assert report.phase == "aborted"
    assert report.outcome == ("aborted by bob: enough" if by == "abort" else "rollback by bob: enough")
    assert release.board.route == Route(release.a)
    with pytest.raises(UnknownRollout, match="no rollout is under way"):
        release.runner.abort(None, who="bob")
    release.begin()  # and another may begin


def test_by_hand(release: Release) -> None:
    """A share that is set by hand stays until the next word; a key that was on trial stays there as it grows."""
    release.begin(Plan(canary=(0.1, 0.5), step_s=0, min_requests=1, bake_s=30))
    release.runner.canary(0.25, who="bob")
    salt = release.report.id
    assert release.board.route == Route(release.a, canary=release.b, canary_share=0.25, salt=salt)
    chosen = {f"{n}" for n in range(200) if release.request(f"{n}") == release.b}
    for _ in range(2000):
        release.request()
        release.runner.tend()
    assert release.report.share == 0.25
    assert release.report.waits_for == "a word: resume, canary or abort"
    release.runner.canary(0.5, who="bob")
    assert chosen < {f"{n}" for n in range(200) if release.request(f"{n}") == release.b}
    release.runner.canary(0.0, who="bob")
    assert all(release.request() == release.a for _ in range(50))
    release.runner.resume_by_hand(None, who="bob")
    release.runner.promote(None, who="bob")
    assert release.report.stages[-1].why == "promoted by bob"
    with pytest.raises(UnknownRollout, match="no trial any more"):
        release.runner.promote(None, who="bob")


def test_what_cannot_be_rolled_out(release: Release) -> None:
    """What serves already, and what is not ready; then nothing has changed, and another may begin."""
    with pytest.raises(VersionNotReady, match="it serves"):
        release.runner.begin(release.a, QUICK, change=release.board.change("a", verb="rollout"))
    assert release.board.route == Route(release.a)


def test_disagreement_over_the_bound_takes_back(release: Release) -> None:
    """Where the plan sets one."""
    release.begin(Plan(shadow=1.0, max_disagreement=0.2, step_s=1e6, min_requests=10, bake_s=30))

    def compare(report: RolloutReport) -> bool:
        release.runner.compared(release.b, common=5.0, either=10.0)
        return report.is_over

    report = release.run(compare)
    assert (
        report.outcome == "the answers to 10 mirrored requests differ in 50.0% of their speech; the plan allows 20.0%"
    )
    assert release.board.route == Route(release.a)


def test_copies_are_wanted_of_a_part_of_the_keys_while_it_is_a_trial(release: Release) -> None:
    """Of the same ones each time."""
    assert release.runner.wants_copy("x") is None
    release.begin(Plan(shadow=0.3, step_s=1e6))
    wanted = {key for key in map(str, range(1000)) if release.runner.wants_copy(key) == release.b}
    assert 230 < len(wanted) < 370
    assert wanted == {key for key in map(str, range(1000)) if release.runner.wants_copy(key)}
    release.runner.promote(None, who="bob")
    assert release.runner.wants_copy(next(iter(wanted))) is None


def test_a_row_of_the_journal_is_enough_to_go_on(tmp_path: Path) -> None:
    """After a restart the rollout is at its step, with its plan, its ID and so its keys, and gathers evidence anew."""
    release = Release(Journal(tmp_path / "journal.db"))
    begun = release.begin(Plan(canary=(0.1, 0.5), step_s=1, min_requests=5, bake_s=30), why="better")
    release.run(lambda report: report.share == 0.5)
    entry = release.board.journal.last_routes()[0]
    rollout = Rollout.of(entry.evidence, now_s=0.0)
    assert (rollout.id, rollout.version, rollout.instead, rollout.share) == (begun.id, release.b, release.a, 0.5)
    assert (rollout.plan, rollout.who, rollout.why) == (
        Plan(canary=(0.1, 0.5), step_s=1, min_requests=5, bake_s=30),
        "alice",
        "better",
    )
    assert rollout.report(0.0).requests == 0


def test_a_version_is_not_closed_while_it_is_on_trial() -> None:
    """However many others are prepared, and however short the bake time."""
    release = Release(max_resident=4)
    release.begin(Plan(canary=(0.1,), step_s=1e6))
    release.world.clock.now_s += 10_000
    release.world.ready("d", "e", "f")
    release.board.sweep()
    assert release.board.snapshot()[release.b].state is State.READY
    assert release.board.snapshot()[release.a].state is State.READY
