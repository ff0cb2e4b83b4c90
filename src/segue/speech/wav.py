"""A mono wav that is written as its samples come. Not by libsndfile, which does not say why a disk refused them."""

import struct
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_PCM, _FLOAT = 1, 3
_MOST_BYTES = 2**32 - 1 - _HEADER.size


class WavWriter:
    """``bits``: 16 or 24 for PCM, rounded to the nearest and clipped at full scale; 32 for floats as they are.

    A context manager. Its methods raise OSError. Used by one thread at a time.
    """

    def __init__(self, path: Path, *, rate: int, bits: int) -> None:
        self.samples = 0
        self._rate = rate
        self._bits = bits
        self._file = path.open("xb")
        self._file.write(self._header())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, samples: NDArray[np.float32]) -> None:
        """Append samples of shape (n,), full scale at ±1."""
        self._file.write(to_bytes(samples, self._bits))
        self.samples += len(samples)

    def close(self) -> None:
        """Write how long it became. May be called more than once."""
        if not self._file.closed:
            with self._file:
                self._file.seek(0)
                self._file.write(self._header())

    def _header(self) -> bytes:
        return _header(self.samples, rate=self._rate, bits=self._bits)


def to_wav(samples: NDArray[np.float32] | NDArray[np.int16], *, rate: int) -> bytes:
    """A whole file in memory, of samples of shape (n,): 32-bit floats as they are, or 16-bit PCM."""
    data = samples.astype(samples.dtype.newbyteorder("<"), copy=False)
    return b"".join((_header(len(data), rate=rate, bits=8 * data.itemsize), data.tobytes()))


def _header(samples: int, *, rate: int, bits: int) -> bytes:
    width = bits // 8
    size = min(samples * width, _MOST_BYTES)  # of a longer one readers take what the file holds
    kind = _FLOAT if bits == 32 else _PCM
    form = (b"fmt ", 16, kind, 1, rate, rate * width, width, bits)
    return _HEADER.pack(b"RIFF", _HEADER.size - 8 + size, b"WAVE", *form, b"data", size)


def to_bytes(samples: NDArray[np.float32], bits: int) -> bytes:
    """Little-endian, as in a wav: samples that were decoded from 16 or 24 bits become those again."""
    if bits == 32:
        return samples.astype("<f4").tobytes()
    full = 2.0 ** (bits - 1)
    scaled = np.clip(np.rint(samples.astype(np.float64) * full), -full, full - 1)
    if bits == 16:
        return scaled.astype("<i2").tobytes()
    return scaled.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
