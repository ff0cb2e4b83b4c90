"""``Resampler``: chunks never matter, and rates that are equal cost nothing."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from segue.errors import InvalidSamples, StreamFinished
from segue.speech.resample import Resampler

RATES = [(48_000, 16_000), (44_100, 16_000), (8_000, 16_000), (16_000, 8_000), (11_025, 16_000), (192_000, 8_000)]


def run(rates: tuple[int, int], samples: NDArray[np.float32], sizes: list[int]) -> NDArray[np.float32]:
    """All output of (channels, n) fed in chunks of these sizes, over and over."""
    resampler = Resampler(*rates, channels=len(samples))
    parts, at, turn = [], 0, 0
    while at < samples.shape[1]:
        size = sizes[turn % len(sizes)]
        parts.append(resampler.accept(samples[:, at : at + size]))
        at, turn = at + size, turn + 1
    return np.concatenate([*parts, resampler.finish()], axis=1)


def noise(count: int, *, channels: int = 1) -> NDArray[np.float32]:
    return np.random.default_rng(count).uniform(-0.5, 0.5, (channels, count)).astype(np.float32)


@pytest.mark.parametrize("rates", RATES)
@pytest.mark.parametrize("sizes", [[1], "1 ms", [7, 13, 1001], [480, 3, 9999]])
def test_chunks_never_matter(rates: tuple[int, int], sizes: list[int] | str) -> None:
    """Whole, sample by sample, 1 ms and odd chunks give equal samples, bit for bit."""
    samples = noise(rates[0] // 2 + 17)
    chunks = [max(1, rates[0] // 1000)] if isinstance(sizes, str) else sizes
    np.testing.assert_array_equal(run(rates, samples, chunks), run(rates, samples, [samples.shape[1]]))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(RATES), st.integers(0, 30_000), st.lists(st.integers(1, 5000), min_size=1), st.integers(1, 3))
def test_random_chunks_never_matter(rates: tuple[int, int], count: int, sizes: list[int], channels: int) -> None:
    """Any length in any chunks and channels is one answer, of the length that the rates say."""
    samples = noise(count, channels=channels)
    whole = run(rates, samples, [max(1, count)])
    np.testing.assert_array_equal(run(rates, samples, sizes), whole)
    assert abs(whole.shape[1] - count * rates[1] / rates[0]) <= 1


def test_empty_chunks_change_nothing() -> None:
    """A chunk of no samples is accepted anywhere and yields none that others did not make."""
    samples = noise(4800)
    resampler = Resampler(48_000, 16_000)
    parts = [resampler.accept(samples[:, :0])]
    for at in range(0, 4800, 480):
        parts += [resampler.accept(samples[:, at : at + 480]), resampler.accept(samples[:, :0])]
    got = np.concatenate([*parts, resampler.finish()], axis=1)
    np.testing.assert_array_equal(got, run((48_000, 16_000), samples, [4800]))


def test_read_only_and_strided_blocks_are_accepted() -> None:
    """Blocks may be views of the caller's samples, in either order of memory."""
    samples = noise(4800, channels=2)
    frames_first = np.asfortranarray(samples)
    frames_first.flags.writeable = False
    np.testing.assert_array_equal(run((48_000, 16_000), frames_first, [777]), run((48_000, 16_000), samples, [4800]))


def test_equal_rates_pass_through() -> None:
    """The block itself comes back, and nothing at the end."""
    resampler = Resampler(16_000, 16_000)
    block = noise(160)
    assert resampler.accept(block) is block
    assert resampler.finish().shape == (1, 0)


@pytest.mark.parametrize("rates", [(48_000, 16_000), (44_100, 16_000), (8_000, 16_000), (16_000, 8_000)])
def test_latency_is_what_the_docstring_says(rates: tuple[int, int]) -> None:
    """The first sample comes out within 45 ms of audio, and 120 ms where 8 kHz is one of the rates."""
    resampler, samples = Resampler(*rates), noise(rates[0])
    edges = [ms * rates[0] // 1000 for ms in range(1001)]
    heard = [resampler.accept(samples[:, begin:end]).shape[1] > 0 for begin, end in pairwise(edges)]
    assert heard.index(True) + 1 <= (120 if 8_000 in rates else 45)


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_nothing_is_accepted_after_finish(rate: int) -> None:
    """``accept`` and ``finish`` after ``finish`` are StreamFinished, whatever the rates."""
    resampler = Resampler(rate, 16_000)
    resampler.finish()
    with pytest.raises(StreamFinished):
        resampler.accept(noise(10))
    with pytest.raises(StreamFinished):
        resampler.finish()


@pytest.mark.parametrize("rates", [(7_999, 16_000), (16_000, 192_001)])
def test_rates_out_of_range(rates: tuple[int, int]) -> None:
    """Rates out of 8 to 192 kHz are InvalidSamples on either side."""
    with pytest.raises(InvalidSamples):
        Resampler(*rates)


def test_two_channels_equal_each_alone() -> None:
    """Channels do not leak into each other."""
    samples = noise(44_100, channels=2)
    both = run((44_100, 16_000), samples, [999])
    for channel in range(2):
        alone = run((44_100, 16_000), samples[channel : channel + 1], [999])
        np.testing.assert_array_equal(both[channel], alone[0])
