"""Labelled clips: a folder of recordings, each with a file of labels beside it, in memory at 16 kHz mono."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.recording import RATE, Samples
from segue.accuracy import agreement, references
from segue.speech.audio import decode
from segue.speech.segmenter import Segment

ENDINGS = (".wav", ".flac", ".mp3", ".m4a", ".ogg", ".opus")


@dataclass(frozen=True, eq=False)
class Clip:
    """A recording and where the speech in it is, by hand."""

    name: str
    samples: Samples
    speech: tuple[Segment, ...]
    """In order, apart from each other, within the recording."""

    @property
    def duration_ms(self) -> int:
        """Whole milliseconds."""
        return len(self.samples) * 1000 // RATE


def read_clips(folder: Path) -> list[Clip]:
    """All recordings of a folder, in the order of their names. Exits with one line where one has no labels."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS) if folder.is_dir() else []
    if len(paths) < 2:
        raise SystemExit(f"{folder}: {len(paths)} recordings; two or more are wanted, with labels of the same name")
    labels: dict[str, references.Reference] = {}
    for path in sorted(folder.iterdir()):
        if references.is_reference(str(path)):
            labels |= {name: reference for reference in references.read(str(path)) for name in reference.names}
    unlabelled = [path.name for path in paths if not {path.name, path.stem} & set(labels)]
    if unlabelled:
        raise SystemExit(
            f"{folder}: no labels for {', '.join(unlabelled)}; accepted: {', '.join(references.EXTENSIONS)}"
        )
    return [_clip(path, labels.get(path.name) or labels[path.stem]) for path in paths]


def _clip(path: Path, reference: references.Reference) -> Clip:
    blocks: Sequence[Samples] = [block[0] for block in decode(path, target_rate=RATE)]
    samples = np.concatenate(blocks)
    return Clip(path.stem, samples, tuple(agreement.speech(reference.segments, len(samples) * 1000 // RATE)))
