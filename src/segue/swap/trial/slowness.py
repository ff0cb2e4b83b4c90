"""Latency on trial against that of the primary: two bets, on either side of the margin.

y is the logarithm of seconds by second of audio; for the trial, less the logarithm of the margin (1.25, say). Claim:
the trial is at most so much slower (its y stochastically no larger than the primary's). Were it exactly so much slower,
any request of a block might be the one on trial. Strategy x bets on that being the slowest, by
exp(x y_one) / mean(exp(x y)) over the block: the expectation over which is the one is 1, and is less when the claim
holds with something to spare. With -x it is a bet against the opposite claim: at least so much slower. (Permutation
within blocks, as e-values: Koning 2023, "Post-hoc and anytime valid inference for exchangeability and group
invariance".) No distribution is assumed; y is taken in standard deviations and cut off at three, as the blocks before
have shown them, so that strategies fit and one odd request decides nothing.
"""

import math
from collections.abc import Sequence

from segue.swap.trial.blocks import Block
from segue.swap.trial.wealth import Wealth

_SLOPES = (0.4, 1.2)
_CUT = 3.0
_GUESS = 0.5  # standard deviation of y, until ten were seen
_SEEN = 10


class Slowness:
    """``margin``: a ratio of latencies, over 1."""

    __slots__ = ("_count", "_log_margin", "_mean", "_ratios", "_sum", "_weight", "no_worse", "worse")

    def __init__(self, margin: float) -> None:
        self._log_margin = math.log(margin)
        self._count, self._mean, self._sum = 0, 0.0, 0.0  # of the primary's y: Welford's running variance
        self._ratios, self._weight = 0.0, 0.0
        self.worse = Wealth([1 / len(_SLOPES)] * len(_SLOPES))
        self.no_worse = Wealth([1 / len(_SLOPES)] * len(_SLOPES))

    def step(self) -> None:
        """As for failures."""
        self.worse.stretch()
        self.no_worse = Wealth([1 / len(_SLOPES)] * len(_SLOPES))
        self._ratios = self._weight = 0.0

    @property
    def ratio(self) -> float | None:
        """How many times as slow the trial is in this step: the geometric mean over blocks."""
        return math.exp(self._ratios / self._weight) if self._weight else None

    def block(self, block: Block) -> None:
        """Units of the same period; those without a latency are left out."""
        one = block.one.log_latency
        many = [unit.log_latency for unit in block.many if unit.log_latency is not None]
        if one is None or not many:
            return
        sign = 1.0 if block.one_is_trial else -1.0
        weight = len(many) / (len(many) + 1)
        self._ratios += weight * sign * (one - sum(many) / len(many))
        self._weight += weight
        if block.one_is_trial:
            one_z, many_z = self._z(one - self._log_margin), [self._z(y) for y in many]
        else:
            one_z, many_z = self._z(one), [self._z(y - self._log_margin) for y in many]
        self.worse.bet([_stands_out(sign * slope, one_z, many_z) for slope in _SLOPES])
        self.no_worse.bet([_stands_out(-sign * slope, one_z, many_z) for slope in _SLOPES])
        for y in many if block.one_is_trial else (one,):  # after the bets: they rest on what came before
            self._learn(y)

    def _z(self, y: float) -> float:
        if self._count < _SEEN:
            return y / _GUESS
        scale = math.sqrt(self._sum / (self._count - 1)) or _GUESS
        return max(-_CUT, min(_CUT, (y - self._mean) / scale))

    def _learn(self, y: float) -> None:
        self._count += 1
        step = y - self._mean
        self._mean += step / self._count
        self._sum += step * (y - self._mean)


def _stands_out(slope: float, one: float, many: Sequence[float]) -> float:
    """The logarithm of exp(slope one) / mean(exp(slope each))."""
    total = 1.0 + sum([math.exp(slope * (z - one)) for z in many])
    return -math.log(total / (len(many) + 1))
