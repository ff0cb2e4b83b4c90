"""The lowest and highest sample of each column."""

import numpy as np
import pytest

from segue.speech.envelope import Envelope


@pytest.mark.parametrize("step", [1, 7, 100, 1000])
def test_each_column_has_its_lowest_and_highest_sample(step: int) -> None:
    """Those of all samples that fall into it, whatever the blocks; of each channel, and of their mix."""
    samples = np.random.default_rng(0).uniform(-1, 1, (2, 1000)).astype(np.float32)
    envelope = Envelope([0, 1, None], samples=1000, columns=30)
    for start in range(0, 1000, step):
        envelope.accept(samples[:, start : start + step])
    rows = [*samples, samples.mean(axis=0)]
    column = np.arange(1000) * 30 // 1000
    for row, low, high in zip(rows, envelope.low, envelope.high, strict=True):
        np.testing.assert_allclose(low, [row[column == index].min() for index in range(30)], rtol=1e-6)
        np.testing.assert_allclose(high, [row[column == index].max() for index in range(30)], rtol=1e-6)
    assert envelope.peak == pytest.approx(np.abs(rows).max())


def test_a_short_or_cut_recording_is_silent_where_nothing_came() -> None:
    """No more columns than samples; those that no sample reached are 0, and what is too long is not looked at."""
    envelope = Envelope([None], samples=4, columns=100)
    envelope.accept(np.full((1, 2), 0.5, np.float32))
    assert envelope.columns == 4
    assert envelope.high.tolist() == [[0.5, 0.5, 0, 0]]
    envelope.accept(np.full((1, 9), -0.25, np.float32))
    assert envelope.low.tolist() == [[0.5, 0.5, -0.25, -0.25]]
    assert Envelope([], samples=0, columns=9).peak == 0.01
