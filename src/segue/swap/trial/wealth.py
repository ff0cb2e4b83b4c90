"""Bets against a claim: what a gambler has who began with 1 and staked on its being false, at odds fair if it is true.

If the claim is true, he is never likely to be rich: the chance that he ever has c or more, however often one looks, is
at most 1/c (Ville 1939; Shafer 2021, "Testing by betting"; Ramdas, Grünwald, Vovk and Shafer 2023, "Game-theoretic
statistics and safe anytime-valid inference"). So having c is evidence, valid at every moment.

1. Each factor is at least 0, and has an expectation of at most 1 if the claim is true, given all that came before.
2. The stake is spread over several strategies; what he has is their sum (the method of mixtures).
3. A good stretch loses the stakes. So a part is kept back for each later stretch: the first has two thirds, each later
   one half of what is left. What the stretches before have come to stays.
"""

import math
from collections.abc import Sequence

FIRST = 2 / 3
_MOST_NATS = 500.0  # e to that is a float still; nobody needs to be richer


class Wealth:
    """``weights``: what part of the stake each strategy gets; they sum to 1."""

    __slots__ = ("_kept", "_nats", "_past", "_stake", "_weights")

    def __init__(self, weights: Sequence[float]) -> None:
        if not math.isclose(sum(weights), 1) or min(weights) <= 0:
            raise ValueError(f"weights {list(weights)}: they are positive and sum to 1")
        self._weights = tuple(weights)
        self._nats = [0.0] * len(weights)  # natural logarithms
        self._past, self._stake, self._kept = 0.0, FIRST, 1 - FIRST

    @property
    def value(self) -> float:
        """What he has, all stretches together."""
        staked = sum([weight * math.exp(nats) for weight, nats in zip(self._weights, self._nats, strict=True)])
        return self._past + self._kept + self._stake * staked

    def bet(self, nats: Sequence[float]) -> None:
        """Multiply: the logarithm of each strategy's factor, in order."""
        have = self._nats
        for number, more in enumerate(nats):
            have[number] = min(have[number] + more, _MOST_NATS)

    def stretch(self) -> None:
        """Begin a new stretch: what there is stays, and fresh stakes are placed."""
        self._past = self.value - self._kept
        self._stake, self._kept = self._kept / 2, self._kept / 2
        self._nats = [0.0] * len(self._weights)
