"""What people see: tables of segments, a progress bar, the summary. Programs get ``segue.speech.formats``."""

import io
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from segue.edges.batch.inputs import Input
from segue.edges.batch.task import Outcome
from segue.speech.formats import Format, legible

if TYPE_CHECKING:
    from segue.speech.detector import Detection


def table_format(*, width: int | None, styled: bool) -> Format:
    """Tables as a format beside the others. ``width`` None: as wide as they like."""

    def render(file: str, detections: "Sequence[Detection]") -> list[str]:
        text = io.StringIO()
        console = Console(
            file=text, width=width or 10_000, force_terminal=styled, no_color=not styled, highlight=False, markup=False
        )
        for detection in detections:
            console.print(_table(file, detection))
        return [text.getvalue()]

    return Format("txt", render)


def plain(name: str) -> str:
    """A file name that cannot move the cursor or break a line."""
    text = legible(name)
    return text if text.isprintable() else ascii(text)[1:-1]


def clock(seconds: float) -> str:
    """1:02:03, or 2:03 under an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@dataclass(slots=True)
class _UnderWay:
    """An input that a thread is at."""

    size_bytes: int
    length_ms: int
    heard_ms: int = 0

    @property
    def bytes_done(self) -> float:
        return self.size_bytes * min(1.0, self.heard_ms / self.length_ms) if self.length_ms else 0.0


class Tally:
    """Counts of a run. Threads add to it, the display reads it.

    ``length_ms`` estimates an input's audio before it is read, 0 where it cannot.
    """

    def __init__(
        self,
        inputs: Sequence[Input],
        *,
        length_ms: Callable[[Input], int] = lambda _: 0,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.files = len(inputs)
        self._length_ms = length_ms
        self._all_bytes = sum(item.size_bytes for item in inputs)
        self._clock_s = clock_s
        self._began_s = clock_s()
        self._lock = threading.Lock()  # guards all below
        self.done = self.failed = self.skipped = 0
        self.audio_ms = 0
        self.speech_ms = 0.0
        self._bytes_done = 0
        self._under_way: dict[int, _UnderWay] = {}  # by thread

    @property
    def elapsed_s(self) -> float:
        """Since the first input could begin."""
        return max(self._clock_s() - self._began_s, 1e-6)

    @property
    def heard_ms(self) -> int:
        """Audio detected, that of inputs under way included."""
        with self._lock:
            return self.audio_ms + sum(item.heard_ms for item in self._under_way.values())

    @property
    def share(self) -> float:
        """How much of the whole is done, by bytes: what is known of files before they are read."""
        with self._lock:
            if not self._all_bytes:
                return self.done / max(1, self.files)
            return (self._bytes_done + sum(item.bytes_done for item in self._under_way.values())) / self._all_bytes

    @property
    def times_real_time(self) -> float:
        """Audio heard for each second that passed."""
        return self.heard_ms / 1000 / self.elapsed_s

    def begin(self, item: Input) -> None:
        """This thread begins an input."""
        under_way = _UnderWay(item.size_bytes, self._length_ms(item))
        with self._lock:
            self._under_way[threading.get_ident()] = under_way

    def hear(self, ms: int) -> None:
        """This thread's input has come so far."""
        with self._lock:
            self._under_way[threading.get_ident()].heard_ms = ms

    def add(self, outcome: Outcome) -> None:
        """This thread's input is done."""
        with self._lock:
            self._bytes_done += self._under_way.pop(threading.get_ident()).size_bytes
            self.done += 1
            self.failed += outcome.failure is not None
            self.skipped += outcome.skipped
            self.audio_ms += outcome.duration_ms
            self.speech_ms += outcome.duration_ms * outcome.speech_share

    def summary(self) -> str:
        """One line for the end of a run."""
        counts = [f"{self.done} file{'s' * (self.done != 1)}" + (f" of {self.files}" if self.done < self.files else "")]
        counts += [f"{self.failed} failed"] * bool(self.failed)
        counts += [f"{self.skipped} skipped (done before)"] * bool(self.skipped)
        share = f" ({self.speech_ms / self.audio_ms:.1%} speech)" if self.audio_ms else ""
        speed = f", {self.times_real_time:,.0f} x real time" if self.audio_ms else ""
        return f"{', '.join(counts)}: {clock(self.audio_ms / 1000)} of audio{share} in {self.elapsed_s:.1f} s{speed}"


class Bar:
    """A progress bar on a terminal; or nothing, where there is none. A context manager."""

    def __init__(self, console: Console, tally: Tally, *, shown: bool) -> None:
        self._console = console
        self._tally = tally
        self._progress = Progress(
            TextColumn("{task.fields[files]}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[audio]}"),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("left"),
            console=console,
            transient=True,
            expand=True,
            disable=not shown,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> "Bar":
        self._task = self._progress.add_task("", total=None, files="", audio="")
        self.update()
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def update(self) -> None:
        """Show the counts of now."""
        assert self._task is not None  # entered
        tally = self._tally
        self._progress.update(
            self._task,
            total=1.0,
            completed=tally.share,
            files=f"{tally.done}/{tally.files} files",
            audio=f"{tally.heard_ms / 3_600_000:.2f} h of audio, {tally.times_real_time:,.0f} x real time,",
        )

    def above(self, text: str) -> None:
        """Print lines (with their colours) on the same terminal, above the bar."""
        self._console.print(Text.from_ansi(text), soft_wrap=True)


def _table(file: str, detection: "Detection") -> Group:
    channel = "" if detection.channel is None else f", channel {detection.channel}"
    table = Table("#", "start s", "end s", "duration s")
    for column in table.columns:
        column.justify = "right"
    for number, segment in enumerate(detection.segments, 1):
        start_s, end_s = segment.start_ms / 1000, segment.end_ms / 1000
        table.add_row(str(number), f"{start_s:.3f}", f"{end_s:.3f}", f"{end_s - start_s:.3f}")
    count = len(detection.segments)
    speech = f"{detection.speech_ms / 1000:.3f} s of speech in {detection.duration_ms / 1000:.3f} s"
    share = f" ({detection.speech_ms / detection.duration_ms:.1%})" if detection.duration_ms else ""
    model = f"{detection.model.id}@{detection.model.revision}" if detection.model.revision else detection.model.id
    return Group(
        Text(f"{'standard input' if file == '-' else plain(file)}{channel}", style="bold", overflow="fold"),
        *([table] if count else []),
        Text(f"{count or 'no'} segment{'s' * (count != 1)}, {speech}{share}"),
        Text(f"mode {detection.mode}, model {plain(model)}", style="dim", overflow="fold"),
        Text(),
    )
