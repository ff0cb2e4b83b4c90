"""How much depends on how loud a recording is: the same clips and noises, turned down and up."""

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.clips import Clip
from benchmarks.conditions import CONDITIONS, spoil
from benchmarks.contenders import Heard
from benchmarks.held_out import f1
from benchmarks.table import Table
from segue.speech.detector import Detector
from segue.speech.presets import PRESETS

GAINS_DB = (10, 0, -10, -20, -30)
HEARD = ("quiet", "pink noise, 10 dB", "far-field, 10 dB")
SETUPS = (("classic", "none"), ("tight", "none"), *(("tight", name) for name in PRESETS))
"""Mode and preset."""


def measure(clips: Sequence[Clip], detector: Detector, *, seed: int = 0) -> Table:
    """F1 by gain; what is far-field is so here by its room and noise alone."""
    columns = ("", "dB", *(mode if preset == "none" else f"{mode}, {preset}" for mode, preset in SETUPS))
    setups = [detector.rules.asking({"mode": mode, "preset": preset}) for mode, preset in SETUPS]
    rows = []
    for condition in (condition for condition in CONDITIONS if condition.name in HEARD):
        for gain_db in GAINS_DB:
            heard = []
            for clip in clips:
                others = [each for each in clips if each is not clip]
                louder = replace(condition, surroundings=replace(condition.surroundings, gain_db=float(gain_db)))
                spoilt = spoil(clip, louder, others, seed=seed)
                heard.append(Heard.of(spoilt, detector.scorer))
            figures = [f1([clip.counts(clip.segments(rules)) for clip in heard]) for rules in setups]
            rows.append((condition.name, f"{gain_db:+d}" if gain_db else "0", *(f"{figure:.3f}" for figure in figures)))
    return Table("Loudness: F1 when all of it, speech and background, is made louder or softer", columns, rows)
