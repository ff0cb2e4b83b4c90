"""One run: threads, results in order, what is said meanwhile, signals, and the exit status at the end."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from signal import SIGINT, SIGTERM, Handlers, getsignal, signal
from threading import current_thread, main_thread
from typing import TYPE_CHECKING

from segue.edges.batch.crew import Checkpoint, Crew
from segue.edges.batch.document import Document
from segue.edges.batch.inputs import STDIN, Input
from segue.edges.batch.results import ResultDirectory
from segue.edges.batch.tally import Tally
from segue.edges.batch.task import Extra, Failure, Outcome, Request, Task
from segue.edges.batch.voice import Voice
from segue.errors import ServerUnreachable, VersionNotReady
from segue.speech.names import printable

if TYPE_CHECKING:
    from segue.edges.batch.display import Bar

_AHEAD_A_THREAD = 32
"""Finished results that may wait for a slower input before them, for each thread."""

_CLEAR = b"\r\x1b[2K\x1b[?25h"
"""To a terminal: empty this line, show the cursor."""


@dataclass(frozen=True, slots=True)
class _End:
    """Why a run ends before its inputs do, and the exit status of that."""

    why: str
    status: int


_ENDS: Mapping[str, _End] = {
    ServerUnreachable.code: _End("the server is gone", 4),
    VersionNotReady.code: _End("its version answers no more", 1),
}
"""By the code of a failure. All other inputs would fail alike, and lose the results that they have of earlier runs."""


class Run:
    """One run of a task over all inputs. ``run`` is called once, in the main thread if signals are to be heard."""

    def __init__(
        self,
        inputs: Sequence[Input],
        task: Task,
        request: Request,
        *,
        results: ResultDirectory | None,
        extras: Sequence[Extra] = (),
        threads: int,
        voice: Voice,
        debug: bool,
    ) -> None:
        self._format = request.format
        self._results = results
        self._extras = extras
        keeping: list[ResultDirectory | Extra] = [*([results] if results else []), *extras]
        self._directories = [str(kept.directory) for kept in keeping]
        self._voice = voice
        self._debug = debug
        self._on_terminal = sys.stderr.isatty()
        undisturbed = bool(results) or sys.stdout.isatty()  # a pipe may end in the same terminal: segue … | jq
        self._shows_bar = self._on_terminal and undisturbed and os.environ.get("TERM") != "dumb"
        for kept in keeping:
            kept.reserve([item.source for item in inputs])
        self._task = task
        self._tally = Tally(inputs)
        self._ended: _End | None = None
        threads = min(threads, len(inputs))
        ahead = threads if request.probabilities else threads * _AHEAD_A_THREAD
        self._crew = Crew(self._work, inputs, threads=threads, ahead=ahead)

    def run(self) -> int:
        """The exit status."""
        try:
            with _stopping(self._crew, clear=_CLEAR if self._shows_bar else b"") as signals:
                with self._bar() as bar, self._voice.above(bar):
                    document = None if self._results else Document(self._format, bar if sys.stdout.isatty() else None)
                    self._print_all(document, bar)
                ended = self._crew.join(2.0)
                self._print_rest(document)
                for extra in self._extras:
                    extra.finish()
                status = self._verdict(signals)
                if not ended and (signals or self._ended):  # a thread that waits for a pipe, say
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
        if outcome.failure and outcome.failure.code in _ENDS:
            self._ended = _ENDS[outcome.failure.code]
            self._crew.stop()
        return outcome

    def _print_all(self, document: Document | None, bar: "Bar | None") -> None:
        for outcome in self._crew.answers():
            if outcome is not None:
                self._print(outcome, document)
            if bar:
                bar.update()

    def _print_rest(self, document: Document | None) -> None:
        """After a stop: what was done while an input before it was not, and the end of a valid document."""
        for outcome in self._crew.rest():
            self._print(outcome, document)
        if document:
            document.close()

    def _print(self, outcome: Outcome, document: Document | None) -> None:
        if document:
            document.write(outcome.items)
        for note in outcome.notes:
            self._voice.say(note)
        if outcome.failure:
            self._report(outcome, outcome.failure)

    def _report(self, outcome: Outcome, failure: Failure) -> None:
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
            self._voice.say(line)

    def _verdict(self, signals: Sequence[int]) -> int:
        if signals or self._ended:
            why = f", because {self._ended.why}" if self._ended and not signals else ""
            failed = f" ({self._tally.failed} failed)" * bool(self._tally.failed)
            kept = " and ".join(dict.fromkeys(self._directories))
            where = f" and their results are whole in {kept}" if kept else ""
            how = "the same command with --resume goes on" if kept else "with --out DIR, --resume can go on"
            done = f"{self._tally.done} of {self._tally.files} files are done{failed}"
            self._voice.say(f"stopped{why}: {done}{where}; {how}")
            return 128 + signals[0] if signals else self._ended.status if self._ended else 1
        if self._on_terminal:
            self._voice.say(self._tally.summary())
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
