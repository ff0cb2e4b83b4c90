"""Which presets earn their place: a few parameters are tried for each situation and mode, on clips held out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from benchmarks.conditions import CONDITIONS, QUIET
from benchmarks.held_out import HeldOut, Interval, Measured, best, f1, f1_difference, held_out
from benchmarks.listening import Listened
from segue.speech.parameters import MODES
from segue.speech.presets import PRESETS

LEAST_GAIN = 0.01
SITUATIONS = ("noisy", "far-field", "telephone", "babble", "room", "soft")
"""Families of conditions for which a preset is looked for."""

Parameters = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Candidate:
    """The best that was found for a situation in a mode. ``gain``: of F1 on held-out clips."""

    situation: str
    mode: str
    parameters: Parameters
    counts: HeldOut
    gain: Interval
    quiet_before: float
    quiet_after: float

    @property
    def earns(self) -> bool:
        """The rule: a clear gain where it is wanted, and less lost where it is chosen by mistake."""
        return self.gain.low > 0 and self.gain.value >= max(LEAST_GAIN, self.quiet_before - self.quiet_after)

    @property
    def ships(self) -> bool:
        """Whether Segue has it, with these very values."""
        preset = PRESETS.get(self.situation)
        return preset is not None and dict(preset.parameters.get(self.mode, {})) == dict(self.parameters)


def conditions_of(family: str) -> list[str]:
    """Names of the conditions of a situation."""
    return [condition.name for condition in CONDITIONS if condition.family == family]


def grid(mode: str) -> Iterator[Parameters]:
    """What is tried in a mode: round values of what decides that speech is there. The mode's own come first, as ().

    In classic and dynamic mode the threshold of a frame alone: not the pads and silences that these modes are chosen
    for, nor the window, which moves starts as a pad does.
    """
    yield ()
    if mode == "tight":
        thresholds = ((0.2, 0.1), (0.3, 0.2), (0.4, 0.3), (0.5, 0.4), (0.6, 0.5), (0.7, 0.6), (0.8, 0.7), (0.9, 0.8))
        for silence_ms, speech_ms, (on, off) in product((100, 200), (50, 150), thresholds):
            lengths = (("min_silence_duration_ms", silence_ms), ("min_speech_duration_ms", speech_ms))
            yield (("threshold", on), ("neg_threshold", off), *lengths)
    else:
        for speech in (-0.8, -0.6, -0.4, -0.2, 0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
            yield (("speech_noise_thres", speech),)


def search(listened: Listened, situation: str, mode: str) -> Candidate:
    """Try them all."""
    measured = {parameters: _measure(listened, situation, mode, parameters) for parameters in grid(mode)}
    chosen = best(measured, range(len(measured[()].wanted)))
    counts = held_out(measured)
    return Candidate(
        situation=situation,
        mode=mode,
        parameters=_apart(listened, mode, chosen),
        counts=counts,
        gain=f1_difference(counts.before, counts.after),
        quiet_before=f1(measured[()].quiet),
        quiet_after=f1(measured[chosen].quiet),
    )


def candidates(listened: Listened) -> list[Candidate]:
    """One a situation and mode."""
    return [search(listened, situation, mode) for situation in SITUATIONS for mode in MODES]


def _measure(listened: Listened, situation: str, mode: str, parameters: Parameters) -> Measured:
    rules = listened.rules.asking({"mode": mode, **dict(parameters)})
    return Measured(listened.over_under(rules, conditions_of(situation)), listened.counts_under(rules, QUIET.name))


def _apart(listened: Listened, mode: str, chosen: Parameters) -> Parameters:
    """Those of the chosen values that are not the mode's own."""
    own: Mapping[str, object] = listened.rules.asking({"mode": mode}).parameters()
    return tuple((name, value) for name, value in chosen if own[name] != value)
