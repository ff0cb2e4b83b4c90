"""Where the runner meets who else changes the route: between its looking and its acting, and at the end."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from segue.errors import Busy, JournalUnavailable, ModelInvalid, Superseded, VersionNotReady
from segue.swap import Plan, Route, Switched, last_mark
from tests.swap.models import journal_at
from tests.swap.test_runner import Release

PLAN = Plan(canary=(0.1, 0.5), step_s=0, min_requests=1, bake_s=30)


def elsewhere(work: Callable[[], object]) -> None:
    """In another thread, to its end."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


def free(release: Release) -> None:
    """The right to change the route is nobody's."""
    release.board.change("next").__exit__(None, None, None)


class Meddled:
    """A method of an object, beside which something happens once: before it, or between its end and its answer."""

    def __init__(self, owner: Any, name: str, meddle: Callable[[], object], *, before: bool) -> None:
        self._method, self._meddle, self._before = getattr(owner, name), meddle, before
        setattr(owner, name, self)

    def __call__(self, *args: Any, **options: Any) -> Any:
        meddle, self._meddle = self._meddle, lambda: None
        if self._before:
            elsewhere(meddle)
        answer = self._method(*args, **options)
        if not self._before:
            elsewhere(meddle)
        return answer


@pytest.mark.parametrize("act", ["canary", "promote"])
def test_what_is_rolled_back_as_it_takes_a_step_stays_over(act: str) -> None:
    """After its route was installed and before it is at the step: it is over, not at that step for ever."""
    release = Release()
    release.begin(PLAN)
    Meddled(release.board, "switch", lambda: release.board.rollback(who="bob"), before=False)
    if act == "canary":
        release.runner.canary(0.3, who="ann")
    else:
        release.runner.promote(None, who="ann")
    assert (release.report.phase, release.report.outcome) == ("aborted", "rollback by bob")
    assert release.runner.under_trial is None
    assert release.board.route == Route(release.a)
    free(release)


def test_what_is_over_before_a_step_takes_none() -> None:
    """Found under way, over a moment later: one clear line."""
    release = Release()
    begun = release.begin(PLAN)
    Meddled(release.runner, "_trial", lambda: release.board.rollback(who="bob"), before=False)
    with pytest.raises(Superseded, match=rf"^rollout {begun.id} is over: rollback by bob$"):
        release.runner.promote(None, who="ann")
    assert release.board.route == Route(release.a)
    free(release)


def test_a_rollback_between_the_decision_and_the_act_is_what_ended_it() -> None:
    """The one who was faster is named, and the version is not taken back twice."""
    release = Release()
    release.begin(PLAN)
    release.runner.alarm(release.b, "memory over its budget")
    Meddled(release.runner, "_do", lambda: release.board.rollback(who="bob"), before=True)
    release.runner.tend()
    assert (release.report.phase, release.report.outcome) == ("aborted", "rollback by bob")
    assert release.board.route == Route(release.a)
    free(release)


def test_the_end_of_the_service_ends_no_rollout(tmp_path: Path) -> None:
    """Whatever is decided in that moment: the journal still says how it goes on."""
    for meddle in ("alarm", "step"):
        (tmp_path / meddle).mkdir()
        release = Release(journal_at(tmp_path / meddle))
        release.begin(PLAN)
        while release.report.verdict != "no worse":
            release.request()
        if meddle == "alarm":
            release.runner.alarm(release.b, "x")
        Meddled(release.runner, "_do", lambda board=release.board: board.shutdown(0), before=True)  # type: ignore[misc]
        release.runner.tend()
        release.runner.tend()
        assert not release.report.is_over
        assert last_mark(release.board.journal, now=0.0) is not None


def test_a_late_word_of_what_was_before_is_nothing_to_a_rollout() -> None:
    """Facts of different threads come in any order: a route that was installed before this one has not ended it."""
    release = Release()
    epoch = release.board.epoch
    release.begin(PLAN)
    old = Route(release.a)
    release.board.tell(Switched("fall back", old, old, epoch, "", "another version had failed"))
    assert not release.report.is_over
    release.board.tell(Switched("switch", Route(release.c), old, epoch, "bob", ""))
    assert not release.report.is_over


def test_what_was_watched_is_watched_on_when_the_next_does_not_begin() -> None:
    """A journal that cannot be written refuses the next one; the bake time of what serves goes on."""
    release = Release()
    for _ in range(50):
        release.request()
    release.board.switch(Route(release.b))
    release.b, release.a = release.a, release.b  # the other one, back again
    change = release.board.change("b", verb="rollout", who="ann")

    def refuse(*_: Any, **__: Any) -> None:
        raise JournalUnavailable("full")

    switch, release.board.switch = release.board.switch, refuse  # type: ignore[assignment, method-assign]
    with pytest.raises(JournalUnavailable):
        release.runner.begin(release.b, PLAN, change=change)
    release.board.switch = switch  # type: ignore[method-assign]
    change.__exit__(None, None, None)
    watched = release.runner.under_trial
    assert watched is not None
    assert (watched.version, watched.phase) == (release.a, "bake")


def test_a_trial_whose_right_was_taken_in_vain_goes_back_by_itself() -> None:
    """A rollback that ends without effect has ended the rollout all the same, and no trial stays behind."""
    release = Release()
    release.begin(PLAN)
    release.board.cancel(who="bob")
    release.runner.tend()
    assert (release.report.phase, release.report.outcome) == ("aborted", "a rollback that failed had ended it")
    assert release.board.route == Route(release.a)
    free(release)


def test_what_does_not_load_is_passed_over_on_the_way_back() -> None:
    """The version before was closed, and does not load any more: the one before that serves, a look later."""
    release = Release()
    release.board.switch(Route(release.c))
    release.begin(Plan(canary=(), bake_s=30))
    release.board.drain(release.c, 0)
    release.world.load_fault = ModelInvalid("no memory")
    release.runner.alarm(release.b, "it is wrong")
    release.runner.tend()
    assert (release.board.route, release.report.is_over) == (Route(release.b), False)
    release.runner.tend()
    assert (release.report.phase, release.report.outcome) == ("taken back", "it is wrong")
    assert release.board.route == Route(release.a)


def test_an_abort_that_could_not_go_back_is_refused() -> None:
    """With the reason; and when there is nothing left to go back to, it is over, and says so."""
    release = Release()
    release.begin(Plan(canary=(), bake_s=30))
    release.board.drain(release.a, 0)
    release.world.load_fault = ModelInvalid("no memory")
    with pytest.raises(ModelInvalid, match="no memory"):
        release.runner.abort(None, who="bob")
    assert (release.board.route, release.report.is_over) == (Route(release.b), False)
    report = release.runner.abort(None, who="bob")
    assert report.outcome.startswith("aborted by bob; it could not be taken back: no earlier route")


@pytest.mark.parametrize("step", ["canary", "promote", "auto"])
def test_while_the_journal_cannot_be_written_no_step_is_taken_and_it_still_goes_back(tmp_path: Path, step: str) -> None:
    """A step is refused, or waits; the way back needs no disk."""
    release = Release(journal_at(tmp_path))
    release.begin(PLAN)
    while release.report.verdict != "no worse":
        release.request()
    (tmp_path / "journal.db").rename(tmp_path / "away.db")
    route = release.board.route
    if step == "auto":
        release.runner.tend()
    else:
        with pytest.raises(JournalUnavailable):
            release.runner.canary(0.3, who="ann") if step == "canary" else release.runner.promote(None, who="ann")
    assert release.board.route == route
    assert (release.report.phase, release.report.share, release.report.is_paused) == ("canary", 0.1, False)
    release.runner.alarm(release.b, "it is wrong")
    release.runner.tend()
    assert (release.report.phase, release.board.route) == ("taken back", Route(release.a))
    free(release)
    (tmp_path / "away.db").rename(tmp_path / "journal.db")
    assert release.board.journal.flush()
    assert [entry.verb for entry in release.board.journal.history(2)] == ["end", "rollback"]


def test_a_share_set_by_hand_stays_over_a_restart(tmp_path: Path) -> None:
    """The row that installs it says that it waits for the next word."""
    release = Release(journal_at(tmp_path))
    release.begin(PLAN)
    release.runner.canary(0.3, who="ann")
    mark = last_mark(release.board.journal, now=0.0)
    assert mark is not None
    assert mark.said["rollout"]["paused"] is True


@pytest.mark.parametrize(("share", "then"), [(0.05, 0.1), (0.1, 0.5), (0.3, 0.5), (0.7, 1.0)])
def test_after_a_share_set_by_hand_the_plan_goes_on_with_the_next_larger(share: float, then: float) -> None:
    """Set in the shadow, it leaves out no step."""
    release = Release()
    release.begin(Plan(shadow=1.0, canary=(0.1, 0.5), step_s=0, min_requests=1, bake_s=30))
    release.runner.canary(share, who="ann")
    release.runner.resume_by_hand(None, who="ann")
    report = release.run(lambda report: report.share != share)
    assert (report.share if report.phase == "canary" else 1.0) == then


def test_a_switch_as_it_is_promoted_is_refused_or_ends_it() -> None:
    """Until it is promoted the right is the rollout's, and from then on the switch is what serves."""
    release = Release()
    release.begin(PLAN)
    refused: list[BaseException] = []

    def switch() -> None:
        try:
            release.board.switch(Route(release.c), who="bob")
        except Busy as error:
            refused.append(error)

    Meddled(release.board, "switch", switch, before=False)
    release.runner.promote(None, who="ann")
    assert refused
    assert (release.report.phase, release.board.route) == ("bake", Route(release.b))
    switch()
    assert (release.report.phase, release.report.outcome) == ("aborted", "switch by bob")
    assert release.board.route == Route(release.c)
    free(release)


def test_a_version_that_is_gone_begins_no_rollout() -> None:
    """Closed between its preparation and its first step: refused, and nothing is under way."""
    release = Release()
    release.board.drain(release.b, 0)
    change = release.board.change("b", verb="rollout")
    with pytest.raises(VersionNotReady):
        release.runner.begin(release.b, PLAN, change=change)
    change.__exit__(None, None, None)
    assert release.runner.under_trial is None
    free(release)
