"""Labelled clips -> decision parameters that suit them, and what these are worth on clips they were not chosen on.

A search begins at the rules as they are. Settings drawn at random are tried first, the same for all searches, for they
know nothing of the labels; from the best of them each parameter in turn is moved to the best of its values, until none
helps or the trials are spent; last, what brings next to nothing goes back to where it began. That is done once on all
clips, which gives the setting, and once for each fold on the clips of the others: what such a setting does on its own
fold, all folds together, is the held-out figure (k-fold cross-validation). Clips are scored already, so that a trial is
a run of the segmenter.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from segue.accuracy.agreement import Agreement, agreement
from segue.accuracy.evaluation import METRICS, Evaluated
from segue.accuracy.scored_clip import ScoredClip
from segue.errors import InvalidParameter
from segue.speech.rules import Rules

FEWEST = 10
"""With fewer recordings in which somebody speaks there is nothing to hold out."""

MEASURES: Mapping[str, str] = MappingProxyType({"f1": "f1", "error": "detection_error"})
"""What can be tuned for -> its metric."""

_WORTH = 0.001
"""A change that brings less than this is not made."""

_WINDOW: Mapping[str, Sequence[float]] = {
    "speech_noise_thres": [-0.8, -0.6, -0.4, -0.2, 0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
    "sil_to_speech_time_thres": [20, 50, 80, 100, 120, 150, 180, 200],
    "speech_to_sil_time_thres": [20, 50, 80, 100, 120, 150, 180, 200],
    "lookback_time_start_point": [0, 30, 60, 100, 150, 200, 300],
    "lookahead_time_end_point": [0, 30, 60, 100, 150, 200, 300],
}
SPACES: Mapping[str, Mapping[str, Sequence[float]]] = MappingProxyType(
    {
        "classic": {**_WINDOW, "max_end_silence_time": [200, 300, 400, 500, 600, 800, 1000, 1500]},
        "dynamic": _WINDOW,  # its end silence is a schedule
        "tight": {
            "threshold": [0.2, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95],
            "neg_threshold": [0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9],
            "min_speech_duration_ms": [0, 50, 100, 150, 200, 250],
            "min_silence_duration_ms": [0, 50, 100, 150, 200, 300, 400, 600],
            "speech_pad_start_ms": [0, 10, 20, 30, 50, 80, 120],
            "speech_pad_end_ms": [0, 10, 20, 30, 50, 80, 120],
        },
    }
)
"""Mode -> parameter -> the values that are tried, besides the one that it has."""

Choice: TypeAlias = tuple[tuple[str, float], ...]
"""What differs from the rules at the beginning, in the order of the names."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """``changes``: what was chosen on all clips. Each evaluation has all clips, in their order.

    ``held_out``: each under what was chosen without its fold. ``by_fold``: what that was. ``tried``: how many settings.
    """

    rules: Rules
    changes: Mapping[str, float]
    given: tuple[Evaluated, ...]
    training: tuple[Evaluated, ...]
    held_out: tuple[Evaluated, ...]
    by_fold: tuple[Mapping[str, float], ...]
    tried: int


def tune(
    clips: Sequence[ScoredClip],
    rules: Rules,
    *,
    measure: str = "f1",
    folds: int = 5,
    trials: int = 200,
    seed: int = 0,
    fixed: Sequence[str] = (),
    advance: Callable[[], None] = lambda: None,
) -> Tuned:
    """Choose parameters for these clips. ``trials``: settings a search; ``fixed``: parameters that stay as they are.

    The same arguments give the same answer. ``advance`` is called after each setting that was tried, of which there
    are ``most_trials`` at most. Raises InvalidParameter, also for too few clips.
    """
    _check(clips, measure, folds, trials)
    space = {name: values for name, values in SPACES[rules.mode].items() if name not in fixed}
    if not space:
        raise InvalidParameter(f"nothing is left to tune in mode {rules.mode}: leave out some of {', '.join(fixed)}")
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(clips))
    outs = [sorted(int(index) for index in order[fold::folds]) for fold in range(folds)]
    trial = _Trials(clips, rules, advance)
    drawn = [{}, *(_draw(space, rng) for _ in range(trials // 2))]
    search = partial(_search, trial, space, drawn, METRICS[MEASURES[measure]].of, trials - trials // 2)
    everywhere = range(len(clips))
    chosen = search(everywhere, order=_shuffled(space, rng))
    without = [search([index for index in everywhere if index not in out], order=_shuffled(space, rng)) for out in outs]
    held_out = {
        index: clips[index].evaluate(trial.rules(choice))
        for out, choice in zip(outs, without, strict=True)
        for index in out
    }
    return Tuned(
        rules=trial.rules(chosen),
        changes=dict(chosen),
        given=tuple(clip.evaluate(rules) for clip in clips),
        training=tuple(clip.evaluate(trial.rules(chosen)) for clip in clips),
        held_out=tuple(held_out[index] for index in everywhere),
        by_fold=tuple(dict(choice) for choice in without),
        tried=trial.count,
    )


def most_trials(trials: int, folds: int) -> int:
    """How many settings ``tune`` tries at most."""
    simpler = max(map(len, SPACES.values()))  # a search ends with one trial without each change
    return 1 + trials // 2 + (folds + 1) * (trials - trials // 2 + simpler)


class _Trials:
    """Settings that were tried, each once: its agreement on every clip."""

    def __init__(self, clips: Sequence[ScoredClip], rules: Rules, advance: Callable[[], None]) -> None:
        self._clips = clips
        self._rules = rules
        self._advance = advance
        self._found: dict[Choice, tuple[Agreement, ...] | None] = {}

    @property
    def count(self) -> int:
        return len(self._found)

    def has(self, choice: Choice) -> bool:
        """Whether it would cost nothing."""
        return choice in self._found

    def rules(self, choice: Choice) -> Rules:
        """Raises InvalidParameter where the values do not go together."""
        return self._rules.asking(dict(choice), source="tune")

    def normal(self, choice: Mapping[str, float]) -> Choice:
        """Without what is as it was at the beginning."""
        return tuple(sorted((name, value) for name, value in choice.items() if getattr(self._rules, name) != value))

    def of(self, choice: Choice) -> tuple[Agreement, ...] | None:
        """None where the values do not go together."""
        if choice not in self._found:
            self._found[choice] = self._try(choice)
            self._advance()
        return self._found[choice]

    def _try(self, choice: Choice) -> tuple[Agreement, ...] | None:
        try:
            rules = self.rules(choice)
        except InvalidParameter:
            return None
        if rules.mode == "tight" and rules.neg_threshold > rules.threshold:
            return None  # no hysteresis, but its opposite
        return tuple(agreement(clip.reference, clip.detect(rules), clip.duration_ms) for clip in self._clips)


def _search(
    trials: _Trials,
    space: Mapping[str, Sequence[float]],
    drawn: Sequence[Mapping[str, float]],
    figure: Callable[[Agreement], float | None],
    steps: int,
    clips: Sequence[int],
    *,
    order: Sequence[str],
) -> Choice:
    """The best setting for some of the clips that ``steps`` trials after the drawn ones find."""
    better = -1.0 if figure(Agreement(0, 1, 0, 0)) else 1.0  # with all speech missed, F1 is 0 and the error is 1

    def worth(choice: Choice) -> float:
        found = trials.of(choice)
        value = figure(sum((found[index] for index in clips), Agreement())) if found else None
        return -float("inf") if value is None else better * value

    best = max((trials.normal(choice) for choice in drawn), key=lambda choice: (worth(choice), -len(choice)))
    left, moved = steps, True
    while moved and left > 0:
        moved = False
        for name in order:
            for value in space[name]:
                choice = trials.normal({**dict(best), name: value})
                left -= not trials.has(choice)
                if left < 0:
                    break
                if worth(choice) > worth(best):
                    best, moved = choice, True
    for name in order:
        simpler = tuple(each for each in best if each[0] != name)
        if worth(simpler) > worth(best) - _WORTH:
            best = simpler
    return best


def _draw(space: Mapping[str, Sequence[float]], rng: np.random.Generator) -> dict[str, float]:
    return {name: values[int(rng.integers(len(values)))] for name, values in space.items()}


def _shuffled(space: Mapping[str, Sequence[float]], rng: np.random.Generator) -> list[str]:
    return [list(space)[index] for index in rng.permutation(len(space))]


def _check(clips: Sequence[ScoredClip], measure: str, folds: int, trials: int) -> None:
    if measure not in MEASURES:
        raise InvalidParameter(f"metric {measure!r}: one of {', '.join(MEASURES)}")
    spoken = sum(bool(clip.reference) for clip in clips)
    if spoken < FEWEST:
        raise InvalidParameter(
            f"{spoken} labelled recording{'s' * (spoken != 1)} with speech: tuning takes {FEWEST} or more, since some "
            "are held out to see what a setting is worth; label more, or cut long ones into clips"
        )
    if not 2 <= folds <= spoken:
        raise InvalidParameter(f"{folds} folds: from 2 to the {spoken} recordings with speech")
    if trials < 2:
        raise InvalidParameter(f"{trials} trials: 2 or more")
