"""``segue tune``: decision parameters that suit a user's own labelled recordings, and what they are worth."""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from segue.edges.eval.options import asked as asked_for
from segue.edges.eval.options import options_of_decisions, options_of_input

if TYPE_CHECKING:
    from segue.accuracy.comparison import Difference
    from segue.accuracy.tuning import Tuned
    from segue.edges.eval.hearing import Heard
    from segue.edges.eval.setups import Setup

_EPILOG = """\b
Examples:
  segue tune clips/ --reference labels/ --mode tight
  segue tune clips/ --reference all.rttm --metric error --seed 1
  segue tune clips/ --reference labels/ --set max_end_silence_time=800

\b
What --set gives stays as it is; the other parameters of the mode are searched.
Ten recordings with speech are wanted at least, and the more unlike each other
they are, the more the result is worth. Recordings that belong together (one
speaker, one meeting) are best joined, or the held-out figure flatters.

\b
Exit status: 0 all is well, 1 something was left out (standard error says what),
2 the command line is wrong, or the recordings are too few.
"""


@click.command("tune", epilog=_EPILOG)
@options_of_input
@options_of_decisions
@click.option(
    "--metric", type=click.Choice(["f1", "error"]), metavar="f1|error", default="f1", help="Tune for.  [default: f1]"
)
@click.option(
    "--folds", metavar="N", type=click.IntRange(min=2), default=5, help="Of which one is held out.  [default: 5]"
)
@click.option(
    "--trials", metavar="N", type=click.IntRange(min=2), default=200, help="Settings a search.  [default: 200]"
)
@click.option(
    "--seed", metavar="N", type=click.IntRange(min=0), default=0, help="The same gives the same.  [default: 0]"
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
def tune(
    *,
    audio: str,
    reference: str,
    recursive: bool,
    jobs: int | None,
    model: str | None,
    mode: str | None,
    preset: str | None,
    parameters: tuple[str, ...],
    metric: str,
    folds: int,
    trials: int,
    seed: int,
    as_json: bool,
) -> int:
    """Search decision parameters on labelled recordings.

    AUDIO and --reference are as for segue eval. What is found is a preset to paste. What it is worth is told by
    recordings that it was not chosen on.
    """
    asked = asked_for(mode, preset, parameters)
    from segue.accuracy import tuning
    from segue.accuracy.comparison import compare
    from segue.edges.eval import folders, hearing, setups, voice

    pairing = folders.paired(audio, reference, recursive=recursive)
    setup = setups.setup(model, asked, say=voice.say)
    with voice.progress(len(pairing.pairs), "recordings") as advance:
        heard = hearing.hear_all(pairing.pairs, [setup.detector], jobs=jobs, advance=advance)
    debug = bool(click.get_current_context().meta.get("segue.debug"))
    left_out = voice.tell(heard, pairing.problems, debug=debug)
    clips = [one.clips[0] for one in heard if not one.error]
    with voice.progress(tuning.most_trials(trials, folds), "settings at most") as advance:
        limits = {"folds": folds, "trials": trials, "seed": seed}
        tuned = tuning.tune(clips, setup.rules, measure=metric, fixed=tuple(asked), advance=advance, **limits)
    differences = compare(tuned.given, tuned.held_out, seed=seed)
    preset_found = {**_typed(setup, asked), **tuned.changes}
    if as_json:
        said = _report(setup, heard, tuned, differences, preset_found, metric=metric, folds=folds, seed=seed)
        click.echo(json.dumps(said, ensure_ascii=False, indent=2))
    else:
        _print(setup, heard, tuned, differences, preset_found, metric=metric, seed=seed)
    return 1 if left_out else 0


def _typed(setup: "Setup", asked: Mapping[str, str]) -> dict[str, Any]:
    """What was asked for, numbers as numbers. The mode is always named: the preset holds in it alone."""
    from segue.speech.parameters import validated

    given = {name: value for name, value in asked.items() if name not in ("mode", "preset")}
    named = {"mode": setup.rules.mode} | ({"preset": asked["preset"]} if "preset" in asked else {})
    typed = {name: value if name == "silence_schedule" else validated(name, value, "") for name, value in given.items()}
    return named | typed


def _report(
    setup: "Setup",
    heard: "Sequence[Heard]",
    tuned: "Tuned",
    differences: "Mapping[str, Difference]",
    preset: Mapping[str, Any],
    *,
    metric: str,
    folds: int,
    seed: int,
) -> dict[str, Any]:
    from segue.accuracy.evaluation import total
    from segue.edges.eval import report

    figures = {"given": tuned.given, "held_out": tuned.held_out, "training": tuned.training}
    return {
        **report.of_setup(setup),
        "metric": metric,
        "folds": folds,
        "seed": seed,
        "tried": tuned.tried,
        **{name: report.of_evaluated(total(each), in_frames=False) for name, each in figures.items()},
        "differences": report.of_differences(differences),
        "intervals": report.of_method(seed),
        "options": dict(preset),
        "changes": dict(tuned.changes),
        "by_fold": [dict(each) for each in tuned.by_fold],
        "errors": [one["error"] for one in report.of_files(heard, tuned.given, in_frames=False) if "error" in one],
    }


def _print(
    setup: "Setup",
    heard: "Sequence[Heard]",
    tuned: "Tuned",
    differences: "Mapping[str, Difference]",
    preset: Mapping[str, Any],
    *,
    metric: str,
    seed: int,
) -> None:
    from segue.accuracy.evaluation import total
    from segue.accuracy.tuning import MEASURES
    from segue.edges.eval import tables

    tables.print_setup(setup, heard, in_frames=False)
    tables.print_tuned(*map(total, (tuned.given, tuned.held_out, tuned.training)))
    click.echo(
        f"\n{tuned.tried} settings tried, seed {seed}. Held out: each recording under what was chosen without its fold."
    )
    tables.print_worth(MEASURES[metric], differences)
    if not tuned.changes:
        click.echo("\nNothing was found that is better on all recordings: keep what you have.")
        return
    tables.print_changes(setup.rules, tuned)
    words = [f"--{name}" if name in ("mode", "preset") else f"--set {name}=" for name in preset]
    values = [shlex.quote(f"{value:g}" if isinstance(value, float) else str(value)) for value in preset.values()]
    pasted = " ".join(
        f"{word}{'' if word.endswith('=') else ' '}{value}" for word, value in zip(words, values, strict=True)
    )
    click.echo(f"\nsegue detect … {pasted}")
    click.echo(f"segue switch {shlex.quote(str(setup.detector.model))} {pasted}")
    click.echo(f"options: {json.dumps(dict(preset), ensure_ascii=False)}")
