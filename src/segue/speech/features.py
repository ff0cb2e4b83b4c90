"""Kaldi filter-bank front end: samples -> power spectra (here, in NumPy) -> log mel, LFR, CMVN (matrices for a graph).

The definitions are Kaldi's ``fbank`` (feature-window.cc, mel-computations.cc) as FunASR calls it: samples scaled to
16 bit, no dither, frames of 25 ms every 10 ms that lie whole inside the audio, mean removed, pre-emphasis 0.97, Hamming
window, zero-padded FFT, power, triangular mel filters from 20 Hz to half the rate, natural logarithm floored at the
float32 epsilon. LFR (low frame rate) stacks each frame with its neighbours, the ends repeated.

Everything up to the power spectrum is here; the mel product and the logarithm are linear algebra like the network
that follows, and run inside its graph (``models/fsmn.py``) from the matrix that ``mel_filters`` gives.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TypeAlias

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from segue.speech.scorer import Samples

Spectra: TypeAlias = NDArray[np.float32]
"""float32, shape (frames, bins): power of full-scale ±1 samples, a row each 10 ms."""

_PREEMPHASIS = np.float32(0.97)
_LEAK = np.float32(1) - _PREEMPHASIS  # what pre-emphasis leaves of a constant: exactly, so that no offset stays
_FULL_SCALE = 32768.0  # FunASR scales ±1 to 16-bit values before Kaldi's fbank
_LOW_HZ = 20.0
LOG_FLOOR = float(np.finfo(np.float32).eps)
"""What Kaldi's mel energies are raised to before the logarithm."""


@dataclass(frozen=True)
class Frontend:
    """The shape of one front end. Immutable; the tables derived from it are computed once."""

    sample_rate: int = 16_000
    frame_length_ms: int = 25
    frame_shift_ms: int = 10
    mel_bins: int = 80
    lfr_frames: int = 5
    """Frames stacked into one input (LFR m; an odd number, the frame itself in the middle)."""

    @cached_property
    def frame_samples(self) -> int:
        """Samples in a frame."""
        return self.sample_rate * self.frame_length_ms // 1000

    @cached_property
    def hop_samples(self) -> int:
        """Samples from one frame to the next."""
        return self.sample_rate * self.frame_shift_ms // 1000

    @cached_property
    def fft_size(self) -> int:
        """The frame's length rounded up to a power of two."""
        return 1 << (self.frame_samples - 1).bit_length()

    @cached_property
    def bins(self) -> int:
        """Columns of ``Spectra``."""
        return self.fft_size // 2 + 1

    @property
    def lookahead_frames(self) -> int:
        """Frames on either side that LFR needs."""
        return self.lfr_frames // 2

    @cached_property
    def window(self) -> NDArray[np.float32]:
        """Kaldi's Hamming window, float32 (frame_samples,)."""
        n = np.arange(self.frame_samples, dtype=np.float64)
        return (0.54 - 0.46 * np.cos(2 * np.pi * n / (self.frame_samples - 1))).astype(np.float32)

    def mel_filters(self) -> NDArray[np.float32]:
        """Triangles equally spaced in mel, float32 (bins, mel_bins), for ``Spectra`` of ±1 samples.

        Kaldi's mel scale is ``1127 ln(1 + f / 700)``; its filters never touch the bin at half the rate.
        """
        hz = np.arange(self.bins - 1) * (self.sample_rate / self.fft_size)
        low, high = _mel(_LOW_HZ), _mel(self.sample_rate / 2)
        left = low + np.arange(self.mel_bins) * (high - low) / (self.mel_bins + 1)
        step = (high - low) / (self.mel_bins + 1)
        position = (_mel(hz)[:, None] - left) / step
        triangles = np.clip(np.minimum(position, 2 - position), 0, None)
        return np.vstack([triangles * _FULL_SCALE**2, np.zeros(self.mel_bins)]).astype(np.float32)

    def frames_in(self, samples: int) -> int:
        """Frames that lie whole inside so many samples."""
        return max(0, (samples - self.frame_samples) // self.hop_samples + 1)


def _mel(hz: float | NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(1127.0 * np.log1p(np.asarray(hz) / 700.0), dtype=np.float64)


def power_spectra(frontend: Frontend, runs: Sequence[Samples]) -> list[Spectra]:
    """The power spectra of several stretches of samples, in one FFT call.

    Each run is float32 (n,) at ±1; answers one float32 (frames_in(n), bins) a run. Thread-safe, no state.
    """
    counts = [frontend.frames_in(len(run)) for run in runs]
    ends = list(accumulate(counts))
    frames = np.empty((sum(counts), frontend.fft_size), dtype=np.float32)
    frames[:, frontend.frame_samples :] = 0.0
    for run, count, end in zip(runs, counts, ends, strict=True):
        if count:
            _window_frames(frontend, run, frames[end - count : end, : frontend.frame_samples])
    spectrum = scipy.fft.rfft(frames, overwrite_x=True)  # batched float32: 5 times NumPy's speed
    parts = spectrum.view(np.float32)  # real, imaginary, real, …
    parts *= parts
    power = parts[:, ::2] + parts[:, 1::2]
    return [power[end - count : end] for count, end in zip(counts, ends, strict=True)]


def _window_frames(frontend: Frontend, run: Samples, out: NDArray[np.float32]) -> None:
    """Mean removal, pre-emphasis and window, into ``out`` (frames, frame_samples).

    Kaldi removes each frame's mean m, then subtracts 0.97 of the sample before (of itself for the first). Within a
    frame that is e[n] - 0.03 m with e[n] = x[n] - 0.97 x[n-1], and e is the same for all frames that share a sample:
    so it is computed once, along the run.
    """
    raw = _overlapping(run, out.shape, frontend.hop_samples)
    leak = np.add.reduce(raw, axis=1, keepdims=True)
    leak *= _LEAK / frontend.frame_samples
    emphasised = run * -_PREEMPHASIS
    emphasised[1:] = run[1:] + emphasised[:-1]  # NumPy sees the overlap; the first is set below, it starts a frame
    np.subtract(_overlapping(emphasised, out.shape, frontend.hop_samples), leak, out=out)
    out[:, :1] = raw[:, :1] * _LEAK - leak
    out *= frontend.window


def _overlapping(run: Samples, shape: tuple[int, ...], hop_samples: int) -> NDArray[np.float32]:
    """A view whose rows begin ``hop_samples`` apart. NumPy's sliding_window_view costs 30 us more, each chunk."""
    return np.ndarray(shape, np.float32, np.ascontiguousarray(run, np.float32), strides=(4 * hop_samples, 4))


class SpectrumStream:
    """Cuts a stream of samples into the runs and rows that a scorer needs; all front-end state of one stream.

    ``take`` the run that new samples complete, compute its spectra (alone or with other streams' runs), then
    ``rows`` puts the LFR neighbours around them. Not thread-safe.
    """

    def __init__(self, frontend: Frontend) -> None:
        self._frontend = frontend
        self.memory: tuple[Samples, Spectra] = (np.empty(0, np.float32), np.empty((0, frontend.bins), np.float32))
        """Samples from the next frame's first on, and the last 2 x lookahead rows; neither is ever changed in place."""

    def take(self, samples: Samples) -> Samples:
        """Append samples; answer a run that holds all frames now whole (too short for one: none yet)."""
        kept, rows = self.memory
        joined = np.concatenate((kept, samples)) if len(kept) else samples
        done = self._frontend.frames_in(len(joined)) * self._frontend.hop_samples
        self.memory = (joined[done:].copy(), rows)
        return joined

    def rows(self, spectra: Spectra, *, last: bool = False) -> Spectra:
        """New spectra -> rows for the graph: as many outputs as rows - 2 x lookahead, if any.

        The first row stands for the frames before it, and with ``last`` the last for those after it.
        """
        ahead = self._frontend.lookahead_frames
        kept, known = self.memory
        if not len(known):
            known = np.repeat(spectra[:1], ahead, axis=0)
        joined = np.concatenate((known, spectra))
        self.memory = (kept, joined[max(0, len(joined) - 2 * ahead) :].copy())
        return np.concatenate((joined, np.repeat(joined[-1:], ahead, axis=0))) if last else joined
