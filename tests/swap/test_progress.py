"""What a plan allows next: tables, without clocks or threads."""

from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest

from segue.swap.plan import Plan
from segue.swap.progress import Action, Enter, Phase, Progress, TakeBack, after, decide, first, waits_for
from segue.swap.trial.judge import Decision, Verdict

PLAN = Plan(shadow=0.5, canary=(0.1, 0.5), step_s=60, min_requests=50, bake_s=600)
GOOD = Verdict(Decision.NO_WORSE, "fine")
WORSE = Verdict(Decision.WORSE, "bad", {"n": 1.0})
OPEN = Verdict(Decision.NOT_ENOUGH, "unknown")
SHADOW = Progress(Phase.SHADOW, since_s=0, compared=50)
CANARY = Progress(Phase.CANARY, since_s=0, share=0.1, requests=50, verdict=GOOD)
BAKE = Progress(Phase.BAKE, since_s=0)


@pytest.mark.parametrize(
    ("progress", "now_s", "action"),
    [
        # rule 1: the order of the phases
        (SHADOW, 60, Enter(Phase.CANARY, "50 mirrored requests were compared", 0, 0.1)),
        (CANARY, 60, Enter(Phase.CANARY, "fine", 1, 0.5)),
        (replace(CANARY, step=1, share=0.5), 60, Enter(Phase.BAKE, "fine", 2)),
        (BAKE, 600, Enter(Phase.DONE, "nothing spoke against it for 600 s")),
        # rule 2: worse takes back, from any phase, paused or not
        (replace(SHADOW, alarm="it hung"), 0, TakeBack("it hung")),
        (replace(CANARY, alarm="it hung", is_paused=True), 0, TakeBack("it hung")),
        (replace(CANARY, verdict=WORSE), 0, TakeBack("bad", {"n": 1.0})),
        (replace(CANARY, verdict=WORSE, is_paused=True), 0, TakeBack("bad", {"n": 1.0})),
        (replace(BAKE, verdict=WORSE), 599, TakeBack("bad", {"n": 1.0})),
        (replace(BAKE, alarm="it died"), 700, TakeBack("it died")),
        # rule 3: silence is not success
        (SHADOW, 59, None),
        (replace(SHADOW, compared=49), 10_000, None),
        (CANARY, 59, None),
        (replace(CANARY, requests=49), 10_000, None),
        (replace(CANARY, verdict=OPEN), 10_000, None),
        (BAKE, 599, None),
        # rule 4: by hand
        (replace(SHADOW, is_paused=True), 10_000, None),
        (replace(CANARY, is_paused=True), 10_000, None),
        # what is over stays so
        (replace(CANARY, phase=Phase.DONE, alarm="late"), 10_000, None),
        (replace(CANARY, phase=Phase.TAKEN_BACK, verdict=WORSE), 10_000, None),
        (replace(CANARY, phase=Phase.ABORTED, verdict=WORSE), 10_000, None),
    ],
)
def test_what_follows(progress: Progress, now_s: float, action: Action | None) -> None:
    """Each rule, at its edge."""
    assert decide(PLAN, progress, now_s) == action


def test_a_plan_by_hand_never_goes_on_by_itself_and_is_taken_back_all_the_same() -> None:
    """``auto`` is about going on, not about safety."""
    by_hand = replace(PLAN, auto=False)
    assert decide(by_hand, CANARY, 10_000) is None
    assert decide(by_hand, replace(CANARY, verdict=WORSE), 0) == TakeBack("bad", {"n": 1.0})
    assert decide(by_hand, BAKE, 600) == Enter(Phase.DONE, "nothing spoke against it for 600 s")


@pytest.mark.parametrize(
    ("bound", "disagreement", "compared", "taken"),
    [
        (None, 1.0, 1000, False),
        (0.1, 0.2, 50, True),
        (0.1, 0.2, 49, False),
        (0.1, 0.1, 50, False),
        (0.1, None, 0, False),
    ],
)
def test_disagreement_takes_back_only_over_a_bound(
    bound: float | None, disagreement: float | None, compared: int, taken: bool
) -> None:
    """A better model must disagree: without a bound it is only reported; and a few clips say nothing."""
    plan = replace(PLAN, max_disagreement=bound)
    action = decide(plan, replace(CANARY, compared=compared, disagreement=disagreement, verdict=OPEN), 1)
    assert isinstance(action, TakeBack) == taken


def test_where_it_begins_and_what_follows_a_share_set_by_hand() -> None:
    """Phases that a plan leaves out are passed over; a share by hand is never gone below."""
    assert first(PLAN) == Enter(Phase.SHADOW, "50% of the requests are mirrored")
    assert first(Plan()) == Enter(Phase.CANARY, "it is ready", 0, 0.01)
    assert first(Plan(canary=())) == Enter(Phase.BAKE, "the plan has no trial")
    assert after(PLAN, replace(CANARY, share=0.3), "x") == Enter(Phase.CANARY, "x", 1, 0.5)
    assert after(PLAN, replace(CANARY, share=0.7), "x") == Enter(Phase.BAKE, "x", 2)
    assert after(replace(PLAN, canary=()), SHADOW, "x") == Enter(Phase.BAKE, "x")


@pytest.mark.parametrize(
    ("progress", "said"),
    [
        (SHADOW, "50 s"),
        (replace(SHADOW, compared=30), "50 s, 20 more comparisons"),
        (replace(CANARY, requests=0, verdict=OPEN), "50 s, 50 more requests, more evidence"),
        (replace(CANARY, since_s=-1000), ""),
        (BAKE, "590 s of its bake time"),
        (replace(CANARY, is_paused=True), "a word: resume, canary or abort"),
        (replace(CANARY, phase=Phase.DONE), ""),
    ],
)
def test_it_says_what_it_waits_for(progress: Progress, said: str) -> None:
    """For whoever looks at it."""
    assert waits_for(PLAN, progress, 10) == said


def _simulated(random: Random) -> tuple[Plan, list[Progress], Progress]:
    """A whole rollout of a random plan, in simulated time: what was known at each look, and where it ended."""
    plan = Plan(
        shadow=random.choice([0.0, 0.5]),
        canary=tuple(sorted({random.choice([0.01, 0.1, 0.25, 0.5, 1.0]) for _ in range(random.randint(0, 4))})),
        step_s=random.choice([0, 60, 600]),
        min_requests=random.choice([1, 50]),
        bake_s=random.choice([0, 600]),
        max_disagreement=random.choice([None, 0.1]),
    )
    worse = random.choice([0.0, 0.0, 0.02])
    enter, now_s, seen = first(plan), 0.0, list[Progress]()
    progress = Progress(enter.phase, now_s, enter.step, enter.share)
    for _ in range(2000):
        now_s += random.expovariate(1 / 30)
        kind = WORSE if random.random() < worse else random.choice([GOOD, OPEN])
        progress = replace(
            progress,
            requests=progress.requests + random.randint(0, 20),
            compared=progress.compared + random.randint(0, 20) * bool(plan.shadow),
            disagreement=random.uniform(0, 0.11) if plan.shadow else None,
            verdict=kind,
        )
        seen.append(progress)
        action = decide(plan, progress, now_s)
        if isinstance(action, TakeBack):
            return plan, seen, replace(progress, phase=Phase.TAKEN_BACK)
        if isinstance(action, Enter):
            progress = Progress(action.phase, now_s, action.step, action.share, compared=progress.compared)
            if action.phase is Phase.DONE:
                return plan, seen, progress
    return plan, seen, progress


def test_ten_thousand_rollouts_in_simulated_time() -> None:
    """Whatever the plan and what is seen: phases in order, shares that rise to the last, and no step without evidence.

    Nothing that was worse once is ever served on, and every rollout ends.
    """
    random, order = Random(0), [Phase.SHADOW, Phase.CANARY, Phase.BAKE, Phase.DONE]
    ends = {Phase.DONE: 0, Phase.TAKEN_BACK: 0}
    for _ in range(10_000):
        plan, seen, end = _simulated(random)
        ends[end.phase] += 1
        phases = [order.index(progress.phase) for progress in seen]
        assert phases == sorted(phases)
        shares = [progress.share for progress in seen if progress.phase is Phase.CANARY]
        assert shares == sorted(shares)
        assert not any(progress.verdict is WORSE for progress in seen[:-1])
        if end.phase is Phase.DONE:
            assert tuple(dict.fromkeys(shares)) == plan.canary
            for before, then in pairwise(seen):
                if before.phase is Phase.CANARY and then.since_s > before.since_s:
                    assert before.verdict is GOOD
                    assert before.requests >= plan.min_requests
        else:
            assert seen[-1].verdict is WORSE or (seen[-1].disagreement or 0) > 0.1
    assert min(ends.values()) > 1000
