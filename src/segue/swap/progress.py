"""A rollout, step by step: what a plan allows next, given what is known. Pure: no clock, no thread, no memory.

1. *Phases* follow each other: SHADOW (copies only), CANARY (a growing share of the keys), BAKE (primary, the version
   before still warm), DONE. A plan may leave out the first two.
2. *Worse takes back*, from any phase, at once, paused or not: an alarm, the judge's WORSE, or a disagreement over the
   plan's bound.
3. *Silence is not success.* A step is left only when it has lasted ``step_s``, has had ``min_requests`` on trial (in
   the shadow: compared), and the judge says NO_WORSE (of a shadow there is nothing to be judged).
4. *By hand*: a plan that is not ``auto``, or a rollout that is paused, goes on only when it is told to.
5. The end of the bake time needs no verdict: whatever was to be seen is served by then.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from segue.swap.plan import Plan
from segue.swap.trial import Decision, Verdict


class Phase(Enum):
    """Where a rollout is."""

    SHADOW = "shadow"
    CANARY = "canary"
    BAKE = "bake"
    DONE = "done"
    TAKEN_BACK = "taken back"
    ABORTED = "aborted"
    """Somebody ended it, or another change took its place."""

    @property
    def is_over(self) -> bool:
        """Whether nothing follows."""
        return self in (Phase.DONE, Phase.TAKEN_BACK, Phase.ABORTED)

    @property
    def is_trial(self) -> bool:
        """Whether the version is beside the primary, not the primary yet."""
        return self in (Phase.SHADOW, Phase.CANARY)


@dataclass(frozen=True, slots=True)
class Progress:
    """A rollout at one moment. Times are seconds of one clock.

    ``requests``: answered on trial in this step; ``compared``: mirrored pairs in all, and ``disagreement`` of them (0
    to 1: what part of the speech in either is not in both). ``alarm``: a reason that needs no statistics.
    """

    phase: Phase
    since_s: float
    step: int = 0
    share: float = 0.0
    requests: int = 0
    compared: int = 0
    disagreement: float | None = None
    verdict: Verdict = field(default_factory=lambda: Verdict(Decision.NOT_ENOUGH, "nothing seen yet"))
    alarm: str = ""
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class Enter:
    """Go on to this phase; ``share`` is of a canary."""

    phase: Phase
    why: str
    step: int = 0
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Serve what served before, for this reason."""

    why: str
    evidence: Mapping[str, float] = field(default_factory=dict)


Action: TypeAlias = Enter | TakeBack


def first(plan: Plan) -> Enter:
    """Where a rollout begins."""
    if plan.shadow:
        return Enter(Phase.SHADOW, f"{plan.shadow:.0%} of the requests are mirrored")
    return _canary(plan, 0, "it is ready") if plan.canary else Enter(Phase.BAKE, "the plan has no trial")


def decide(plan: Plan, progress: Progress, now_s: float) -> Action | None:
    """What is to be done now; None: wait."""
    if progress.phase.is_over:
        return None
    if progress.alarm:
        return TakeBack(progress.alarm, progress.verdict.figures)
    if progress.verdict.decision is Decision.WORSE:
        return TakeBack(progress.verdict.why, progress.verdict.figures)
    if _disagrees(plan, progress):
        return TakeBack(
            f"the answers to {progress.compared} mirrored requests differ in {progress.disagreement:.1%} of their "
            f"speech; the plan allows {plan.max_disagreement:.1%}"
        )
    for_s = now_s - progress.since_s
    if progress.phase is Phase.BAKE:
        return Enter(Phase.DONE, f"nothing spoke against it for {for_s:.0f} s") if for_s >= plan.bake_s else None
    if progress.is_paused or not plan.auto or for_s < plan.step_s:
        return None
    if progress.phase is Phase.SHADOW:
        why = f"{progress.compared} mirrored requests were compared"
        return after(plan, progress, why) if progress.compared >= plan.min_requests else None
    if progress.requests < plan.min_requests or progress.verdict.decision is not Decision.NO_WORSE:
        return None
    return after(plan, progress, progress.verdict.why)


def after(plan: Plan, progress: Progress, why: str) -> Enter:
    """The step that follows this one, of a trial."""
    step = 0
    while step < len(plan.canary) and plan.canary[step] <= progress.share:
        step += 1  # by the share, for that may have been set by hand, and a key never goes back as it grows
    if step < len(plan.canary):
        return _canary(plan, step, why)
    return Enter(Phase.BAKE, why, step=step)


def waits_for(plan: Plan, progress: Progress, now_s: float) -> str:
    """What keeps it where it is, on one line, for whoever watches."""
    left_s = max(0.0, (plan.bake_s if progress.phase is Phase.BAKE else plan.step_s) - (now_s - progress.since_s))
    if progress.phase.is_over:
        return ""
    if progress.phase is Phase.BAKE:
        return f"{left_s:.0f} s of its bake time"
    if progress.is_paused or not plan.auto:
        return "a word: " + ("resume" if progress.is_paused else "promote") + ", canary or abort"
    seen = progress.compared if progress.phase is Phase.SHADOW else progress.requests
    waits = [f"{left_s:.0f} s"] if left_s else []
    if seen < plan.min_requests:
        waits.append(
            f"{plan.min_requests - seen} more {'comparisons' if progress.phase is Phase.SHADOW else 'requests'}"
        )
    if progress.phase is Phase.CANARY and progress.verdict.decision is Decision.NOT_ENOUGH:
        waits.append("more evidence")
    return ", ".join(waits)


def _canary(plan: Plan, step: int, why: str) -> Enter:
    return Enter(Phase.CANARY, why, step=step, share=plan.canary[step])


def _disagrees(plan: Plan, progress: Progress) -> bool:
    if plan.max_disagreement is None or progress.disagreement is None:
        return False
    return progress.compared >= plan.min_requests and progress.disagreement > plan.max_disagreement
