"""What was counted -> the tables of docs/accuracy.md."""

from collections.abc import Sequence

from benchmarks.conditions import CONDITIONS, QUIET
from benchmarks.contenders import FUNASR
from benchmarks.held_out import Interval, f1, f1_difference, f1_interval, pooled
from benchmarks.listening import AS_THEY_ARE, Listened
from benchmarks.preset_search import Candidate, conditions_of
from benchmarks.table import Table
from segue.accuracy.agreement import Agreement
from segue.speech.parameters import MODES
from segue.speech.presets import PRESETS

_REFERENCE = "segue, tight"


def beside_peers(listened: Listened) -> Table:
    """The clips as they are."""
    columns = ("", "precision", "recall", "F1", "missed", "false alarm", "F1 a clip, mean (least)", "F1 less tight's")
    ours, rows = listened.counts(_REFERENCE, AS_THEY_ARE), []
    for name in listened.contenders():
        counts = listened.counts(name, AS_THEY_ARE)
        total, each = pooled(counts), [f1([clip]) for clip in counts]
        figures = [_share(total.precision), _share(total.recall), _within(f1_interval(counts))]
        figures += [_share(total.missed_rate), _share(total.false_alarm_rate)]
        figures += [f"{_share(sum(each) / len(each))} ({_share(min(each))})"]
        rows.append((name, *figures, "" if name == _REFERENCE else _signed(f1_difference(ours, counts))))
    return Table("The clips as they are", columns, rows, _sameness(listened))


def by_condition(listened: Listened) -> Table:
    """F1 alone, a row a condition."""
    names = _without_funasr(listened)
    rows = [
        (name, *(_share(f1(listened.counts(contender, name))) for contender in names))
        for name in (condition.name for condition in CONDITIONS)
    ]
    return Table("F1 by condition, two seconds of background before and after each clip", ("", *names), rows)


def by_family(listened: Listened) -> Table:
    """Missed speech and false alarm."""
    names = _without_funasr(listened)
    rows = []
    for family in dict.fromkeys(condition.family for condition in CONDITIONS):
        totals = [pooled(listened.over(contender, conditions_of(family))) for contender in names]
        cells = [f"{_share(total.missed_rate)} / {_share(total.false_alarm_rate)}" for total in totals]
        rows.append((family, *cells))
    return Table("Missed speech / false alarm by situation", ("", *names), rows)


def presets(listened: Listened) -> Table:
    """What Segue ships, beside the peers on the same recordings."""
    peers = [name for name in listened.peers if name not in FUNASR.values()]
    columns = ("preset", "mode", "F1 without", "with", "missed", "false alarm", "F1 in quiet", "sets", *peers)
    rows = []
    for preset in PRESETS.values():
        for mode, sets in preset.parameters.items():
            rules = [listened.rules.asking({"mode": mode, "preset": name}) for name in ("none", preset.name)]
            without, with_it = (listened.over_under(each, conditions_of(preset.name)) for each in rules)
            quiet = [f1(listened.counts_under(each, QUIET.name)) for each in rules]
            changes = [*_changes(without, with_it), f"{_share(quiet[0])} → {_share(quiet[1])}"]
            theirs = [_share(f1(listened.over(peer, conditions_of(preset.name)))) for peer in peers]
            rows.append((preset.name, mode, *changes, _set(tuple(sets.items())), *theirs))
    return Table("The presets as they are, on all clips", columns, rows)


def searched(found: Sequence[Candidate]) -> Table:
    """All that was looked for, whatever came of it."""
    columns = (
        "situation", "mode", "F1 without", "with, held out", "gain", "missed", "false alarm", "F1 in quiet",
        "chosen on all clips", "",
    )  # fmt: skip
    rows = []
    for each in found:
        changes = _changes(each.counts.before, each.counts.after)
        quiet = f"{_share(each.quiet_before)} → {_share(each.quiet_after)}"
        verdict = "a preset" if each.ships else "earns one" if each.earns else "earns nothing"
        sets = _set(each.parameters) or "nothing"
        rows.append((each.situation, each.mode, *changes[:2], _signed(each.gain), *changes[2:], quiet, sets, verdict))
    unlike = [each for each in found if each.earns != each.ships]
    met = "Met" if not unlike else "**Missed**"
    return Table(
        "What was looked for", columns, rows, (f"{met}: the presets are those that earn it, with these values.",)
    )


def _changes(before: Sequence[Agreement], after: Sequence[Agreement]) -> list[str]:
    """F1 before, after, missed, false alarm."""
    totals = pooled(before), pooled(after)
    missed, false_alarm = (
        " → ".join(map(_share, rates))
        for rates in ([t.missed_rate for t in totals], [t.false_alarm_rate for t in totals])
    )
    return [_share(f1(before)), _share(f1(after)), missed, false_alarm]


def _without_funasr(listened: Listened) -> list[str]:
    """FunASR's figures are those of a mode; that they are is a line under the first table."""
    return [name for name in listened.contenders() if name not in FUNASR.values()]


def _sameness(listened: Listened) -> list[str]:
    lines = []
    for mode in MODES:
        if FUNASR.get(mode) in listened.peers:
            unequal, of = listened.unequal(mode)
            met = "**Missed**" if unequal else "Met"
            lines.append(
                f"{met}: in mode {mode} the segments of {of - unequal} of {of} recordings (all clips, as they are and "
                f"in all conditions below) equal those of {FUNASR[mode]}, every start and end."
            )
    return lines


def _share(rate: float | None) -> str:
    return "none" if rate is None else f"{rate:.3f}"


def _within(interval: Interval) -> str:
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def _signed(interval: Interval) -> str:
    return f"{interval.value:+.3f} ({interval.low:+.3f} to {interval.high:+.3f})"


def _set(parameters: Sequence[tuple[str, object]]) -> str:
    return ", ".join(
        f"`{name}={value:g}`" if isinstance(value, float) else f"`{name}={value}`" for name, value in parameters
    )
