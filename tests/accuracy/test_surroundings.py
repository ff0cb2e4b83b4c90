"""Recordings as they are heard elsewhere: levels, length, time."""

import numpy as np
import pytest

from segue.accuracy.noise import RATE
from segue.accuracy.surroundings import Surroundings, heard_in, in_16_bits, is_speech, mix
from segue.speech.scorer import Samples
from segue.speech.segmenter import Segment

SPEECH = (Segment(500, 1500),)


def clip() -> Samples:
    """Two seconds; one of them speech, which is a tone; the rest is silent."""
    samples = np.asarray(0.2 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE), dtype=np.float32)
    samples[: RATE // 2] = samples[-RATE // 2 :] = 0
    return samples


def mean_square(samples: Samples) -> float:
    return float(np.mean(samples.astype(np.float64) ** 2))


@pytest.mark.parametrize("snr_db", [20.0, 0.0])
@pytest.mark.parametrize(("speech", "more_db"), [(SPEECH, 0.0), ((), -3.01)])
def test_a_ratio_counts_the_speech_while_somebody_speaks(
    snr_db: float, speech: tuple[Segment, ...], more_db: float
) -> None:
    """Not over the whole clip, half of which is silent here: that is 3 dB less, and what is done without segments."""
    noise = np.random.default_rng(0).standard_normal(len(clip())).astype(np.float32)
    added = mix(clip(), speech, noise, snr_db=snr_db) - clip()
    level = mean_square(clip()[is_speech(SPEECH, len(clip()))])
    assert 10 * np.log10(level / mean_square(added)) == pytest.approx(snr_db - more_db, abs=0.01)


@pytest.mark.parametrize(
    "surroundings",
    [Surroundings(), Surroundings("hum", 5), Surroundings("babble", 10), Surroundings("pink", 5, 0.8, -6, -26)],
)
def test_it_is_as_long_and_the_same_again(surroundings: Surroundings) -> None:
    """As many samples, finite; the same for the same generator, and others for another."""
    one, again, other = (
        heard_in(clip(), SPEECH, surroundings, np.random.default_rng(seed), voices=[clip()]) for seed in (0, 0, 1)
    )
    assert one.dtype == np.float32
    assert len(one) == len(clip())
    assert np.isfinite(one).all()
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_room_does_not_delay() -> None:
    """The first loud sample is where the speech begins."""
    heard = heard_in(clip(), SPEECH, Surroundings(rt60_s=0.3, direct_to_reverberant_db=10), np.random.default_rng(0))
    assert int(np.argmax(np.abs(heard) > 0.05)) * 1000 / RATE == pytest.approx(500, abs=3)


def test_silence_in_noise_stays_silent() -> None:
    """There is nothing that the noise could be louder or softer than."""
    silence = np.zeros(RATE, dtype=np.float32)
    assert not heard_in(silence, (), Surroundings("hum", 0), np.random.default_rng(0)).any()


def test_what_is_too_loud_is_turned_down_as_a_whole() -> None:
    """It is not clipped."""
    assert in_16_bits(np.array([2.0, -1.0, 0.5], dtype=np.float32)) == pytest.approx([32767 / 32768, -0.5, 0.25])
