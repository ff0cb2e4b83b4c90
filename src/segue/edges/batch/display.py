"""What people see: tables of segments, and a progress bar. Programs get ``segue.speech.formats``."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from segue.edges.batch.tally import Tally, clock
from segue.speech.formats import Format
from segue.speech.names import printable

if TYPE_CHECKING:
    from segue.speech.detection import Detection


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


class Bar:
    """A progress bar on a terminal. A context manager."""

    def __init__(self, console: Console, tally: Tally) -> None:
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
            audio=f"{clock(tally.heard_ms / 1000)} of audio, {tally.times_real_time:,.0f} x real time,",
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
    preset = f", preset {printable(detection.preset)}" if detection.preset else ""
    version = f", version {printable(detection.model.version)}" if detection.model.version else ""
    share = f" ({detection.speech_ms / detection.duration_ms:.1%})" if detection.duration_ms else ""
    return Group(
        Text(f"{'standard input' if file == '-' else printable(file)}{channel}", style="bold", overflow="fold"),
        *([table] if count else []),
        Text(f"{count or 'no'} segment{'s' * (count != 1)}, {speech}{share}"),
        Text(
            f"mode {detection.mode}{preset}, model {printable(str(detection.model))}{version}",
            style="dim",
            overflow="fold",
        ),
        Text(),
    )
