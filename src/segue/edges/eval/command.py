"""``segue eval``: how well labelled recordings are detected; and whether otherwise they would be better."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from segue.edges.eval.options import asked as asked_for
from segue.edges.eval.options import check, options_of_decisions, options_of_input, pairs

if TYPE_CHECKING:
    from segue.accuracy.evaluation import Evaluated
    from segue.edges.eval.hearing import Heard
    from segue.edges.eval.setups import Setup

_EPILOG = """\b
Examples:
  segue eval clips/ --reference labels/
  segue eval clips/ --reference all.rttm --mode tight --per-file
  segue eval clips/ --reference labels/ --compare mode=tight
  segue eval clips/ --reference labels/ --compare max_end_silence_time=500
  segue eval clips/ --reference labels/ --compare model=models/my-fsmn --json

\b
Labels are RTTM, .scv, Audacity's labels (.txt), TextGrid, or what segue detect
writes as json or jsonl. A label file has the name of its recording; RTTM and
JSON may hold the labels of many. A label file with nothing in it says that
there is no speech. Channels are mixed.

\b
Missed speech, detection error and recall are shares of the speech in the
labels, false alarm is a share of what is no speech there.

\b
Exit status: 0 all is well, 1 something was left out (standard error says what),
2 the command line is wrong.
"""


@click.command("eval", epilog=_EPILOG)
@options_of_input
@options_of_decisions
@click.option(
    "--compare",
    metavar="NAME=VALUE",
    multiple=True,
    help="Compare with the same but for this: model, mode, preset or a decision parameter; repeatable.",
)
@click.option("--frames", "in_frames", is_flag=True, help="Count frames of 10 ms, as papers do, not milliseconds.")
@click.option("--per-file", is_flag=True, help="A row for each recording too.")
@click.option(
    "--seed", metavar="N", type=click.IntRange(min=0), default=0, help="Of the intervals of --compare.  [default: 0]"
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with every recording, instead of tables.")
def evaluate(
    *,
    audio: str,
    reference: str,
    recursive: bool,
    jobs: int | None,
    model: str | None,
    mode: str | None,
    preset: str | None,
    parameters: tuple[str, ...],
    compare: tuple[str, ...],
    in_frames: bool,
    per_file: bool,
    seed: int,
    as_json: bool,
) -> int:
    """Measure how well labelled recordings are detected.

    AUDIO is a directory, a file or a quoted wildcard. What is found in it is held against the labels in --reference.
    """
    asked = asked_for(mode, preset, parameters)
    change = pairs("--compare", compare, example="mode=tight")
    check(("options", asked), ("--compare", {name: value for name, value in change.items() if name != "model"}))
    from segue.edges.eval import folders, hearing, setups, voice

    pairing = folders.paired(audio, reference, recursive=recursive)
    chosen = [setups.setup(model, asked, say=voice.say)]
    if change:
        chosen.append(setups.other(chosen[0], asked, change, say=voice.say))
    detectors = list(dict.fromkeys(each.detector for each in chosen))
    with voice.progress(len(pairing.pairs), "recordings") as advance:
        heard = hearing.hear_all(pairing.pairs, detectors, jobs=jobs, advance=advance)
    debug = bool(click.get_current_context().meta.get("segue.debug"))
    left_out = voice.tell(heard, pairing.problems, debug=debug)
    results = [_evaluated(heard, each, detectors.index(each.detector)) for each in chosen]
    if as_json:
        _print_json(chosen, results, heard, problems=pairing.problems, in_frames=in_frames, seed=seed)
    elif results[0]:
        _print_tables(chosen, results, heard, change, folder=audio, in_frames=in_frames, per_file=per_file, seed=seed)
    if not results[0]:
        voice.say("error: there is no recording with a label that could be evaluated")
    return 1 if left_out or not results[0] else 0


def _evaluated(heard: "Sequence[Heard]", setup: "Setup", detector: int) -> "list[Evaluated]":
    return [one.clips[detector].evaluate(setup.rules) for one in heard if not one.error]


def _print_tables(
    chosen: "Sequence[Setup]",
    results: "Sequence[Sequence[Evaluated]]",
    heard: "Sequence[Heard]",
    change: Mapping[str, str],
    *,
    folder: str,
    in_frames: bool,
    per_file: bool,
    seed: int,
) -> None:
    from segue.accuracy.comparison import compare
    from segue.accuracy.evaluation import total
    from segue.edges.eval import setups, tables

    wholes = [total(evaluated) for evaluated in results]
    names = setups.labels(chosen[0], chosen[1], change) if change else ("",)
    tables.print_setup(chosen[0], heard, in_frames=in_frames)
    if per_file or not change:
        for name, evaluated, whole in zip(names, results, wholes, strict=True):
            rows = evaluated if per_file else ()
            tables.print_evaluated(rows, whole, in_frames=in_frames, folder=folder, title=name)
            if change:
                click.echo()
    if len(names) == 2:
        differences = compare(*results, seed=seed, in_frames=in_frames)
        tables.print_differences(differences, names)
    tables.print_shifts(wholes, names)
    if len(names) == 2:
        tables.print_verdict(differences, names, seed=seed)


def _print_json(
    chosen: "Sequence[Setup]",
    results: "Sequence[Sequence[Evaluated]]",
    heard: "Sequence[Heard]",
    *,
    problems: Sequence[str],
    in_frames: bool,
    seed: int,
) -> None:
    from segue.accuracy.comparison import compare
    from segue.accuracy.evaluation import total
    from segue.edges.eval import report
    from segue.speech.names import legible

    said: list[dict[str, Any]] = [
        {
            **report.of_setup(setup),
            "total": report.of_evaluated(total(evaluated), in_frames=in_frames),
            "files": report.of_files(heard, evaluated, in_frames=in_frames),
        }
        for setup, evaluated in zip(chosen, results, strict=True)
    ]
    whole = {"frame_ms": report.of_unit(in_frames), **said[0], "problems": [legible(text) for text in problems]}
    if len(said) > 1:
        differences = report.of_differences(compare(*results, seed=seed, in_frames=in_frames))
        whole |= {"compared": said[1], "differences": differences, "intervals": report.of_method(seed)}
    click.echo(json.dumps(whole, ensure_ascii=False, indent=2, default=list))
