"""``--plot DIR``: a picture of every input."""

import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from segue.edges.batch.inputs import Input
from segue.edges.batch.results import ResultDirectory

if TYPE_CHECKING:
    from segue.speech.audio import AudioSource
    from segue.speech.detection import Detection
    from segue.speech.detector import Progress

_LIST = ".segue-plots"
"""Of its own, for the results themselves may be in the same directory."""


class Plots:
    """The pictures of a run's inputs, ``DIR/talk.png``. Thread-safe. Raises OutputError, and what the audio raises."""

    needs_probabilities = True

    def __init__(self, results: ResultDirectory) -> None:
        self.directory = results.directory
        self._results = results
        self._drawing = threading.Lock()  # guards matplotlib, which is not thread-safe

    @classmethod
    @contextmanager
    def held(cls, directory: Path) -> Iterator[Self]:
        """The directory for a whole run."""
        with ResultDirectory.held(directory, "png", stems=True, manifest=_LIST) as results:
            yield cls(results)

    def reserve(self, sources: Sequence[str]) -> None:
        """Give every source its name, which no other has."""
        self._results.reserve(sources)

    def made_by(self, source: str) -> str:
        """What made the picture of a reserved source; empty if nobody knows."""
        return self._results.made_by(source)

    def holds(self, source: str, made_by: str) -> bool:
        """Whether the picture is there, whole, and was made by exactly that."""
        return self._results.holds(source, made_by)

    def make(
        self,
        item: Input,
        audio: "AudioSource",
        detections: "Sequence[Detection]",
        *,
        made_by: str,
        progress: "Progress",
    ) -> str:
        """Draw one input, in place of its picture before."""
        from segue.speech.plot import plot

        picture = io.BytesIO()
        title = "standard input" if item.file == "-" else Path(item.file).name
        with self._drawing:
            plot(audio, detections, title=title, progress=progress).savefig(picture, format="png")
        self._results.write(item.source, picture.getvalue(), made_by=made_by)
        return ""

    def discard(self, source: str) -> None:
        """Remove what an earlier run drew, since it no longer holds."""
        self._results.discard(source)

    def finish(self) -> None:
        """Nothing is left to do."""
