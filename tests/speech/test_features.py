"""The front end, held against kaldi-native-fbank: Kaldi's own code, written by others."""

from collections.abc import Callable, Sequence
from typing import Any

import kaldi_native_fbank
import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.speech.features import LOG_FLOOR, Frontend, Spectra, SpectrumStream, power_spectra
from segue.speech.scorer import Samples

FRONTEND = Frontend()
LAST_ROW = 2 * FRONTEND.lookahead_frames
TINY = Frontend(sample_rate=1_000, frame_length_ms=25, frame_shift_ms=10, mel_bins=4, lfr_frames=5)


def kaldi(samples: Samples, frontend: Frontend) -> Spectra:
    """Kaldi's log-mel features with FunASR's options, float32 (frames, mel_bins)."""
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq = frontend.sample_rate
    options.frame_opts.frame_length_ms = frontend.frame_length_ms
    options.frame_opts.frame_shift_ms = frontend.frame_shift_ms
    options.frame_opts.dither = 0
    options.frame_opts.window_type = "hamming"
    options.frame_opts.snip_edges = True
    options.mel_opts.num_bins = frontend.mel_bins
    options.energy_floor = 0
    fbank = kaldi_native_fbank.OnlineFbank(options)
    fbank.accept_waveform(frontend.sample_rate, (samples * np.float32(32768)).tolist())
    fbank.input_finished()
    rows = [fbank.get_frame(i) for i in range(fbank.num_frames_ready)]
    return np.array(rows, dtype=np.float32).reshape(-1, frontend.mel_bins)


def log_mel(samples: Samples, frontend: Frontend = FRONTEND) -> Spectra:
    (power,) = power_spectra(frontend, [samples])
    features: Spectra = np.log(np.maximum(power @ frontend.mel_filters(), np.float32(LOG_FLOOR)))
    return features


def stacked(samples: Samples, cuts: Sequence[int], frontend: Frontend) -> Spectra:
    """All rows of a stream fed in the pieces between ``cuts``, as a scorer would get them, overlaps removed."""
    stream = SpectrumStream(frontend)
    taken = []
    pieces = [*np.split(samples, sorted(cuts)), np.empty(0, dtype=np.float32)]
    for i, piece in enumerate(pieces):
        (spectra,) = power_spectra(frontend, [stream.take(piece)])
        rows = stream.rows(spectra, last=i == len(pieces) - 1)
        ready = max(0, len(rows) - 2 * frontend.lookahead_frames)
        taken += [rows[k : k + frontend.lfr_frames].reshape(-1) for k in range(ready)]
    return np.array(taken, dtype=np.float32).reshape(-1, frontend.lfr_frames * frontend.bins)


LEVELS: dict[str, Callable[[Samples], Samples]] = {
    "as it is": lambda x: x,
    "loud": lambda x: x / np.abs(x).max(),
    "clipped": lambda x: np.clip(x * 20, -1, 1),
    "18 dB above full scale": lambda x: x * 8 / np.abs(x).max(),
    "quiet": lambda x: x * np.float32(1e-3),
    "16-bit": lambda x: np.round(x * 32767).astype(np.float32) / np.float32(32768),
}


@pytest.mark.parametrize("rate", [16_000, 8_000])
@pytest.mark.parametrize("level", LEVELS)
def test_log_mel_energies_are_kaldis(speech: Samples, rate: int, level: str) -> None:
    """Speech at any level has Kaldi's log-mel energies to 2e-3, and to 2e-5 on average, at 16 and at 8 kHz."""
    at_rate = np.asarray(soxr.resample(speech[: 16_000 * 10], 16_000, rate), dtype=np.float32)
    samples = np.ascontiguousarray(LEVELS[level](at_rate), dtype=np.float32)
    ours, theirs = log_mel(samples, Frontend(sample_rate=rate)), kaldi(samples, Frontend(sample_rate=rate))
    assert ours.shape == theirs.shape == (998, 80)
    assert np.abs(ours - theirs).max() < 2e-3
    assert np.abs(ours - theirs).mean() < 2e-5


@pytest.mark.parametrize("offset", [0.01, 0.5, -0.9])
def test_a_constant_offset_is_removed(speech: Samples, offset: float) -> None:
    """A DC offset leaves no more behind than the rounding of the shifted samples, in Kaldi's code as in this."""
    samples = (speech[: 16_000 * 5] * np.float32(0.1) + np.float32(offset)).astype(np.float32)
    ours, theirs = np.exp(log_mel(samples) / 2), np.exp(kaldi(samples, FRONTEND) / 2)  # amplitudes
    rounding = abs(offset) * 32768 * float(np.finfo(np.float32).eps) * FRONTEND.frame_samples**0.5
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2 * rounding)


def test_a_constant_is_silence() -> None:
    """A constant that float32 holds exactly leaves nothing at all, as in Kaldi."""
    for level in (0.25, -0.5, -1.0):
        constant = np.full(1_600, level, dtype=np.float32)
        np.testing.assert_array_equal(log_mel(constant), kaldi(constant, FRONTEND))


def test_silence_is_the_floor() -> None:
    """Digital silence gives the logarithm of the float32 epsilon, exactly as Kaldi's floor does."""
    silence = np.zeros(1_600, dtype=np.float32)
    np.testing.assert_array_equal(log_mel(silence), kaldi(silence, FRONTEND))
    assert set(log_mel(silence).flat) == {np.float32(np.log(np.float32(LOG_FLOOR)))}


@pytest.mark.parametrize(("samples", "frames"), [(0, 0), (1, 0), (399, 0), (400, 1), (559, 1), (560, 2), (16_000, 98)])
def test_frames_lie_whole_inside_the_audio(samples: int, frames: int) -> None:
    """There are as many frames as Kaldi has with snip_edges: 25 ms each, every 10 ms, none beyond the end."""
    noise = np.random.default_rng(0).standard_normal(samples).astype(np.float32)
    assert FRONTEND.frames_in(samples) == frames
    assert len(power_spectra(FRONTEND, [noise])[0]) == len(kaldi(noise, FRONTEND)) == frames


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_mel_filters_are_triangles_that_cover_the_band(rate: int) -> None:
    """Every filter is used, none is negative, and the bin at half the rate belongs to none (Kaldi drops it)."""
    filters = Frontend(sample_rate=rate).mel_filters()
    assert (filters >= 0).all()
    assert (filters.sum(axis=0) > 0).all()
    assert not filters[-1].any()


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 200), st.lists(st.integers(0, 200), max_size=12), st.integers(0, 2), st.integers(0, 2**32 - 1))
def test_rows_do_not_depend_on_the_chunks(length: int, cuts: list[int], ahead: int, seed: int) -> None:
    """Any cutting of the audio, empty pieces included, gives the rows of the whole, for any stacking."""
    frontend = Frontend(TINY.sample_rate, TINY.frame_length_ms, TINY.frame_shift_ms, TINY.mel_bins, 2 * ahead + 1)
    samples = np.random.default_rng(seed).standard_normal(length).astype(np.float32)
    whole = stacked(samples, [], frontend)
    assert len(whole) == frontend.frames_in(length)
    np.testing.assert_allclose(stacked(samples, cuts, frontend), whole, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [1, 7, 159, 160, 161, 401, 3_200])
def test_real_chunks_give_the_rows_of_the_whole(speech: Samples, size: int) -> None:
    """One sample at a time, odd sizes and whole hops give the rows of the whole audio."""
    samples = speech[: 16_000 // 2]
    whole = stacked(samples, [], FRONTEND)
    chunked = stacked(samples, range(size, len(samples), size), FRONTEND)
    np.testing.assert_allclose(chunked, whole, rtol=1e-4, atol=1e-6 * float(whole.max()))


def test_the_edges_are_repeated() -> None:
    """The first frame stands for the two before it, and the last for the two after it."""
    spectra = np.arange(5 * FRONTEND.bins, dtype=np.float32).reshape(5, -1)
    stream = SpectrumStream(FRONTEND)
    rows = stream.rows(spectra, last=True)
    np.testing.assert_array_equal(rows, spectra[[0, 0, 0, 1, 2, 3, 4, 4, 4]])


def test_the_edges_are_repeated_when_frames_come_one_by_one() -> None:
    """Only the very first frame is repeated on the left, and only at the finish the last on the right."""
    spectra = np.arange(5 * FRONTEND.bins, dtype=np.float32).reshape(5, -1)
    stream = SpectrumStream(FRONTEND)
    calls = [stream.rows(spectra[k : k + 1]) for k in range(5)]
    for k, expected in enumerate([[0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1, 2], [0, 0, 1, 2, 3], [0, 1, 2, 3, 4]]):
        np.testing.assert_array_equal(calls[k][-len(expected) :], spectra[expected][-len(calls[k]) :])
    assert [max(0, len(call) - LAST_ROW) for call in calls] == [0, 0, 1, 1, 1]
    np.testing.assert_array_equal(stream.rows(spectra[:0], last=True), spectra[[1, 2, 3, 4, 4, 4]])


def test_one_frame_of_audio_is_its_own_neighbours() -> None:
    """Audio of 400 samples gives one row in which the frame stands five times."""
    samples = np.random.default_rng(0).standard_normal(400).astype(np.float32)
    (alone,) = power_spectra(FRONTEND, [samples])
    np.testing.assert_array_equal(stacked(samples, [], FRONTEND), np.tile(alone, (1, 5)))


@pytest.mark.parametrize("samples", [0, 399])
def test_audio_without_a_frame_has_no_rows(samples: int) -> None:
    """Less than a frame gives no row, at the finish neither."""
    assert stacked(np.ones(samples, dtype=np.float32), [], FRONTEND).shape == (0, 5 * FRONTEND.bins)


def test_several_runs_in_one_call_equal_one_by_one(speech: Samples) -> None:
    """The spectra of a run do not depend on what is computed beside it; runs may be empty, short or long."""
    runs = [speech[:4_000], speech[:0], speech[9_000:9_399], speech[20_000:20_400], speech[40_000:47_777]]
    together = power_spectra(FRONTEND, runs)
    for run, spectra in zip(runs, together, strict=True):
        (alone,) = power_spectra(FRONTEND, [run])
        np.testing.assert_allclose(spectra, alone, rtol=1e-5, atol=1e-6)
    assert power_spectra(FRONTEND, []) == []


def test_other_layouts_of_samples_are_understood(speech: Samples) -> None:
    """A strided view and float64 samples give the spectra of their float32 copy, and nothing is changed in place."""
    samples = speech[:3_200].copy()
    (expected,) = power_spectra(FRONTEND, [samples])
    wide = np.repeat(samples, 2)
    others: list[Any] = [wide[::2], samples.astype(np.float64)]
    for other in others:
        (spectra,) = power_spectra(FRONTEND, [other])
        np.testing.assert_allclose(spectra, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(samples, speech[:3_200])
