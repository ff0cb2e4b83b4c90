"""The peers, one file each, behind one protocol. Their packages are imported when they are loaded, not before."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from benchmarks.recording import Samples

Pairs = list[tuple[int, int]]
"""Segments: (start_ms, end_ms)."""


class Stream(Protocol):
    """One live stream in a peer."""

    def feed(self, chunk: Samples) -> object:
        """The peer's own events, whatever their form."""
        ...


class Peer(Protocol):
    """A detector, loaded."""

    name: str
    chunk_samples: int
    """What it is fed live: 200 ms, or as it insists."""

    def detect(self, samples: Samples) -> Pairs:
        """The segments of a whole recording."""
        ...

    def open_stream(self) -> Stream:
        """A live stream at its beginning."""
        ...


def load_all(directory: Path) -> Sequence[Peer]:
    """Segue first, then the others; all FSMN-VADs from the same directory."""
    from benchmarks.peers import funasr_onnx, funasr_torch, segue, silero

    return (
        segue.SeguePeer(directory),
        funasr_onnx.FunasrOnnx(directory),
        funasr_torch.FunasrTorch(directory),
        silero.Silero(),
    )
