"""One rollout: where it is, and what is known of its version. Plain and mutable; guarded by whoever has it."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segue.errors import InvalidPlan, MalformedOutput, ModelDied
from segue.swap.change import Change
from segue.swap.events import FellBack, Outcome, Released, Switched
from segue.swap.plan import Plan
from segue.swap.progress import Enter, Phase, Progress, waits_for
from segue.swap.route import Route
from segue.swap.spec import VersionId
from segue.swap.trial import Evidence, Fault, Judge, Side, per_audio_s

_FAULTS = {MalformedOutput.code: Fault.MALFORMED, ModelDied.code: Fault.DIED}
"""By the error's code; any other is one that was raised."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A step that was taken, ``at`` seconds since 1970."""

    phase: str
    share: float
    why: str
    at: float


@dataclass(frozen=True, slots=True)
class RolloutReport:
    """A rollout as it is reported. Shares are parts of 1; ``for_s``: in this phase; ``verdict`` is the judge's.

    ``requests``: answered on trial in this step. ``waits_for``: what keeps it where it is; "" when it is over.
    """

    id: str
    version: VersionId
    instead: VersionId
    phase: str
    step: int
    share: float
    is_over: bool
    is_paused: bool
    who: str
    why: str
    began_at: float
    for_s: float
    requests: int
    compared: int
    disagreement: float | None
    verdict: str
    says: str
    figures: Mapping[str, float]
    waits_for: str
    outcome: str
    plan: Mapping[str, Any]
    stages: tuple[Stage, ...]


class Rollout:
    """A version on its way to be the primary. ``rollout_id`` "" is a switch that is watched, nobody's rollout."""

    def __init__(
        self,
        rollout_id: str,
        version: VersionId,
        instead: VersionId,
        plan: Plan,
        *,
        who: str,
        why: str,
        began_s: float,
    ) -> None:
        self.id = rollout_id
        self.version = version
        self.instead = instead
        """What it would replace, or has replaced."""
        self.plan = plan
        self.who = who
        self.why = why
        self.phase = Phase.SHADOW
        self.step = 0
        self.share = 0.0
        self.is_paused = False
        self.alarm = ""
        self.crashes = 0
        """How often in a row the process ended while it took traffic."""
        self.change: Change | None = None
        self.route: Route | None = None
        self.epoch = 0
        """Of its route: what others have installed before is nothing to it."""
        self.trouble = ""
        """Why it waits, as it was logged."""
        self.outcome = ""
        self._judge = Judge(plan.margins())
        self._began_at = time.time()
        self._since_s = began_s
        self._requests = 0
        self._compared = 0
        self._common = self._either = 0.0
        self._stages: list[Stage] = []

    @staticmethod
    def of(mark: Mapping[str, Any], *, now_s: float) -> "Rollout":
        """From what a row of the journal said. Raises InvalidPlan when it is not understood."""
        try:
            return Rollout._of(mark["rollout"], now_s)
        except (LookupError, TypeError, ValueError) as error:
            said = f"{type(error).__name__}: {error}"
            raise InvalidPlan(f"the journal tells of a rollout of another version of Segue ({said})") from error

    @staticmethod
    def _of(known: Mapping[str, Any], now_s: float) -> "Rollout":
        plan = Plan.from_json(known["plan"])
        version, instead = VersionId(known["version"]), VersionId(known["instead"])
        rollout = Rollout(known["id"], version, instead, plan, who=known["who"], why=known["why"], began_s=now_s)
        rollout._began_at = known["began_at"]
        rollout.phase, rollout.step, rollout.share = Phase(known["phase"]), known["step"], known["share"]
        rollout.is_paused = known["paused"]
        rollout._judge.step(1.0 if rollout.phase is Phase.BAKE else rollout.share)
        rollout._stages.append(Stage(rollout.phase.value, rollout.share, "after a restart", time.time()))
        return rollout

    @property
    def is_asked_for(self) -> bool:
        """Whether somebody began it; else it is a switch that is watched."""
        return bool(self.id)

    @property
    def where(self) -> Enter:
        """The step that it is at."""
        return Enter(self.phase, "", self.step, self.share)

    @property
    def has_lost_its_right(self) -> bool:
        """Whether a rollback has taken the right to change the route away."""
        return self.change is not None and self.change.cancelled_by is not None

    @property
    def name(self) -> str:
        """Who takes it back, for the journal."""
        return f"rollout {self.id}" if self.id else "the watch over its bake time"

    def mirrors(self, key: str) -> bool:
        """Whether a copy of a request of this key is wanted: a hash that has nothing to do with the canary's."""
        digest = hashlib.blake2b(f"copy\0{self.id}\0{key}".encode(errors="surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest) < self.plan.shadow * 2**64

    def route_of(self, enter: Enter) -> Route:
        """What is installed for a step."""
        if enter.phase is Phase.BAKE:
            return Route(self.version)
        shadow = self.version if self.plan.shadow else None
        if enter.phase is Phase.SHADOW:
            return Route(self.instead, shadow=shadow)
        return Route(self.instead, canary=self.version, canary_share=enter.share, shadow=shadow, salt=self.id)

    def is_own(self, event: Switched) -> bool:
        """Whether that was done for this rollout."""
        ours = self.change is not None and event.verb == self.change.verb and event.who == self.who
        return ours or event.who == self.name

    def mark(self, enter: Enter | None) -> dict[str, Any]:
        """What a row of the journal says of it, as JSON; ``enter``: the step that is being taken."""
        phase, step, share = (enter.phase, enter.step, enter.share) if enter else (self.phase, self.step, self.share)
        return {
            "rollout": {
                "id": self.id,
                "version": self.version,
                "instead": self.instead,
                "plan": self.plan.to_json(),
                "who": self.who,
                "why": self.why,
                "phase": phase.value,
                "step": step,
                "share": share,
                "paused": self.is_paused,
                "began_at": self._began_at,
                "crashes": self.crashes,
            }
        }

    # -- what happens to it ----------------------------------------------------------------------------------------

    def enter(self, enter: Enter, route: Route | None, now_s: float, *, epoch: int) -> None:
        """A step was taken."""
        self.phase, self.step, self.share, self.route = enter.phase, enter.step, enter.share, route
        self.epoch = epoch
        self._since_s, self._requests = now_s, 0
        self._judge.step(1.0 if enter.phase is Phase.BAKE else enter.share)
        self._stages.append(Stage(enter.phase.value, enter.share, enter.why, time.time()))

    def end(self, phase: Phase, why: str, now_s: float) -> None:
        """It is over."""
        self.phase, self.outcome, self._since_s = phase, why, now_s
        self._stages.append(Stage(phase.value, self.share, why, time.time()))

    def accept(self, event: Released | FellBack, now_s: float) -> None:
        """Something came back: on either side, if the route sent it there."""
        if self.route is None or event.version not in (self.version, self.instead):
            return
        on_trial = event.version == self.version
        if isinstance(event, FellBack):
            if on_trial:
                fault = _FAULTS.get(event.code, Fault.RAISED)
                self._take(Evidence(Side.TRIAL, event.key, now_s, fault, not event.answered, input=event.item))
        elif event.outcome is Outcome.OK or (event.outcome is not Outcome.CANCELLED and not on_trial):
            if self.route.choose(event.key) != event.version:
                return  # answered in the other's place, or asked for by name
            if event.outcome is Outcome.OK:
                pace = per_audio_s(max(0.0, event.latency_s), event.weight) if event.weight > 0 else None
                side = Side.TRIAL if on_trial else Side.PRIMARY
                self._take(Evidence(side, event.key, now_s, latency_s_per_audio_s=pace, company=event.company))
            else:
                fault = Fault.HUNG if event.outcome is Outcome.ABANDONED else Fault.RAISED
                self._take(Evidence(Side.PRIMARY, event.key, now_s, fault))

    def compared(self, common: float, either: float) -> None:
        """A mirrored pair: so much speech in both answers, and in either."""
        self._compared += 1
        self._common += common
        self._either += either

    def progress(self) -> Progress:
        """For ``decide``."""
        return Progress(
            phase=self.phase,
            since_s=self._since_s,
            step=self.step,
            share=self.share,
            requests=self._requests,
            compared=self._compared,
            disagreement=1 - self._common / self._either if self._either else None,
            verdict=self._judge.verdict(),
            alarm=self.alarm,
            is_paused=self.is_paused,
        )

    def report(self, now_s: float) -> RolloutReport:
        """As it is reported."""
        progress = self.progress()
        return RolloutReport(
            id=self.id,
            version=self.version,
            instead=self.instead,
            phase=self.phase.value,
            step=self.step,
            share=self.share,
            is_over=self.phase.is_over,
            is_paused=self.is_paused,
            who=self.who,
            why=self.why,
            began_at=self._began_at,
            for_s=now_s - self._since_s,
            requests=progress.requests,
            compared=progress.compared,
            disagreement=progress.disagreement,
            verdict=progress.verdict.decision.value,
            says=progress.verdict.why,
            figures=progress.verdict.figures,
            waits_for=waits_for(self.plan, progress, now_s),
            outcome=self.outcome,
            plan=self.plan.in_words(),
            stages=tuple(self._stages),
        )

    def _take(self, evidence: Evidence) -> None:
        self._requests += evidence.side is Side.TRIAL
        self._judge.accept(evidence)
