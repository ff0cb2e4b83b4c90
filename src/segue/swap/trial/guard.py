"""What takes a version back at once, beside the judge: failures in a row, a hang, a death, a malformed answer, memory.

1. Only failures that the primary did not share count; a repeated input counts once.
2. ``in_a_row`` failures (3) are enough while the primary hardly fails. A version as good as a primary that fails in 5 %
   of its requests has three in a row every 8,000: so the run must be longer, the more the primary fails. The chance of
   such a run on the primary must be at most ``alpha`` times a part that falls with every request on trial, n of them
   so far (c / (c + n)^2, which sums to 1), so that a false alarm ever is as rare as alpha.
3. The chance of a run: the primary's error rate for each key in it, and for each further failure of the same key
   twice the rate at which a key of the primary's that has failed fails again. What the primary has not shown yet is
   guessed: 1 failure in 80, and 1 in 20 again.
4. A hang, a death or a malformed answer is enough by itself while the primary has had none; else it is a failure like
   others.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType

from segue.swap.trial.evidence import Evidence, Fault, Side

_SPENT_OVER = 1000.0  # c of rule 2, requests
_FORGETS = 0.98  # an incident of the last fifty requests outweighs a good past
_REMEMBERED = 1024
_LONGEST = 256
_AT_ONCE: Mapping[Fault, str] = MappingProxyType(
    {Fault.HUNG: "hung", Fault.DIED: "died", Fault.MALFORMED: "gave a malformed answer"}
)


class Base:
    """How often the primary fails: in all, lately, and again with the same key."""

    __slots__ = ("_after", "_again", "_down", "_lately", "_lately_failed", "failures", "faults", "requests")

    def __init__(self) -> None:
        self.requests = self.failures = 0
        self.faults: set[Fault] = set()
        self._lately = self._lately_failed = 0.0
        self._after = self._again = 0  # requests of a key after a failure of it, and how many of these failed
        self._down: dict[int, None] = {}  # keys whose newest request failed

    def accept(self, evidence: Evidence) -> None:
        """A request on the primary."""
        failed = evidence.counts_against
        self.requests += 1
        self.failures += failed
        self._lately = self._lately * _FORGETS + 1
        self._lately_failed = self._lately_failed * _FORGETS + failed
        if evidence.fault is not None and failed:
            self.faults.add(evidence.fault)
        if not evidence.key or not (failed or self._down):
            return
        name = hash(evidence.key)
        if name in self._down:
            self._after += 1
            self._again += failed
        if not failed:
            self._down.pop(name, None)
        elif name not in self._down:
            if len(self._down) >= _REMEMBERED:
                del self._down[next(iter(self._down))]
            self._down[name] = None

    @property
    def rate(self) -> float:
        """Of failures, on the safe side."""
        return max((self.failures + 1) / (self.requests + 80), self._lately_failed / (self._lately + 50))

    @property
    def again(self) -> float:
        """Of failures of a key that has failed: twice what is usual, for keys differ, and the worst may be on trial."""
        return min(1.0, max(self.rate, (2 * self._again + 0.5) / (self._after + 10)))

    @property
    def at_most(self) -> float:
        """An upper bound of the rate: two standard deviations of a Poisson count above what was seen."""
        return (self.failures + 2 * math.sqrt(self.failures + 1) + 2) / self.requests if self.requests else 1.0


class Guard:
    """``reason`` is empty, or why the version under trial goes back at once; once set it stays."""

    __slots__ = ("_alpha", "_in_a_row", "_keys", "_requests", "_run", "base", "reason")

    def __init__(self, *, in_a_row: int = 3, alpha: float = 0.002) -> None:
        if in_a_row < 1:
            raise ValueError(f"{in_a_row} failures in a row: 1 or more are wanted")
        self._in_a_row, self._alpha = in_a_row, alpha
        self._requests = 0  # on trial
        self._run: set[str | int] = set()  # inputs; a number stands for one unknown
        self._keys: set[int] = set()
        self.base = Base()
        self.reason = ""

    def accept(self, evidence: Evidence) -> None:
        """A request on either version."""
        if evidence.side is Side.PRIMARY:
            self.base.accept(evidence)
            return
        self._requests += 1
        if evidence.fault is None:
            if self._run:
                self._run.clear()
                self._keys.clear()
        elif not evidence.excused and not self.reason:
            self._failed(evidence.fault, evidence.input or self._requests, evidence.key)

    def alarm(self, reason: str) -> None:
        """Back at once, for what is no request: memory over its budget, a process that died."""
        self.reason = self.reason or reason

    @property
    def run(self) -> int:
        """Failures in a row so far, on different inputs."""
        return len(self._run)

    def _failed(self, fault: Fault, what: str | int, key: str) -> None:
        if len(self._run) < _LONGEST:
            self._run.add(what)
            self._keys.add(hash(key or what))
        if fault in _AT_ONCE and fault not in self.base.faults:
            self.reason = f"the trial {_AT_ONCE[fault]} where the primary answered, and the primary never did so"
        elif len(self._run) >= self._in_a_row and self._chance() <= self._allowed():
            self.reason = (
                f"{len(self._run)} failures in a row on as many inputs that the primary answered; "
                f"its own rate is {self.base.failures} of {self.base.requests:,}"
            )

    def _chance(self) -> float:
        keys = len(self._keys)
        return float(self.base.rate**keys * self.base.again ** (len(self._run) - keys))

    def _allowed(self) -> float:
        return self._alpha * _SPENT_OVER / (_SPENT_OVER + self._requests) ** 2
