"""Where tight mode's defaults come from: a search over labelled clips, with folds held out. Prints its table.

python -m benchmarks.tight [--clips FOLDER] [--folds 5] [--tries 400] [--seed 0]

Each fold's clips are decided under what is best on all others; then by frames of 10 ms, all clips together and one fold
at a time. The defaults themselves are round values near the best of all clips, and stand beside them.
"""

import argparse
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import segue
from benchmarks.clips import Clip, read_clips
from benchmarks.held_out import f1, pooled
from benchmarks.recording import DATA, RATE
from benchmarks.table import Table, verdict
from segue.accuracy.agreement import Agreement, agreement_of_frames
from segue.speech.parameters import MODES
from segue.speech.rules import Rules
from segue.speech.scorer import SilenceProbs
from segue.speech.segmenter import Segmenter, SpeechEnded

NAMES = (
    "threshold", "neg_threshold", "min_speech_duration_ms", "min_silence_duration_ms", "speech_pad_start_ms",
    "speech_pad_end_ms",
)  # fmt: skip
LEAST, GOAL = 0.90, 0.92

Choice = tuple[float, ...]
"""Values of ``NAMES``."""


@dataclass(frozen=True)
class Scored:
    """A clip and its p(silence), scored once: only the decisions are made again and again."""

    clip: Clip
    p_silence: SilenceProbs

    def counts(self, rules: Rules) -> Agreement:
        """The frames of the clip, as these rules decide them."""
        segmenter = Segmenter()
        events = segmenter.accept(self.p_silence, rules) + segmenter.finish()
        found = [event.segment for event in events if isinstance(event, SpeechEnded)]
        return agreement_of_frames(self.clip.speech, found, self.clip.duration_ms)


@dataclass(frozen=True)
class Fold:
    """Clips that took no part in the choice under which they were decided."""

    clips: tuple[int, ...]
    choice: Choice
    counts: tuple[Agreement, ...]


def rules_of(choice: Choice) -> Rules:
    """Tight mode's, with these values."""
    return Rules.of({}, ("request", {"mode": "tight", **dict(zip(NAMES, choice, strict=True))}))


def defaults() -> Choice:
    """Those that Segue has."""
    own = Rules.of({}, ("request", {"mode": "tight"})).parameters()
    return tuple(float(str(own[name])) for name in NAMES)


def choices(tries: int, seed: int) -> Iterator[Choice]:
    """The defaults, and round values at random."""
    yield defaults()
    chance = random.Random(seed)
    for _ in range(tries):
        threshold = chance.choice((0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8))
        yield (
            threshold,
            round(threshold - chance.choice((0.0, 0.05, 0.1, 0.15, 0.2, 0.3)), 2),
            chance.choice((0, 30, 50, 100, 150, 200, 250)),
            chance.choice((50, 80, 100, 120, 150, 200, 250)),
            chance.choice((0, 20, 30, 50, 80, 100)),
            chance.choice((0, 20, 30, 50, 80)),
        )


def cross_validated(measured: Mapping[Choice, Sequence[Agreement]], *, folds: int, seed: int) -> list[Fold]:
    """A random division into folds; each clip is in one of them."""
    clips = len(next(iter(measured.values())))
    parts = np.array_split(np.random.default_rng(seed).permutation(clips), folds)
    found = []
    for part in parts:
        out = tuple(int(clip) for clip in part)
        rest = [clip for clip in range(clips) if clip not in out]
        choice = best(measured, rest)
        found.append(Fold(out, choice, tuple(measured[choice][clip] for clip in out)))
    return found


def best(measured: Mapping[Choice, Sequence[Agreement]], among: Sequence[int]) -> Choice:
    """The first choice whose F1 over some clips is the highest."""
    return max(measured, key=lambda choice: f1([measured[choice][clip] for clip in among]))


def table(scored: Sequence[Scored], *, folds: int, tries: int, seed: int) -> Table:
    """A row a fold, then what all clips say of the best choice, the defaults and the other modes."""
    measured = {choice: [each.counts(rules_of(choice)) for each in scored] for choice in choices(tries, seed)}
    held_out = cross_validated(measured, folds=folds, seed=seed)
    rows = [
        _row(f"held out: {', '.join(scored[clip].clip.name for clip in fold.clips)}", fold.choice, fold.counts)
        for fold in held_out
    ]
    every = [counts for fold in held_out for counts in fold.counts]
    rows.append(_row("held out, all together", None, every))
    chosen = best(measured, range(len(scored)))
    rows.append(_row("best on all clips", chosen, measured[chosen]))
    rows.append(_row("**tight**, its defaults", defaults(), measured[defaults()]))
    for mode in MODES:
        if mode != "tight":
            rules = Rules.of({}, ("request", {"mode": mode}))
            rows.append(_row(mode, None, [each.counts(rules) for each in scored]))
    return Table(
        "Tight mode's parameters, cross-validated",
        ("clips", *NAMES, "F1", "precision", "recall"),
        rows,
        _notes(held_out, measured[defaults()], scored, tries=len(measured) - 1, seed=seed),
    )


def _notes(
    held_out: Sequence[Fold], own: Sequence[Agreement], scored: Sequence[Scored], *, tries: int, seed: int
) -> tuple[str, ...]:
    by_fold = [f1(fold.counts) for fold in held_out]
    together = f1([counts for fold in held_out for counts in fold.counts])
    worst = min(range(len(scored)), key=lambda clip: f1([own[clip]]))
    return (
        verdict("pooled held-out F1", together, wanted=f"{LEAST} at least, goal {GOAL}", good=together >= LEAST),
        f"Folds: mean {np.mean(by_fold):.3f}, worst {min(by_fold):.3f}; {tries} choices tried, seed {seed}.",
        f"Under the defaults the worst clip is {scored[worst].clip.name}: {f1([own[worst]]):.3f}.",
    )


def _row(what: str, choice: Choice | None, counts: Sequence[Agreement]) -> tuple[str, ...]:
    total = pooled(counts)
    values = ("",) * len(NAMES) if choice is None else tuple(f"{value:g}" for value in choice)
    return (what, *values, f"{f1(counts):.3f}", f"{total.precision or 0:.3f}", f"{total.recall or 0:.3f}")


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description="Cross-validate tight mode's parameters.")
    parser.add_argument("--clips", type=Path, default=DATA / "ten", help="folder of recordings and labels")
    parser.add_argument("--folds", type=int, default=5, help="parts, each held out once")
    parser.add_argument("--tries", type=int, default=400, help="choices of values")
    parser.add_argument("--seed", type=int, default=0, help="of the choices and the division")
    given = parser.parse_args()
    detector = segue.load()
    scored = [
        Scored(clip, (1 - detector.probabilities(clip.samples, sample_rate=RATE)).astype(np.float32))
        for clip in read_clips(given.clips)
    ]
    print(table(scored, folds=given.folds, tries=given.tries, seed=given.seed).markdown())


if __name__ == "__main__":
    main()
