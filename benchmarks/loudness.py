"""How much depends on how loud a recording is: the same clips and noises, turned down and up."""

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.clips import Clip
from benchmarks.conditions import CONDITIONS, spoil
from benchmarks.contenders import Heard
from benchmarks.held_out import f1
from benchmarks.table import Table
from segue.speech.detector import Detector

GAINS_DB = (10, 0, -10, -20, -30)
HEARD = ("quiet", "pink noise, 10 dB", "far-field, 10 dB")
MODES = ("classic", "tight")


def measure(clips: Sequence[Clip], detector: Detector, *, seed: int = 0) -> Table:
    """F1 by gain; what is far-field is so here by its room and noise alone."""
    conditions = [condition for condition in CONDITIONS if condition.name in HEARD]
    columns = ("dB", *(f"{condition.name}: {mode}" for condition in conditions for mode in MODES))
    rows = []
    for gain_db in GAINS_DB:
        figures = []
        for condition in (replace(condition, gain_db=float(gain_db)) for condition in conditions):
            others = ([each for each in clips if each is not clip] for clip in clips)
            spoilt = [spoil(clip, condition, rest, seed=seed) for clip, rest in zip(clips, others, strict=True)]
            heard = [Heard.of(clip, detector.scorer) for clip in spoilt]
            for mode in MODES:
                rules = detector.rules.asking({"mode": mode})
                figures.append(f"{f1([clip.counts(clip.segments(rules)) for clip in heard]):.3f}")
        rows.append((f"{gain_db:+d}" if gain_db else "0", *figures))
    return Table("Loudness: F1 when all of it, speech and background, is made louder or softer", columns, rows)
