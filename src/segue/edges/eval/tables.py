"""An evaluation -> what people read, on standard output."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from segue.accuracy.agreement import percentiles
from segue.accuracy.comparison import FEWEST, Difference
from segue.accuracy.evaluation import METRICS, Evaluated
from segue.accuracy.tuning import Tuned
from segue.edges.eval.hearing import Heard
from segue.edges.eval.setups import Setup
from segue.speech.names import printable
from segue.speech.rules import Rules


def print_setup(setup: Setup, heard: Sequence[Heard], *, in_frames: bool) -> None:
    """What was evaluated, and in which unit."""
    count = sum(not one.error for one in heard)
    unit = "frames of 10 ms" if in_frames else "milliseconds"
    preset = f", preset {setup.rules.preset}" if setup.rules.preset else ""
    recordings = f"{count} recording{'s' * (count != 1)}"
    _print(f"{recordings}, {setup.detector.model}, mode {setup.rules.mode}{preset}; counted in {unit}\n")


def print_evaluated(
    evaluated: Sequence[Evaluated], whole: Evaluated, *, in_frames: bool, folder: str, title: str = ""
) -> None:
    """A row a recording, named as it is inside the folder, and one for all."""
    table = _table(printable(title), "audio, s", "speech, s", *(metric.label for metric in METRICS.values()))
    for one in (*evaluated, whole):
        name = os.path.relpath(one.name, folder) if one is not whole and os.path.isdir(folder) else one.name
        found = one.agreement(in_frames=in_frames)
        figures = [_figure(metric.of(found)) for metric in METRICS.values()]
        table.add_row(printable(name), f"{one.duration_ms / 1000:.1f}", f"{one.ms.reference / 1000:.1f}", *figures)
    _print(table)


def print_shifts(wholes: Sequence[Evaluated], names: Sequence[str] = ("",)) -> None:
    """How far the boundaries lie apart, of each."""
    _print("")
    for whole, name in zip(wholes, names, strict=True):
        of = f" with {printable(name)}" if name else ""
        for what, shifts_ms in (("starts", whole.shifts.start_ms), ("ends", whole.shifts.end_ms)):
            _print(f"{what}{of}: {_shifts(shifts_ms)}")
    _print("(a minus: earlier than the label)")


def print_differences(differences: Mapping[str, Difference], names: tuple[str, str]) -> None:
    """Both figures, the difference and its interval, a row a metric."""
    table = _table("", *map(printable, names), "difference", "95 % interval", "")
    for name, found in differences.items():
        interval = "" if found.low is None or found.high is None else f"{_signed(found.low)} to {_signed(found.high)}"
        figures = (_figure(found.first), _figure(found.second), _signed(found.value))
        table.add_row(METRICS[name].label, *figures, interval, verdict(name, found))
    table.columns[-1].justify = "left"
    _print(table)


def print_verdict(differences: Mapping[str, Difference], names: tuple[str, str], *, seed: int) -> None:
    """In a sentence, whether there is a difference; and how it was found."""
    said = ", ".join(f"{METRICS[name].label} {verdict(name, differences[name])}" for name in ("f1", "detection_error"))
    _print(f"\n{printable(names[1])} against {printable(names[0])}: {said}.")
    if differences["f1"].low is None:
        _print(f"No interval, so chance is not ruled out: that takes {FEWEST} recordings or more, with speech.")
    else:
        _print(f"Intervals: paired bootstrap over recordings, seed {seed}.")


def print_tuned(given: Evaluated, held_out: Evaluated, training: Evaluated) -> None:
    """A row a metric: as it was, as tuned on other recordings, as tuned on these."""
    table = _table("", "as given", "tuned, held out", "tuned, on the same")
    for metric in METRICS.values():
        table.add_row(metric.label, *(_figure(metric.of(each.ms)) for each in (given, held_out, training)))
    _print(table)


def print_worth(name: str, differences: Mapping[str, Difference]) -> None:
    """In a sentence, whether tuning pays on recordings that it has not seen."""
    found = differences[name]
    interval = (
        "" if found.low is None or found.high is None else f" (95 %: {_signed(found.low)} to {_signed(found.high)})"
    )
    _print(f"On recordings that it was not chosen on, {METRICS[name].label} is {_signed(found.value)}{interval}: "
           f"{verdict(name, found)}.")  # fmt: skip
    if not found.is_clear:
        _print("So there is no good reason to change anything; more, and more various, recordings may give one.")


def print_changes(rules: Rules, tuned: Tuned) -> None:
    """What was changed, and how far the folds agree on it."""
    table = _table("", "as given", "tuned", "in the folds")
    for name, value in tuned.changes.items():
        before = getattr(rules, name)
        each = sorted(fold.get(name, before) for fold in tuned.by_fold)
        table.add_row(name, f"{before:g}", f"{value:g}", ", ".join(f"{one:g}" for one in each))
    _print("")
    _print(table)


def verdict(name: str, found: Difference) -> str:
    """In words: what the second is, beside the first."""
    if found.value is None:
        return "nothing to compare"
    if found.value == 0:
        return "the same"
    how = "better" if (found.value > 0) == METRICS[name].more_is_better else "worse"
    if found.is_clear is None:
        return f"{how} (chance?)"
    return f"clearly {how}" if found.is_clear else "no clear difference"


def _table(*titles: str) -> Table:
    table = Table(*titles, box=None, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"  # in a narrow terminal all is still whole
    for column in table.columns[1:]:
        column.justify, column.min_width = "right", len("0.000")
    return table


def _shifts(shifts_ms: Sequence[int]) -> str:
    found = percentiles(shifts_ms, (5, 50, 95))
    if found is None:
        return "none matched"
    low, middle, high = (f"{value:+.0f}" for value in found)
    return f"median {middle} ms, 90 % from {low} to {high} ms ({len(shifts_ms)} matched)"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.3f}"


def _print(what: Any) -> None:
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = 1000  # for a program or a file: one line a row
    with console.capture() as printed:
        console.print(what, soft_wrap=isinstance(what, str))
    for line in printed.get().splitlines():
        click.echo(line.rstrip())
