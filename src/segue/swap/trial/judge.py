"""Is the version under trial worse than the primary? Valid at every moment that it is looked at.

1. ``WORSE``: of versions as good as the primary, at most 1 in 100 are ever called so, however often one looks: 0.2 % by
   the guard, 0.5 % by failures, 0.2 % by latency. Once said, it stays.
2. ``NO_WORSE``: failures and latency are both within their margins, in the step that is on; of versions that are just
   outside, at most 1 in 20 are ever called so.
3. ``NOT_ENOUGH``: neither is shown yet. This is not success.
4. The unit is the key (draws.py), compared in the same period (blocks.py), by bets (wealth.py): failures.py and
   slowness.py.
5. A rise in failures below ``Margins.least`` takes nothing back, however surely it is there.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from segue.swap.trial.blocks import Blocks, Unit
from segue.swap.trial.draws import Draws
from segue.swap.trial.evidence import Evidence, Side
from segue.swap.trial.failures import Failures
from segue.swap.trial.guard import Guard
from segue.swap.trial.slowness import Slowness

ALPHA_GUARD, ALPHA_FAILURES, ALPHA_LATENCY = 0.002, 0.005, 0.002
BETA = 0.05
_FASTEST = 1e-9  # seconds by second: a clock may say 0
_MOST = 1e6  # of evidence, as it is told


class Decision(Enum):
    """What the evidence says of the version under trial."""

    WORSE = "worse"
    NO_WORSE = "no worse"
    NOT_ENOUGH = "not enough yet"


@dataclass(frozen=True, slots=True)
class Margins:
    """How much worse is tolerated. Raises ValueError.

    ``failures``: so much more of the requests may fail (0 to 1, exclusive). ``latency``: so many times as slow (over
    1). ``least``: a smaller rise of the failed part takes nothing back. ``in_a_row``: failures that do by themselves.
    """

    failures: float = 0.02
    latency: float = 1.25
    least: float = 0.005
    in_a_row: int = 3

    def __post_init__(self) -> None:
        if not 0 < self.failures < 1:
            raise ValueError(f"margin of failures {self.failures!r}: a part of the requests is wanted, 0.02 say")
        if not 1 < self.latency < math.inf:
            raise ValueError(f"margin of latency {self.latency!r}: a ratio over 1 is wanted, 1.25 say")
        if not 0 <= self.least <= self.failures:
            raise ValueError(f"least rise {self.least!r}: from 0 to the margin of failures, {self.failures}")
        if self.in_a_row < 1:
            raise ValueError(f"{self.in_a_row!r} failures in a row: 1 or more are wanted")


@dataclass(frozen=True, slots=True)
class Verdict:
    """``why``: one line. ``figures``: what it rests on, for the journal: finite numbers by name; evidence to 1e6."""

    decision: Decision
    why: str
    figures: Mapping[str, float] = field(default_factory=dict)


class Judge:
    """Of one rollout, from its first request to the end of its bake time. One thread at a time.

    Give it every request on either version (also the primary's before anything is on trial: the guard learns its rate
    from them), in the order in which they end. ``share`` is that of the step. Memory does not grow with the requests.
    """

    __slots__ = (
        "_blocks",
        "_counts",
        "_failed",
        "_failures",
        "_guard",
        "_margins",
        "_paced",
        "_seen",
        "_share",
        "_slow",
        "_worse",
    )

    def __init__(self, margins: Margins | None = None, *, share: float = 0.0, period_s: float = 300.0) -> None:
        self._margins = margins or Margins()
        self._share = share
        self._guard = Guard(in_a_row=self._margins.in_a_row, alpha=ALPHA_GUARD)
        self._seen, self._failed = Draws(), Draws()
        self._blocks = Blocks(period_s=period_s)
        self._paced = Blocks(period_s=period_s)  # of equal company, for latency
        self._failures = Failures(self._margins.failures)
        self._slow = Slowness(self._margins.latency)
        self._counts = {Side.TRIAL: [0, 0, 0], Side.PRIMARY: [0, 0, 0]}  # requests, failures that count, units
        self._worse = ""

    def step(self, share: float) -> None:
        """Another share: whether it is no worse is to be shown anew. The same share changes nothing."""
        if share != self._share:
            self._share = share
            self._blocks.clear()
            self._paced.clear()
            self._failures.step()
            self._slow.step()

    def alarm(self, reason: str) -> None:
        """Worse, for a reason that is no request: memory over its budget, say."""
        self._guard.alarm(reason)

    def accept(self, evidence: Evidence) -> None:
        """Take one request into account: a few microseconds."""
        on_trial = evidence.side is Side.TRIAL
        share = self._share if evidence.share is None else evidence.share
        counts = self._counts[evidence.side]
        counts[0] += 1
        self._guard.accept(evidence)
        # A key is a unit once in a step, by its first request that failed or was timed; of what was under way before
        # the step, only failures count.
        is_unit = share == self._share and (evidence.fault is not None or evidence.latency_s_per_audio_s is not None)
        chance = self._seen.draw(evidence.key, share, on_trial=on_trial) if is_unit else None
        if evidence.counts_against:
            counts[1] += 1
            self._fail(evidence.key, share, on_trial=on_trial, is_late=chance is None)
        if chance is not None:
            counts[2] += 1
            self._unit(evidence, chance, on_trial=on_trial)

    @property
    def is_worse(self) -> bool:
        """As the verdict says; cheap enough to ask after each request."""
        return bool(self._worse or self._guard.reason)

    def verdict(self) -> Verdict:
        """What may be said now."""
        figures = self._figures()
        if self.is_worse:
            return Verdict(Decision.WORSE, self._guard.reason or self._worse, figures)
        shown = min(self._failures.no_worse.value, self._slow.no_worse.value) >= 1 / BETA
        words = f"{self._rates()}; {self._latency()}"
        if shown:
            return Verdict(Decision.NO_WORSE, f"within the margins: {words}", figures)
        if not 0 < self._share < 1:
            return Verdict(Decision.NOT_ENOUGH, f"nothing against it so far: {self._rates()}", figures)
        return Verdict(Decision.NOT_ENOUGH, f"not enough yet: {words}; {self._progress()}", figures)

    def _fail(self, key: str, share: float, *, on_trial: bool, is_late: bool) -> None:
        chance = self._failed.draw(key, share, on_trial=on_trial)
        if chance is None or chance >= 1:
            return
        self._failures.failed(chance, on_trial=on_trial)
        if on_trial and is_late:
            self._failures.late()
        self._settle_failures()

    def _unit(self, evidence: Evidence, chance: float, *, on_trial: bool) -> None:
        if chance >= 1:
            if on_trial and self._guard.base.requests:
                self._failures.alone(self._guard.base.at_most, failed=evidence.counts_against)
                self._settle_failures()
            return
        pace = evidence.latency_s_per_audio_s
        log_latency = None if pace is None or evidence.fault is not None else math.log(max(pace, _FASTEST))
        unit = Unit(evidence.at_s, evidence.fault is not None, log_latency)
        block = self._blocks.accept(unit, chance, on_trial=on_trial)
        if block is not None:
            self._failures.block(block)
        if log_latency is None:
            return
        paced = self._paced.accept(unit, chance, on_trial=on_trial, company=evidence.company)
        if paced is not None:
            self._slow.block(paced)
            self._settle_latency()

    def _settle_failures(self) -> None:
        """Worse, once it is shown."""
        evidence = self._failures.worse.value
        if not self._worse and evidence >= 1 / ALPHA_FAILURES and self._excess() >= self._margins.least:
            self._worse = f"worse by failures: {self._rates()}; {_odds(evidence, ALPHA_FAILURES)}"

    def _settle_latency(self) -> None:
        evidence = self._slow.worse.value
        if not self._worse and evidence >= 1 / ALPHA_LATENCY:
            self._worse = (
                f"worse by latency: {self._latency()}, {self._margins.latency:g} times are tolerated; "
                f"{_odds(evidence, ALPHA_LATENCY)}"
            )

    def _rate(self, side: Side) -> float:
        requests, failures, _ = self._counts[side]
        return failures / requests if requests else 0.0

    def _excess(self) -> float:
        return self._rate(Side.TRIAL) - self._rate(Side.PRIMARY)

    def _rates(self) -> str:
        parts = []
        for side in Side:
            requests, failures, _ = self._counts[side]
            parts.append(f"{failures:,} of {requests:,} ({100 * self._rate(side):.3g} %) on {_NAMES[side]}")
        return "failed " + ", ".join(parts)

    def _latency(self) -> str:
        ratio = self._slow.ratio
        return "latency not compared" if ratio is None else f"latency {ratio:.2f} times the primary's"

    def _progress(self) -> str:
        """How much of the evidence that is wanted there is: it multiplies, so its logarithm says how far it is."""
        units = self._counts[Side.TRIAL][2]
        shown = {"failures": self._failures.no_worse.value, "latency": self._slow.no_worse.value}
        parts = [f"{name} {_part(value):.0f} %" for name, value in shown.items()]
        return f"evidence so far: {', '.join(parts)}, from {units:,} key{'s' * (units != 1)} on trial"

    def _figures(self) -> dict[str, float]:
        figures: dict[str, float] = {"share": self._share, "in_a_row": self._guard.run}
        for side in Side:
            requests, failures, units = self._counts[side]
            figures |= {
                f"{side.value}_requests": requests,
                f"{side.value}_failures": failures,
                f"{side.value}_keys": units,
            }
        ratio = self._slow.ratio
        if ratio is not None:
            figures["latency_ratio"] = ratio
        return figures | {
            "evidence_failures_worse": min(self._failures.worse.value, _MOST),
            "evidence_failures_no_worse": min(self._failures.no_worse.value, _MOST),
            "evidence_latency_worse": min(self._slow.worse.value, _MOST),
            "evidence_latency_no_worse": min(self._slow.no_worse.value, _MOST),
        }


_NAMES = {Side.TRIAL: "trial", Side.PRIMARY: "the primary"}


def _part(value: float) -> float:
    """Percent of the way from nothing known to enough."""
    way = math.log(max(value, 1.0)) / math.log(1 / BETA)
    return 100.0 if way >= 1 else min(99.0, 100 * way)


def _odds(have: float, alpha: float) -> str:
    return f"evidence {min(have, _MOST):,.0f}{' or more' if have >= _MOST else ''}, {1 / alpha:,.0f} is enough"
