"""Segue itself."""

from pathlib import Path

import segue
from benchmarks.peers import Pairs
from benchmarks.recording import RATE, Samples


class SegueStream:
    """A DetectorStream."""

    def __init__(self, detector: segue.Detector) -> None:
        self._stream = detector.stream()

    def feed(self, chunk: Samples) -> object:
        """Its events."""
        return self._stream.accept(chunk)


class SeguePeer:
    """``segue.load``."""

    name = "segue"
    chunk_samples = RATE // 5

    def __init__(self, directory: Path) -> None:
        self.detector = segue.load(directory)

    def detect(self, samples: Samples) -> Pairs:
        """The default: classic mode."""
        return [(s.start_ms, s.end_ms) for s in self.detector.detect(samples, sample_rate=RATE)]

    def open_stream(self) -> SegueStream:
        """The default: classic mode."""
        return SegueStream(self.detector)
