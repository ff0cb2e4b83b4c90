"""A rollout whose process ended: at each row of its story, and with rows that another version of Segue has written."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from segue.errors import ModelInvalid
from segue.swap import CLEAN_END, Entry, Journal, Kind, Plan, Route, Runner, last_mark, restore
from segue.swap.progress import Phase
from tests.swap.models import Model, World, journal_at
from tests.swap.test_runner import Release

PLAN = Plan(shadow=1.0, canary=(0.1, 0.5), step_s=0, min_requests=1, bake_s=30)


class Restarted:
    """What a new process makes of a journal."""

    def __init__(self, journal: Journal, *, now: float = 0.0, no: str = "") -> None:
        self.world = World(journal)
        self.ended: list[str] = []
        self.runner: Runner[Model] = Runner(
            self.world.board, clock=self.world.clock, ended=lambda report: self.ended.append(report.phase)
        )
        self.world.during_load = self._refuse if no else lambda: None
        self._no, self._refused = no, 0
        self.mark = last_mark(journal, now=now)
        self.restored = restore(
            self.world.board, without=self.mark.version if self.mark and self.mark.is_to_be_taken_back else None
        )
        if self.restored:
            self.runner.recover(self.mark)

    def _refuse(self) -> None:
        if self.world.loads[self._no] > self._refused:
            self._refused += 1
            raise ModelInvalid(f"{self._no} is gone")

    @property
    def route(self) -> Route | None:
        return self.world.board.route

    def check(self) -> None:
        """What serves is what the rollout under way has installed; without one, no trial serves."""
        route, rollout = self.route, self.runner._active
        assert route is not None
        if rollout is None:
            assert not route.is_trial
        else:
            assert route == rollout.route_of(rollout.where) == rollout.route
        if rollout is None or not rollout.phase.is_trial:
            self.world.board.change("next").__exit__(None, None, None)
        else:
            assert str(rollout.change) == self.world.board.snapshot().under_way


def story(directory: Path, end: str = "done") -> tuple[Release, list[Entry]]:
    """A whole rollout; its rows, the oldest first."""
    release = Release(journal_at(directory))
    release.begin(PLAN)
    release.runner.pause(None, who="ann")
    release.runner.resume_by_hand(None, who="ann")

    def compare(_: object) -> bool:
        release.runner.compared(release.b, common=1.0, either=1.0)
        return release.report.is_over or (end != "done" and release.report.share == 0.5)

    release.run(compare)
    if end == "failed":
        release.board.fail(release.b, "it died")
    elif end == "primary failed":
        release.board.fail(release.a, "it died")
    elif end == "taken back":
        release.runner.alarm(release.b, "wrong")
        release.runner.tend()
    elif end == "switched":
        release.board.rollback(who="bob")
        release.board.switch(Route(release.c))
    return release, list(reversed(release.board.journal.history(1000)))


def copied(directory: Path, rows: list[Entry]) -> Journal:
    """A journal of these rows."""
    directory.mkdir(exist_ok=True)
    journal = journal_at(directory)
    for row in rows:
        journal.defer(row)
    assert journal.flush()
    return journal


@pytest.mark.parametrize("gone", ["", "b"])
@pytest.mark.parametrize("end", ["done", "failed", "primary failed", "taken back", "switched"])
def test_killed_after_each_row_of_a_rollout(tmp_path: Path, end: str, gone: str) -> None:
    """Something of it serves again, with its rollout or without a trial; also when the version cannot be loaded."""
    (tmp_path / "whole").mkdir()
    release, rows = story(tmp_path / "whole", end)
    first = next(row.seq for row in rows if row.route is not None)
    for last in range(first, len(rows) + 1):
        again = Restarted(copied(tmp_path / f"{end}{last}", rows[:last]), no=gone)
        again.check()
        if gone:
            assert again.route in (Route(release.a), Route(release.c))


def test_a_promotion_that_was_cut_off_is_in_its_bake_time(tmp_path: Path) -> None:
    """Its intent was written and no more: the version serves everyone, and is watched as if it had been done."""
    (tmp_path / "whole").mkdir()
    release, rows = story(tmp_path / "whole")
    cut = next(at for at, row in enumerate(rows) if row.kind is Kind.INTENT and row.route == Route(release.b))
    again = Restarted(copied(tmp_path / "cut", rows[: cut + 1]))
    report = again.runner.report()
    assert (again.route, report.phase, report.instead) == (Route(release.b), "bake", release.a)
    again.runner.abort(None, who="bob")
    assert again.route == Route(release.a)


def test_twice_soon_after_it_took_traffic_and_it_is_over(tmp_path: Path) -> None:
    """What served before serves; the end is in the journal, in the reports, and told; a third start knows nothing."""
    release = Release(journal_at(tmp_path))
    release.begin(replace(PLAN, shadow=0.0))
    now = release.board.journal.history(1)[0].at + 60
    first = Restarted(journal_at(tmp_path), now=now)
    assert (first.runner.report().phase, first.runner.report().share) == ("canary", 0.1)
    second = Restarted(journal_at(tmp_path), now=now)
    assert second.route == Route(release.a)
    report = second.runner.report()
    assert (report.phase, second.ended) == ("taken back", ["taken back"])
    assert report.outcome == "the process ended 2 times within minutes of its taking traffic"
    assert second.world.board.journal.history(1)[0].verb == "end"
    third = Restarted(journal_at(tmp_path), now=now)
    assert (third.mark, third.route, third.runner.reports()) == (None, Route(release.a), [])


def test_what_has_begun_in_the_place_of_another_goes_on(tmp_path: Path) -> None:
    """Though the end of that one is the newest row; when this is over too, nothing does."""
    release = Release(journal_at(tmp_path))
    release.begin(Plan(canary=(), bake_s=1e6))
    release.b = release.c
    begun = release.begin(replace(PLAN, shadow=0.0))
    assert release.board.journal.history(1)[0].verb == "end"
    again = Restarted(journal_at(tmp_path))
    assert (again.runner.report().id, again.runner.report().phase) == (begun.id, "canary")
    again.runner.promote(None, who="ann")
    again.world.clock.now_s += 1e6
    again.runner.tend()
    assert again.runner.report().phase == "done"
    assert last_mark(journal_at(tmp_path), now=0.0) is None


def test_what_cannot_be_loaded_any_more_is_over(tmp_path: Path) -> None:
    """What served before serves; whoever asked is told, and the history says so."""
    release = Release(journal_at(tmp_path))
    release.begin(PLAN)
    again = Restarted(journal_at(tmp_path), no="b")
    report = again.runner.report()
    assert (report.phase, again.ended) == ("aborted", ["aborted"])
    assert report.outcome == f"{release.a} serves after a restart, and not what it had installed"
    assert again.world.board.journal.history(1)[0].why == report.outcome
    assert last_mark(again.world.board.journal, now=0.0) is None


def test_a_clean_end_and_a_long_time_are_no_crash(tmp_path: Path) -> None:
    """However often: it goes on."""
    release = Release(journal_at(tmp_path))
    release.begin(PLAN)
    now = release.board.journal.history(1)[0].at
    for at in range(6):
        journal = journal_at(tmp_path)
        if at % 2:
            journal.append(Entry(Kind.NOTE, CLEAN_END))
        again = Restarted(journal, now=now if at % 2 else now + 10_000)
        assert again.runner.report().phase == "shadow"
        assert again.route == Route(release.a, shadow=release.b)


@pytest.mark.parametrize(
    "damage",
    [
        {"phase": "crawling"},
        {"phase": None},
        {"phase": []},
        {"crashes": None},
        {"crashes": "many"},
        {"plan": {"canary": [0.1], "of_tomorrow": 1}},
        {"plan": {"canary": 5}},
        {"plan": None},
        {"plan": {"canary": ["x"]}},
        {"version": None},
        {"version": ["x"]},
        {"version": "gone"},
        {"instead": "gone"},
        {"instead": None},
        {"share": "half"},
        {"share": 0.7},
        {"step": None},
        {"began_at": "yesterday"},
        {"paused": None},
        {"id": ""},
        {"id": 7},
        {"who": None},
    ],
)
@pytest.mark.parametrize("phase", ["canary", "bake"])
def test_a_mark_that_is_not_understood_costs_nothing_but_the_rollout(
    tmp_path: Path, phase: str, damage: dict[str, Any]
) -> None:
    """Of a newer or an older Segue: something serves, and a trial that nobody can judge is taken out."""
    release = Release(journal_at(tmp_path))
    release.begin(replace(PLAN, shadow=0.0))
    if phase == "bake":
        release.runner.promote(None, who="ann")
    journal = journal_at(tmp_path)
    newest = next(row for row in journal.history(20) if row.kind is Kind.DONE)
    said = {"rollout": {**newest.evidence["rollout"], **damage}}
    journal.append(Entry(Kind.NOTE, "pause", evidence=said))
    again = Restarted(journal)
    again.check()
    again.runner.tend()
    again.runner.reports()
    assert again.route is not None
    assert again.route.primary == (release.a if phase == "canary" else release.b)
    if again.runner.under_trial or phase == "bake":
        again.world.board.rollback(who="bob")
    assert again.route == Route(release.a)
    assert again.runner.under_trial is None


@pytest.mark.parametrize("said", [[], "x", 5, None, {"rollout": []}, {"rollout": {"plan": {}}}, {"rollout": None}])
def test_evidence_that_is_no_mark(tmp_path: Path, said: Any) -> None:
    """It is passed over."""
    release = Release(journal_at(tmp_path))
    release.begin(PLAN)
    journal = journal_at(tmp_path)
    journal.append(Entry(Kind.NOTE, "x", evidence=said if isinstance(said, dict) else {"rollout": said}))
    Restarted(journal).check()


def test_every_phase_has_a_mark_that_is_understood(tmp_path: Path) -> None:
    """What is over is no mark."""
    release, rows = story(tmp_path)
    phases = {row.evidence["rollout"]["phase"] for row in rows if "plan" in row.evidence.get("rollout", {})}
    assert phases == {"shadow", "canary", "bake", Phase.DONE.value}
    assert last_mark(release.board.journal, now=0.0) is None
