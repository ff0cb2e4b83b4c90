"""What a choice is worth on clips that it was not made on; and how sure that is. Pure functions over counts.

Clips are few and differ, frames are many and do not: so a clip, with all conditions that it is heard in, is what folds
and the bootstrap divide by.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from segue.accuracy.agreement import Agreement

FOLDS = 5
REPEATS = 20
_FLAT = 0.005
_RESAMPLES = 4_000

Choice = TypeVar("Choice", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure, and where 95 of 100 of its resamples lie."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Measured:
    """One choice's counts, one a clip: where it is wanted, and where things are as they should be."""

    wanted: tuple[Agreement, ...]
    quiet: tuple[Agreement, ...]


@dataclass(frozen=True)
class HeldOut:
    """Counts of each clip, added up over ``REPEATS`` divisions: under the first choice, and under what was chosen."""

    before: tuple[Agreement, ...]
    after: tuple[Agreement, ...]


def pooled(counts: Sequence[Agreement]) -> Agreement:
    """All frames together."""
    return sum(counts, Agreement())


def f1(counts: Sequence[Agreement]) -> float:
    """F1 of all frames together; 0 where there is nothing to take it of."""
    return pooled(counts).f1 or 0.0


def best(measured: Mapping[Choice, Measured], among: Sequence[int]) -> Choice:
    """The choice of the highest F1 over some clips; of those within ``_FLAT`` of it the best in quiet.

    Where a figure is flat, that is: as little harm as can be. Of equals the first.
    """

    def over(counts: Sequence[Agreement]) -> float:
        return f1([counts[clip] for clip in among])

    wanted = {choice: over(each.wanted) for choice, each in measured.items()}
    good = [choice for choice in measured if wanted[choice] >= max(wanted.values()) - _FLAT]
    return max(good, key=lambda choice: over(measured[choice].quiet))


def held_out(measured: Mapping[Choice, Measured], *, seed: int = 0) -> HeldOut:
    """Choose on all folds but one and count on that one: each of ``FOLDS``, in each of ``REPEATS`` random divisions."""
    first = next(iter(measured.values())).wanted
    after = [Agreement()] * len(first)
    chance = np.random.default_rng(seed)
    for _ in range(REPEATS):
        order = [int(clip) for clip in chance.permutation(len(first))]
        for fold in range(FOLDS):
            out = order[fold::FOLDS]
            choice = best(measured, [clip for clip in order if clip not in out])
            for clip in out:
                after[clip] += measured[choice].wanted[clip]
    return HeldOut(tuple(sum([each] * REPEATS, Agreement()) for each in first), tuple(after))


def f1_interval(counts: Sequence[Agreement], *, seed: int = 0) -> Interval:
    """F1 with a bootstrap over clips: percentiles 2.5 and 97.5 (Efron 1979)."""
    return _interval(f1(counts), _resampled_f1(counts, _draws(len(counts), seed)))


def f1_difference(before: Sequence[Agreement], after: Sequence[Agreement], *, seed: int = 0) -> Interval:
    """F1 after, less F1 before, on the same clips: each resample draws the same clips for both."""
    draws = _draws(len(before), seed)
    differences = _resampled_f1(after, draws) - _resampled_f1(before, draws)
    return _interval(f1(after) - f1(before), differences)


def _draws(clips: int, seed: int) -> "np.ndarray[tuple[int, int], np.dtype[np.int64]]":
    return np.random.default_rng(seed).integers(clips, size=(_RESAMPLES, clips))


def _resampled_f1(
    counts: Sequence[Agreement], draws: "np.ndarray[tuple[int, int], np.dtype[np.int64]]"
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    both = np.array([each.both for each in counts], dtype=np.float64)[draws].sum(axis=1)
    either = np.array([each.reference + each.detected for each in counts], dtype=np.float64)[draws].sum(axis=1)
    return np.asarray(2 * both / np.maximum(either, 1))


def _interval(value: float, resamples: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> Interval:
    low, high = np.percentile(resamples, (2.5, 97.5))
    return Interval(value, float(low), float(high))
