"""``segue detect``: the options, and one run of them. Heavy imports wait until something is to be detected."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from signal import SIGINT, SIGTERM, Handlers, getsignal, signal
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from segue.edges.batch.crew import Checkpoint, Crew
from segue.edges.batch.document import Document
from segue.edges.batch.inputs import STDIN, Input, expand
from segue.edges.batch.results import ResultDirectory
from segue.edges.batch.tally import Tally
from segue.edges.batch.task import Failure, Outcome, Request, Task
from segue.speech.formats import FORMATS, Format
from segue.speech.names import legible, printable

if TYPE_CHECKING:
    from segue.edges.batch.display import Bar
    from segue.speech.detector import Detector

_AHEAD_A_THREAD = 32
"""Finished results that may wait for a slower input before them, for each thread."""


_CLEAR = b"\r\x1b[2K\x1b[?25h"
"""To a terminal: empty this line, show the cursor."""

_SECTIONS = {
    "Input": ("recursive", "channels"),
    "Model and decisions": ("model", "mode", "parameters"),
    "Output": ("form", "probabilities", "out", "resume"),
    "Running": ("jobs",),
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
        from segue.speech.rules import PARAMETERS

        with formatter.section("Decision parameters for --set (FunASR's names; times in ms)"):
            formatter.write_text(", ".join(PARAMETERS))
        super().format_epilog(ctx, formatter)


_EPILOG = """\b
Examples:
  segue detect meeting.m4a
  segue detect recordings/ --recursive --format jsonl > segments.jsonl
  segue detect 'calls/*.wav' --channels split --format rttm
  segue detect archive/ --out results/ --format json --resume --jobs 8
  ffmpeg -i film.mkv -f wav - | segue detect -
  segue detect lecture.mp3 --set max_end_silence_time=500

\b
RTTM names a recording by its file name without extension, or by its path
where two recordings share that.

\b
Exit status: 0 all is well, 1 an input failed, 2 the command line is wrong,
130 stopped by Ctrl-C. Results go to standard output, all else to standard error.
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
@click.option("--mode", metavar="classic|dynamic", help="How pauses end an utterance.  [default: classic]")
@click.option("--set", "parameters", metavar="NAME=VALUE", multiple=True, help="A decision parameter; repeatable.")
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(["table", *FORMATS]),
    metavar="FORMAT",
    default="table",
    help=f"table, {', '.join(FORMATS)}; piped too.  [default: table]",
)
@click.option("--probabilities", is_flag=True, help="Add the speech probability of every frame (json, jsonl).")
@click.option("-o", "--out", metavar="DIR", help="Write one file an input into DIR, nothing to standard output.")
@click.option("--resume", is_flag=True, help="Skip inputs with a result in DIR of the same bytes, made alike.")
@click.option("-j", "--jobs", type=click.IntRange(min=1), metavar="N", help="Inputs at once.  [default: one a core]")
def detect(
    *,
    paths: tuple[str, ...],
    recursive: bool,
    channels: str,
    model: str | None,
    mode: str | None,
    parameters: tuple[str, ...],
    form: str,
    probabilities: bool,
    out: str | None,
    resume: bool,
    jobs: int | None,
) -> int:
    """Find where the speech is in recordings.

    PATH is an audio or video file, a directory (its audio files), a quoted wildcard, or - for standard input. Each
    input fails or succeeds by itself; results come in the order of the inputs.
    """
    if not paths:
        raise click.UsageError(
            "no PATH was given: name a file, a directory, a quoted wildcard, or - for standard input"
        )
    if resume and not out:
        raise click.UsageError("--resume needs --out DIR: that is where finished results are")
    if probabilities and not (form in FORMATS and FORMATS[form].holds_probabilities):
        raise click.UsageError(f"--format {form} cannot hold --probabilities: use json or jsonl")
    if out is not None and os.path.exists(out) and not os.path.isdir(out):
        raise click.UsageError(f"{printable(out)} is a file; --out wants a directory")
    asked = _asked(mode, parameters)
    inputs = expand(paths, recursive=recursive)
    wanted = _format(form, styled=not out and sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    names = wanted.names([item.file for item in inputs if not item.problem]) if wanted.names else {}
    request = Request(wanted, split=channels == "split", probabilities=probabilities, resume=resume, names=names)
    debug = bool(click.get_current_context().meta.get("segue.debug"))

    from segue import service
    from segue.settings import read_settings

    detector = service.load(model, mode=mode, settings=read_settings(), progress=_say, **asked)
    with ResultDirectory.held(Path(out), request.format.extension) if out else nullcontext() as results:
        return _Run(inputs, detector, request, results=results, jobs=jobs, debug=debug).run()


def _asked(mode: str | None, parameters: Sequence[str]) -> dict[str, Any]:
    """The parameters of --set. Raises click.UsageError, or InvalidParameter for them and the mode."""
    pairs = [text.partition("=") for text in parameters]
    for name, equals, value in pairs:
        if not (name and equals and value):
            raise click.UsageError(f"--set {name}{equals}{value}: write NAME=VALUE, such as max_end_silence_time=500")
        if name == "mode":
            raise click.UsageError(f"--set mode={value}: write --mode {value}")
    asked = {name: value for name, _, value in pairs}
    if asked or mode is not None:
        from segue.speech.rules import Rules

        Rules.of({}, ("--mode", {} if mode is None else {"mode": mode}), ("--set", asked))
    return asked


class _Run:
    """One run: everything that happens between the options and the exit status."""

    def __init__(
        self,
        inputs: Sequence[Input],
        detector: "Detector",
        request: Request,
        *,
        results: ResultDirectory | None,
        jobs: int | None,
        debug: bool,
    ) -> None:
        self._format = request.format
        self._results = results
        self._debug = debug
        self._on_terminal = sys.stderr.isatty()
        undisturbed = bool(results) or sys.stdout.isatty()  # a pipe may end in the same terminal: segue … | jq
        self._shows_bar = self._on_terminal and undisturbed and os.environ.get("TERM") != "dumb"
        if results:
            results.reserve([item.source for item in inputs])
        self._task = Task(detector, request, expected=lambda: detector, results=results, stdin=_stdin(inputs))
        self._tally = Tally(inputs)
        threads = min(jobs or _cores(), len(inputs))
        ahead = threads if request.probabilities else threads * _AHEAD_A_THREAD
        self._crew = Crew(self._work, inputs, threads=threads, ahead=ahead)

    def run(self) -> int:
        """The exit status."""
        try:
            with _stopping(self._crew, clear=_CLEAR if self._shows_bar else b"") as signals:
                with self._bar() as bar:
                    document = None if self._results else Document(self._format, bar if sys.stdout.isatty() else None)
                    self._print_all(document, bar)
                ended = self._crew.join(2.0)
                self._print_rest(document)
                status = self._verdict(signals)
                if not ended and signals:  # a thread that waits for a pipe, say
                    sys.stdout.flush()
                    os._exit(status)
        except BrokenPipeError:  # whoever read our output has seen enough
            return 128 + 13
        finally:
            self._crew.stop()
            self._crew.join(2.0)
        return status

    def _bar(self) -> "AbstractContextManager[Bar | None]":
        if not self._shows_bar:
            return nullcontext()
        from rich.console import Console  # 60 ms that a pipe has no use for

        from segue.edges.batch.display import Bar

        return Bar(Console(stderr=True), self._tally)

    def _work(self, item: Input, checkpoint: Checkpoint) -> Outcome:
        self._tally.begin(item)
        outcome = self._task.run(item, checkpoint, self._tally.hear)
        self._tally.add(outcome)
        return outcome

    def _print_all(self, document: Document | None, bar: "Bar | None") -> None:
        for outcome in self._crew.answers():
            if outcome is not None:
                self._print(outcome, document, bar)
            if bar:
                bar.update()

    def _print_rest(self, document: Document | None) -> None:
        """After a stop: what was done while an input before it was not, and the end of a valid document."""
        for outcome in self._crew.rest():
            self._print(outcome, document, None)
        if document:
            document.close()

    def _print(self, outcome: Outcome, document: Document | None, bar: "Bar | None") -> None:
        if document:
            document.write(outcome.items)
        if outcome.failure:
            self._report(outcome, outcome.failure, bar)

    def _report(self, outcome: Outcome, failure: Failure, bar: "Bar | None") -> None:
        """One line on standard error, unless the results on standard output say it and nobody else looks."""
        if outcome.items and not (self._on_terminal and not sys.stdout.isatty()):
            lines = []
        else:
            file = printable(outcome.input.file)
            message = printable(failure.message)
            named = outcome.input.file == STDIN or file in message
            lines = [f"error: {message if named else f'{file}: {message}'}"]
        if self._debug:
            lines.append(failure.trace.rstrip())
        for line in lines:
            _say(line, bar)

    def _verdict(self, signals: Sequence[int]) -> int:
        if signals:
            done = f"stopped: {self._tally.done} of {self._tally.files} files are done"
            where = f" and their results are whole in {self._results.directory}" if self._results else ""
            how = (
                "; the same command with --resume goes on" if self._results else "; with --out DIR, --resume can go on"
            )
            _say(done + where + how)
            return 128 + signals[0]
        if self._on_terminal:
            _say(self._tally.summary())
        return 1 if self._tally.failed else 0


@contextmanager
def _stopping(crew: Crew[Input, Outcome], *, clear: bytes) -> Iterator[list[int]]:
    """Let Ctrl-C (and SIGTERM) stop the crew in an orderly way, and a second one end the process at once.

    ``clear`` is what standard error is then told, since a bar on it has no chance to leave by itself.
    """
    signals: list[int] = []

    def stop(number: int, _: object) -> None:
        if signals:
            if clear:
                os.write(2, clear)
            os._exit(128 + number)
        signals.append(number)
        crew.stop()

    if current_thread() is not main_thread():  # only there Python lets us listen
        yield signals
        return
    before = {number: getsignal(number) for number in (SIGINT, SIGTERM)}
    try:
        for number, handler in before.items():
            if handler != Handlers.SIG_IGN:  # nohup, or a shell's background job
                signal(number, stop)
        yield signals
    finally:
        for number, handler in before.items():
            signal(number, handler)


def _format(name: str, *, styled: bool) -> Format:
    if name in FORMATS:
        return FORMATS[name]
    from segue.edges.batch.display import table_format

    return table_format(width=None, styled=styled)


def _stdin(inputs: Sequence[Input]) -> BinaryIO | None:
    return sys.stdin.buffer if any(item.file == STDIN and not item.problem for item in inputs) else None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _say(text: str, bar: "Bar | None" = None) -> None:
    text = "\n".join(f"segue: {line}" if i == 0 else line for i, line in enumerate(legible(text).splitlines()))
    if bar:
        bar.above(text)
    else:
        click.echo(text, err=True)
