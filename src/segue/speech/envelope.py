"""A recording -> the lowest and highest sample of each of so many columns, whatever its length: what pictures draw."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segue.speech.samples import Block, mix


class Envelope:
    """Made while the blocks pass by; memory is that of its columns. Used by one thread at a time.

    ``channels``: a row each, by number from 0; None is the mix. ``samples``: the length of the recording; what is
    longer is not looked at. There are ``columns`` columns, or fewer where there are fewer samples.
    """

    def __init__(self, channels: Sequence[int | None], *, samples: int, columns: int) -> None:
        self._channels = channels
        self._samples = max(1, samples)
        self.columns = min(columns, self._samples)
        shape = (len(channels), self.columns)
        self._low, self._high = np.full(shape, np.inf, np.float32), np.full(shape, -np.inf, np.float32)
        self._at = 0

    @property
    def low(self) -> NDArray[np.float32]:
        """Lowest sample, float32 (channels, columns); 0 where no sample came."""
        return _heard(self._low)

    @property
    def high(self) -> NDArray[np.float32]:
        """Highest sample, float32 (channels, columns); 0 where no sample came."""
        return _heard(self._high)

    @property
    def peak(self) -> float:
        """The loudest sample, of what is not all silence."""
        return max(0.01, float(np.abs(self.low).max(initial=0)), float(np.abs(self.high).max(initial=0)))

    def accept(self, block: Block) -> None:
        """The next block of all channels, float32 (channels, n)."""
        at, end = self._at, min(self._at + block.shape[1], self._samples)
        self._at += block.shape[1]
        if at >= end:
            return
        first, last = at * self.columns // self._samples, (end - 1) * self.columns // self._samples
        starts = -(-np.arange(first, last + 1) * self._samples // self.columns)  # rounded up
        starts = np.maximum(starts, at) - at
        for index, channel in enumerate(self._channels):
            samples = (mix(block)[0] if channel is None else block[channel])[: end - at]
            for kept, reduce in ((self._low, np.minimum), (self._high, np.maximum)):
                part = kept[index, first : last + 1]
                reduce(part, reduce.reduceat(samples, starts), out=part)


def _heard(kept: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(np.isfinite(kept), kept, np.float32(0))
