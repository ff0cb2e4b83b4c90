"""The scales of an int8 model: found on given audio, and sound to find them on where there is none."""

from pathlib import Path

import numpy as np
import pytest

from segue.errors import AudioEmpty, ModelUnsupported
from segue.models.fsmn_calibration import quantised_on, synthetic_speech
from tests.models.networks import Network, plain_features, write_int8_of, write_network


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return write_network(tmp_path_factory.mktemp("models") / "8k")


def test_the_first_scale_is_that_of_the_features(network: Network) -> None:
    """The first matrix's inputs, the features, span 0.1 % to 99.9 % of what their frames' extremes are."""
    from segue.speech.features import power_spectra

    samples = synthetic_speech(8_000, seconds=10, seed=0)
    first = quantised_on(network.directory, [samples]).int8[0]
    (power,) = power_spectra(network.frontend, [samples])
    features = plain_features(np.concatenate((power[:1], power)), network.frontend, network.cmvn)
    low, high = np.quantile(features.min(axis=1), 0.001), np.quantile(features.max(axis=1), 0.999)
    span = max(high, 0) - min(low, 0)
    assert first.input_scale == pytest.approx(span / 255, rel=0.01)
    assert first.input_zero == pytest.approx(255 * -min(low, 0) / span, abs=1)


def test_pieces_of_audio_count_together(network: Network) -> None:
    """A loud recording among quiet ones widens the scales wherever it stands; less than a frame does nothing."""
    quiet = 0.001 * synthetic_speech(8_000, seconds=12, seed=0)
    loud = synthetic_speech(8_000, seconds=12, seed=1)
    short = np.zeros(10, dtype=np.float32)
    one, other, alone = (
        quantised_on(network.directory, audio).int8[0].input_scale
        for audio in ([quiet, loud, short], [loud, short, quiet], [quiet])
    )
    assert one == other
    assert one != alone


def test_nothing_to_hear_is_refused(network: Network) -> None:
    """Without a single frame there are no scales: said so, not made up."""
    for audio in ([], [np.zeros(10, dtype=np.float32)]):
        with pytest.raises(AudioEmpty, match="less than a frame"):
            quantised_on(network.directory, audio)


def test_an_int8_model_is_not_quantised_again(network: Network, tmp_path: Path) -> None:
    """What is lost in it is lost: the float model is asked for."""
    with pytest.raises(ModelUnsupported, match="int8 model already"):
        quantised_on(write_int8_of(network.directory, tmp_path), [synthetic_speech(8_000, seconds=2, seed=0)])


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
def test_synthetic_sound_is_the_same_each_time(rate: int) -> None:
    """The same numbers for the same seed, within full scale, of the length that was asked for, loud and quiet."""
    samples = synthetic_speech(rate, seconds=6, seed=3)
    np.testing.assert_array_equal(samples, synthetic_speech(rate, seconds=6, seed=3))
    assert samples.dtype == np.float32
    assert samples.shape == (6 * rate,)
    assert np.abs(samples).max() <= 1
    blocks = np.abs(samples[: 6 * rate].reshape(-1, rate // 10)).max(axis=1)
    assert blocks.max() > 10 * blocks.min()
