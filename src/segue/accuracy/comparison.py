"""The same recordings evaluated twice -> how far the two differ, and whether that is more than chance.

The interval is a paired bootstrap over recordings, by ``scipy.stats.bootstrap``: recordings are drawn again and again
with replacement, each with both its evaluations, and the pooled figures are taken anew. What differs between recordings
alike in both drops out. Percentiles of few recordings are too narrow, so they are expanded as Student's t asks
(Hesterberg, "What Teachers Should Know About the Bootstrap", 2015). On recordings made up for it (lengths of 1 to 20 s,
600 experiments each) 95 % held the truth in 92.7 % at 8 recordings, 94.5 % at 20; plain BCa in 86 % at 10, 91 % at 20.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from segue.accuracy.evaluation import METRICS, Evaluated, Metric, total
from segue.errors import InvalidParameter

FEWEST = 8
"""With fewer recordings there is no interval: it would hold the truth less often than it says."""

CONFIDENCE = 0.95
RESAMPLES = 9999


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of both, pooled, and the second minus the first with its interval; None where there is no such."""

    first: float | None
    second: float | None
    low: float | None = None
    high: float | None = None

    @property
    def value(self) -> float | None:
        """The second minus the first."""
        return None if self.first is None or self.second is None else self.second - self.first

    @property
    def is_clear(self) -> bool | None:
        """Whether 0 is outside of the interval; None without one."""
        return None if self.low is None or self.high is None else self.low > 0 or self.high < 0


def compare(
    first: Sequence[Evaluated],
    second: Sequence[Evaluated],
    *,
    seed: int = 0,
    in_frames: bool = False,
    resamples: int = RESAMPLES,
) -> Mapping[str, Difference]:
    """Metric -> difference. Both are of the same recordings in the same order; else InvalidParameter is raised.

    The same arguments give the same answer.
    """
    if [one.name for one in first] != [one.name for one in second]:
        raise InvalidParameter("a comparison is of the same recordings in the same order: evaluate both on all of them")
    counts = [_counts(each, in_frames) for each in (first, second)]
    whole = [total(each).agreement(in_frames=in_frames) for each in (first, second)]
    found = {}
    for name, metric in METRICS.items():
        values = [metric.of(each) for each in whole]
        interval = _interval(metric, *counts, seed=seed, resamples=resamples) if None not in values else None
        found[name] = Difference(*values, *(interval or ()))
    return found


def _counts(each: Sequence[Evaluated], in_frames: bool) -> NDArray[np.float64]:
    """(recordings, 4): both, missed, false alarm, neither."""
    found = [one.agreement(in_frames=in_frames) for one in each]
    rows = [(one.both, one.missed, one.false_alarm, one.neither) for one in found]
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def _interval(
    metric: Metric, first: NDArray[np.float64], second: NDArray[np.float64], *, seed: int, resamples: int
) -> tuple[float, float] | None:
    if len(first) < FEWEST:
        return None
    parts = [counts @ np.array(weights) for counts in (first, second) for weights in (metric.part, metric.whole)]
    if np.array_equal(parts[0], parts[2]) and np.array_equal(parts[1], parts[3]):
        return 0.0, 0.0  # alike in each recording: resampling has nothing to say
    level = _expanded(len(first))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of resamples in which nobody speaks; they are judged by their result, below
        result = stats.bootstrap(
            parts,
            _difference,
            paired=True,
            vectorized=True,
            confidence_level=level,
            n_resamples=resamples,
            batch=max(1, 2_000_000 // len(first)),  # of 16 MB each
            method="percentile",
            rng=np.random.default_rng(seed),
        )
    low, high = map(float, result.confidence_interval)
    if not (math.isfinite(low) and math.isfinite(high)):
        drawn = result.bootstrap_distribution
        drawn = drawn[np.isfinite(drawn)]
        if len(drawn) < 0.99 * resamples:  # there is speech in too few recordings
            return None
        low, high = map(float, np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2]))
    return low, high


def _expanded(count: int) -> float:
    """The level at which percentiles of so many recordings are as wide as Student's t."""
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, count - 1) * math.sqrt(count / (count - 1))
    return float(1 - 2 * stats.norm.cdf(-reach))


def _difference(*parts: Any, axis: int = -1) -> Any:
    """Of pooled figures: the sums of (part, whole) of the first and of the second, along an axis of recordings."""
    part, whole, other_part, other_whole = (each.sum(axis=axis) for each in parts)
    return other_part / other_whole - part / whole
