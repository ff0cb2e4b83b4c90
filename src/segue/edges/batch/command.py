"""``segue detect``: its options. Heavy imports wait until something is to be detected."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import click

from segue.edges.batch.inputs import STDIN, Input, expand
from segue.edges.batch.results import ResultDirectory
from segue.edges.batch.run import Run
from segue.edges.batch.task import Extra, Finder, Maker, Request, Task
from segue.edges.batch.voice import Voice
from segue.speech.formats import FORMATS, Format
from segue.speech.names import printable

_SECTIONS = {
    "Input": ("recursive", "channels"),
    "Model and decisions": ("model", "mode", "preset", "parameters"),
    "Output": ("form", "probabilities", "out", "cut", "plot", "resume"),
    "Running": ("jobs",),
    "Through a running service": ("server", "one_version"),
}


class _DetectCommand(click.Command):
    """Its help has the options in sections, and ends with what other layers know, loaded only then."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [parameter for parameter in self.get_params(ctx) if isinstance(parameter, click.Option)]
        records = {option.name: record for option in options if (record := option.get_help_record(ctx))}
        width = max(len(left) for left, _ in records.values())  # one for all sections, so that they align
        rest = tuple(name for name in records if not any(name in names for names in _SECTIONS.values()))
        for title, names in {**_SECTIONS, "Other": rest}.items():
            with formatter.section(title):
                formatter.write_dl([(records[name][0].ljust(width), records[name][1]) for name in names])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from segue.speech.parameters import MODES, parameters_of
        from segue.speech.presets import PRESETS

        with formatter.section("Decision parameters for --set (times in ms)"):
            formatter.write_dl([(mode, ", ".join(parameters_of(mode))) for mode in MODES])
        if PRESETS:
            with formatter.section("Presets for --preset"):
                formatter.write_dl([(preset.name, preset.purpose) for preset in PRESETS.values()])
        super().format_epilog(ctx, formatter)


_EPILOG = """\b
Examples:
  segue detect meeting.m4a
  segue detect recordings/ --recursive --format jsonl > segments.jsonl
  segue detect 'calls/*.wav' --channels split --format rttm
  segue detect archive/ --out results/ --format json --resume --jobs 8
  ffmpeg -i film.mkv -f wav - | segue detect -
  segue detect calls/ --recursive --cut clips/ --resume
  segue detect meeting.m4a --plot pictures/
  segue detect lecture.mp3 --set max_end_silence_time=500
  segue detect archive/ --server http://127.0.0.1:6006 --out results/ -f json --resume

\b
With --server nothing is detected here: each result names the version of the
service that made it. The service may change models meanwhile. A server that
restarts is waited for, 30 s; one that is gone ends the run, and --resume goes
on later.

\b
RTTM, Kaldi and FunASR name a recording by its file name without extension, or by its
path where two recordings share that. srt, vtt, textgrid and audacity tell of
one recording: with several inputs they want --out DIR.

\b
Exit status: 0 all is well, 1 an input failed, 2 the command line is wrong,
4 no server, 130 stopped by Ctrl-C. Results go to standard output, all else to standard error.
"""


@click.command("detect", cls=_DetectCommand, epilog=_EPILOG)
@click.argument("paths", metavar="PATH...", nargs=-1)
@click.option("-r", "--recursive", is_flag=True, help="Take directories with all that is inside them.")
@click.option(
    "--channels",
    type=click.Choice(["mix", "split"]),
    metavar="mix|split",
    default="mix",
    help="Mix the channels into one, or detect in each.  [default: mix]",
)
@click.option("-m", "--model", metavar="MODEL", help="ID, ID@REVISION, alias or directory.  [default: fsmn-vad]")
@click.option("--mode", metavar="classic|dynamic|tight", help="How pauses end an utterance.  [default: classic]")
@click.option("--preset", metavar="NAME", help="Parameters for a kind of recording.  [default: none]")
@click.option("--set", "parameters", metavar="NAME=VALUE", multiple=True, help="A decision parameter; repeatable.")
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(["table", *FORMATS]),
    metavar="FORMAT",
    default="table",
    help=f"table, {', '.join(FORMATS)}.  [default: table]",
)
@click.option("--probabilities", is_flag=True, help="Add the speech probability of every frame (json, jsonl).")
@click.option("-o", "--out", metavar="DIR", help="Write one file an input into DIR, nothing to standard output.")
@click.option("--cut", metavar="DIR", help="Also write each segment as a wav into DIR, with a manifest of all.")
@click.option("--plot", metavar="DIR", help="Also draw each input into DIR: waveform, probability, segments.")
@click.option("--resume", is_flag=True, help="Skip inputs with results in every DIR of the same bytes, made alike.")
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Inputs at once.  [default: one a core; with --server 8]",
)
@click.option("--server", metavar="URL", help="Send the inputs to this service; nothing is detected here.")
@click.option("--one-version", is_flag=True, help="Only the version that serves at the beginning may answer.")
def detect(
    *,
    paths: tuple[str, ...],
    recursive: bool,
    channels: str,
    model: str | None,
    mode: str | None,
    preset: str | None,
    parameters: tuple[str, ...],
    form: str,
    probabilities: bool,
    out: str | None,
    cut: str | None,
    plot: str | None,
    resume: bool,
    jobs: int | None,
    server: str | None,
    one_version: bool,
) -> int:
    """Find where the speech is in recordings.

    PATH is an audio or video file, a directory (its audio files), a quoted wildcard, or - for standard input. Each
    input fails or succeeds by itself; results come in the order of the inputs.
    """
    if not paths:
        raise click.UsageError("no PATH was given: name a file, a directory, a quoted wildcard, or -, standard input")
    directories = {"--out": out, "--cut": cut, "--plot": plot}
    _check_output(form, probabilities=probabilities, resume=resume, directories=directories)
    _check_service(server, model=model, one_version=one_version)
    asked = _asked({"mode": mode, "preset": preset}, parameters)
    inputs = expand(paths, recursive=recursive)
    if len(inputs) > 1 and out is None and form in FORMATS and FORMATS[form].holds_one:
        raise click.UsageError(
            f"--format {form} tells of one recording, and these are {len(inputs)}: add --out DIR for a file each"
        )
    wanted = _format(form, styled=not out and sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    names = wanted.names([item.file for item in inputs if not item.problem]) if wanted.names else {}
    request = Request(wanted, split=channels == "split", probabilities=probabilities, resume=resume, names=names)
    voice = Voice()
    finds = _here(model, asked, voice) if server is None else _there(server, asked, voice, one_version=one_version)
    return _run(inputs, request, finds, directories=directories, jobs=jobs, voice=voice)


def _run(
    inputs: Sequence[Input],
    request: Request,
    finds: "Finds",
    *,
    directories: Mapping[str, str | None],
    jobs: int | None,
    voice: Voice,
) -> int:
    finder, expected, at_once = finds
    debug = bool(click.get_current_context().meta.get("segue.debug"))
    extras: list[Extra] = []
    with ExitStack() as stack:
        out, results = directories["--out"], None
        if out:
            results = stack.enter_context(ResultDirectory.held(Path(out), request.format.extension))
        if cut := directories["--cut"]:
            from segue.edges.batch.cuts import Cuts

            extras.append(stack.enter_context(Cuts.held(Path(cut))))
        if plot := directories["--plot"]:
            from segue.edges.batch.plots import Plots

            extras.append(stack.enter_context(Plots.held(Path(plot))))
        task = Task(finder, request, expected=expected, results=results, extras=extras, stdin=_stdin(inputs))
        given = (inputs, task, request)
        return Run(*given, results=results, extras=extras, threads=jobs or at_once, voice=voice, debug=debug).run()


def _check_output(form: str, *, probabilities: bool, resume: bool, directories: Mapping[str, str | None]) -> None:
    if resume and not any(directories.values()):
        raise click.UsageError("--resume needs --out DIR (or --cut, --plot): that is where finished results are")
    if probabilities and not (form in FORMATS and FORMATS[form].holds_probabilities):
        raise click.UsageError(f"--format {form} cannot hold --probabilities: use json or jsonl")
    for option, directory in directories.items():
        if directory == "":
            raise click.UsageError(f"{option} is empty: name a directory")
        if directory is not None and os.path.exists(directory) and not os.path.isdir(directory):
            raise click.UsageError(f"{printable(directory)} is a file; {option} wants a directory")
    if directories["--plot"]:
        from segue.speech.plot import require_matplotlib

        require_matplotlib()


def _check_service(server: str | None, *, model: str | None, one_version: bool) -> None:
    if server is None and one_version:
        raise click.UsageError("--one-version needs --server URL: on this machine one model detects all anyway")
    if server is not None and not server.strip():
        raise click.UsageError("--server is empty: give the URL of the service, such as http://127.0.0.1:6006")
    if server is not None and model is not None:
        raise click.UsageError(
            f"--model {printable(model)} and --server: the service has its own model; "
            f"segue switch {printable(model)} --server {printable(server)} replaces it"
        )


Finds: TypeAlias = tuple[Finder, Callable[[], Maker], int]
"""What finds the speech, what would make a result now, and how many inputs at once are good for it."""


def _here(model: str | None, asked: Mapping[str, Any], voice: Voice) -> Finds:
    from segue import service
    from segue.settings import read_settings

    detector = service.load(model, settings=read_settings(), progress=voice.say, **asked)
    return detector, lambda: detector, _cores()


def _there(server: str, asked: Mapping[str, Any], voice: Voice, *, one_version: bool) -> Finds:
    from segue.edges.batch import remote

    found = remote.Remote(server, asked, one_version=one_version, say=voice.say)
    return found, found.serving, remote.JOBS


def _asked(chosen: Mapping[str, str | None], parameters: Sequence[str]) -> dict[str, Any]:
    """--mode and --preset where given, and the parameters of --set. Raises click.UsageError, InvalidParameter."""
    pairs = [text.partition("=") for text in parameters]
    for name, equals, value in pairs:
        if not (name and equals and value):
            raise click.UsageError(f"--set {name}{equals}{value}: write NAME=VALUE, such as max_end_silence_time=500")
        if name in chosen:
            raise click.UsageError(f"--set {name}={value}: write --{name} {value}")
    given = {name: value for name, value in chosen.items() if value is not None}
    asked = {**given, **{name: value for name, _, value in pairs}}
    if asked:
        from segue.speech.rules import Rules

        Rules.of({}, *((f"--{name}", {name: value}) for name, value in given.items()), ("--set", asked))
    return asked


def _format(name: str, *, styled: bool) -> Format:
    if name in FORMATS:
        return FORMATS[name]
    from segue.edges.batch.display import table_format

    return table_format(width=None, styled=styled)


def _stdin(inputs: Sequence[Input]) -> BinaryIO | None:
    return sys.stdin.buffer if any(item.file == STDIN and not item.problem for item in inputs) else None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
