"""Failures on trial against failures of the primary: two bets, on "no worse" being false and on "worse" being false.

**Worse.** Claim: the trial fails no more than the primary. Take the failures that count, a key once, in the order in
which they come. If the versions are alike, the key of each was on trial with the chance of its draw, s, whatever made
it fail: load, hour, a burst, a fault of the key's own. If the trial fails r times as often, the chance is
s r / (s r + 1 - s). Each strategy bets on one r, by the ratio of the two: r / (s r + 1 - s) for a failure on trial,
1 / (s r + 1 - s) for one of the primary. (The conditional test of two Poisson rates, as a sequential probability ratio:
Wald 1945; for 2 x 2 tables Turner, Ly and Grünwald 2024, "Generic E-variables for exact sequential k-sample tests".)

**No worse.** Claim: the trial fails more often than the primary by the margin or more. d, the difference of the failed
parts of a block, has then an expectation of at least the margin; 1 - x (d - margin) is a bet for each x from 0 to
1 (Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting"). Here shared failures count
too, for they are as likely on either side. A failure that a key has after it was counted is a lost bet by itself.

**Nobody to compare with** (share 1: baking): claim: the rate is at most what the primary's may have been. Bets as of
Wald, on r times that rate.
"""

import math

from segue.swap.trial.blocks import Block
from segue.swap.trial.wealth import Wealth

_RATIOS = (2.5, 5.0, 20.0)
_RATIO_WEIGHTS = (0.2, 0.55, 0.25)
_STAKES = (0.06, 0.2, 0.5, 0.95)
_STAKE_WEIGHTS = (0.15, 0.2, 0.2, 0.45)
_LIKELY = 0.9  # a rate that is bet on is no higher


class Failures:
    """``margin``: of the failed part, 0.02 say."""

    __slots__ = ("_margin", "no_worse", "worse")

    def __init__(self, margin: float) -> None:
        self._margin = margin
        self.worse = Wealth(_RATIO_WEIGHTS)
        self.no_worse = Wealth(_STAKE_WEIGHTS)

    def step(self) -> None:
        """The share has changed: no worse is to be shown anew; that it became worse need not make up for the past."""
        self.worse.stretch()
        self.no_worse = Wealth(_STAKE_WEIGHTS)

    def failed(self, chance: float, *, on_trial: bool) -> None:
        """A key's first failure that counts; ``chance``, below 1, that the key would be on trial."""
        each = (r if on_trial else 1.0 for r in _RATIOS)
        self.worse.bet([math.log(top / (chance * r + 1 - chance)) for top, r in zip(each, _RATIOS, strict=True)])

    def alone(self, at_most: float, *, failed: bool) -> None:
        """A key's request with all on trial; the primary's rate was hardly above ``at_most``."""
        rates = [min(r * at_most, _LIKELY) for r in _RATIOS]
        if 0 < at_most < _LIKELY:
            self.worse.bet([math.log(r / at_most if failed else (1 - r) / (1 - at_most)) for r in rates])

    def block(self, block: Block) -> None:
        """Units of the same period."""
        difference = block.one.failed - sum([unit.failed for unit in block.many]) / len(block.many)
        self._bet(difference if block.one_is_trial else -difference)

    def late(self) -> None:
        """A key on trial failed for the first time, after it was counted."""
        self._bet(1.0)

    def _bet(self, difference: float) -> None:
        self.no_worse.bet([math.log1p(-stake * (difference - self._margin)) for stake in _STAKES])
