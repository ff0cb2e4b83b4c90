"""Samples at one rate in, samples at another out; files and live streams go through this one class."""

from typing import TYPE_CHECKING

import numpy as np

from segue.errors import StreamFinished
from segue.speech.samples import Block, check_rate

if TYPE_CHECKING:
    import soxr


class Resampler:
    """soxr's HQ filter as a stream; nothing at all (blocks pass through) where the rates are equal.

    Chunks never matter: the concatenated output depends on the concatenated input alone, bit for bit (soxr's own
    stream has that property, down to chunks of one sample, and the tests hold it to it), so nothing is buffered here
    and no latency is added to the filter's own. That one is, to the first sample out, about 37 ms of audio from
    48 kHz to 16 kHz, 40 ms from 44.1 kHz, and 116 ms between 8 and 16 kHz; time stamps are not shifted by it.

    ``source_rate``, ``target_rate``: Hz, 8,000 to 192,000, else InvalidSamples. Used by one thread at a time.
    """

    def __init__(self, source_rate: int, target_rate: int, *, channels: int = 1) -> None:
        self.source_rate = check_rate(source_rate)
        self.target_rate = check_rate(target_rate)
        self.channels = channels
        self._finished = False
        self._stream = self._open() if self.source_rate != self.target_rate else None

    def __repr__(self) -> str:
        return f"Resampler({self.source_rate} Hz -> {self.target_rate} Hz, channels={self.channels})"

    def _open(self) -> "soxr.ResampleStream":
        import soxr  # only where rates differ: most recordings have the model's rate already

        return soxr.ResampleStream(self.source_rate, self.target_rate, self.channels, dtype="float32", quality="HQ")

    def accept(self, block: Block) -> Block:
        """Feed (channels, n), n from 0; return (channels, m), what became certain by it. m may be 0.

        Raises StreamFinished after ``finish``.
        """
        return self._process(block, last=False)

    def finish(self) -> Block:
        """Say that nothing follows; return the rest, (channels, m). Once; StreamFinished afterwards."""
        rest = self._process(np.zeros((self.channels, 0), np.float32), last=True)
        self._finished = True
        return rest

    def _process(self, block: Block, *, last: bool) -> Block:
        if self._finished:
            raise StreamFinished("this resampler is finished; make a new one for new audio")
        if self._stream is None:
            return block
        # soxr wants frames first; for one channel the transpose is a view that is contiguous both ways.
        resampled: Block = self._stream.resample_chunk(np.ascontiguousarray(block.T), last=last).T
        return resampled
