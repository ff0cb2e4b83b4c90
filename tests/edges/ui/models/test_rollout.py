"""A rollout: where it is, what is known so far, and how it ended."""

import re

import pytest

from segue.edges.ui.models.rollout import phase_of, rollout, waits_of
from segue.service.mirror import MirrorReport
from segue.swap import Plan, RolloutReport, VersionId
from segue.swap.plan import plan_of
from segue.swap.progress import Phase, Progress, waits_for
from segue.swap.trial import Decision, Verdict
from tests.edges.ui.models.seen import CHINESE, ENGLISH, EVIL, report

FIGURES = {
    "trial_requests": 218,
    "trial_failures": 1,
    "primary_requests": 1436,
    "primary_failures": 0,
    "trial_keys": 200,
    "latency_ratio": 1.05,
    "evidence_failures_no_worse": 4.5,
    "evidence_latency_no_worse": 1e6,
}


def acts(told: str) -> list[str]:
    return re.findall(r'data-act="(\w+)"', told)


def test_before_the_first_there_is_a_word_of_it() -> None:
    """What a rollout is, and no button that does nothing."""
    told = rollout(None, None, ENGLISH)
    assert "Begin a rollout" in told
    assert not acts(told)


def test_a_trial_has_its_slider_and_buttons() -> None:
    """The share, with marks at the plan's steps; a rollout that is paused can go on instead."""
    told = rollout(report(), None, ENGLISH)
    assert acts(told) == ["canary", "pause", "promote", "abort"]
    assert re.search(r'<input type="range"[^>]*min="0" max="100" step="1" value="10"', told)
    assert re.findall(r'<option value="([\d.]+)">', told) == ["1", "10", "50"]
    assert "canary 10 %" in told
    paused = rollout(report(is_paused=True), None, ENGLISH)
    assert acts(paused) == ["canary", "resume", "promote", "abort"]
    assert ">paused<" in paused


def test_after_its_promotion_only_the_way_back_is_left() -> None:
    """A share means nothing any more."""
    assert acts(rollout(report(phase="bake", share=1.0), None, ENGLISH)) == ["abort"]


@pytest.mark.parametrize(("phase", "kind"), [("done", "good"), ("taken back", "bad"), ("aborted", "bad")])
def test_its_end_says_why(phase: str, kind: str) -> None:
    """The reason, and nothing that could be done any more."""
    why = "nothing spoke against it for 60 s"
    told = rollout(report(phase=phase, is_over=True, outcome=why), None, ENGLISH)
    assert f'class="outcome {kind}" role="status">It is over: {why}<' in told
    assert not acts(told)
    assert "60 秒内未发现问题" in rollout(report(phase=phase, is_over=True, outcome=why), None, CHINESE)


def test_the_evidence_is_told_in_words() -> None:
    """What the judge says, what failed on either side, how slow it is, and how much is known of what is needed."""
    told = rollout(report(figures=FIGURES, verdict="no worse"), None, ENGLISH)
    for text in (
        "The judge says: no worse",
        "Failed: 1 of 218 on trial, 0 of 1,436 on the primary",
        "Latency: 1.05 times the primary",
        "failures 50 %, latency 100 %, from 200 keys",
    ):
        assert text in told
    assert "判定：变差" in rollout(report(figures=FIGURES, verdict="worse"), None, CHINESE)


def test_copies_are_told_where_there_are_any() -> None:
    """How much of the speech both found, and what was not compared."""
    assert "Copies" not in rollout(report(), MirrorReport(VersionId("v2")), ENGLISH)
    found = MirrorReport(VersionId("v2"), compared=370, dropped=2, iou=0.981, missed=0.004, extra=0.0)
    told = rollout(report(), found, ENGLISH)
    assert "370 compared, 0 failed, 2 dropped" in told
    assert "Agreement: 98.1 % of the speech; missed 0.4 %, extra 0 %." in told
    assert "Agreement" not in rollout(report(), MirrorReport(VersionId("v2"), waiting=1), ENGLISH)


def _both(plan: Plan, phase: Phase, for_s: float, **facts: int | bool) -> tuple[list[str], str]:
    """What it waits for as the page says it, and as the rollout itself does."""
    paused, requests, compared = bool(facts.get("paused")), int(facts.get("requests", 0)), int(facts.get("compared", 0))
    verdict = Verdict(Decision.NO_WORSE if facts.get("shown") else Decision.NOT_ENOUGH, "")
    known = Progress(phase, 0.0, requests=requests, compared=compared, verdict=verdict, is_paused=paused, share=0.1)
    told: RolloutReport = report(
        phase=phase.value,
        for_s=for_s,
        requests=requests,
        compared=compared,
        verdict=verdict.decision.value,
        is_paused=paused,
        plan=plan.in_words(),
    )
    return waits_of(told, ENGLISH), waits_for(plan, known, for_s)


@pytest.mark.parametrize(
    ("phase", "for_s", "facts", "parts"),
    [
        (Phase.CANARY, 20.0, {"requests": 7}, ["40.0 s", "43 more requests", "more evidence"]),
        (Phase.CANARY, 90.0, {"requests": 60, "shown": True}, []),
        (Phase.SHADOW, 90.0, {"compared": 49}, ["1 more comparisons"]),
        (Phase.CANARY, 20.0, {"paused": True}, ["your word: resume, share, promote or abort"]),
        (Phase.BAKE, 500.0, {}, ["1 min 40 s of its bake time"]),
    ],
)
def test_what_it_waits_for_is_what_the_rollout_says(
    phase: Phase, for_s: float, facts: dict[str, int | bool], parts: list[str]
) -> None:
    """Told in the page's language from the same facts: where the rollout names a thing, the page does too."""
    page, own = _both(plan_of({}), phase, for_s, **facts)
    assert page == parts
    assert len(page) == len([part for part in own.split(", ") if part]) or "a word" in own


def test_a_plan_by_hand_waits_for_a_word() -> None:
    """Paused or not."""
    page, own = _both(plan_of({"auto": False}), Phase.CANARY, 90.0)
    assert page == ["your word: resume, share, promote or abort"]
    assert own.startswith("a word")


def test_names_and_reasons_are_text() -> None:
    """Nothing that somebody gave becomes HTML."""
    told = rollout(report(who=EVIL, why=EVIL, outcome=EVIL, is_over=True, phase="aborted"), None, ENGLISH)
    assert "<img" not in told
    assert phase_of("canary", 0.5, CHINESE) == "灰度 50 %"
