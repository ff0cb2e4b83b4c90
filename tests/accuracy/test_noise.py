"""What speech is spoilt with sounds as it says."""

from collections.abc import Callable

import numpy as np
import pytest
import scipy.signal

from segue.accuracy import noise
from segue.accuracy.noise import RATE
from segue.speech.scorer import Samples

SECONDS = 8


def level_db(samples: Samples, low_hz: float, high_hz: float) -> float:
    """Mean power per hertz in a band."""
    hertz, power = scipy.signal.welch(samples, RATE, nperseg=RATE)
    return float(10 * np.log10(power[(hertz >= low_hz) & (hertz < high_hz)].mean()))


@pytest.mark.parametrize("sound", [noise.pink, noise.hum])
def test_a_noise_is_the_same_for_the_same_generator(sound: Callable[[int, np.random.Generator], Samples]) -> None:
    """And another one for another; its mean square is 1."""
    one, again, other = (sound(RATE * SECONDS, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert np.mean(one.astype(np.float64) ** 2) == pytest.approx(1, abs=1e-3)


def test_pink_noise_falls_by_three_decibels_an_octave() -> None:
    """Over five octaves."""
    sound = noise.pink(RATE * SECONDS, np.random.default_rng(0))
    assert level_db(sound, 100, 200) - level_db(sound, 3200, 6400) == pytest.approx(5 * 3.01, abs=0.7)


def test_hum_has_the_mains_and_little_above_the_voice() -> None:
    """Its harmonics stand out, and what is high is far below."""
    sound = noise.hum(RATE * SECONDS, np.random.default_rng(0))
    assert level_db(sound, 49, 52) > level_db(sound, 60, 90) + 15
    assert level_db(sound, 60, 90) > level_db(sound, 4000, 8000) + 15


def test_babble_is_of_the_voices_and_of_equal_parts() -> None:
    """Each voice gets the same power, however soft it was; round again where one is too short."""
    at = np.arange(RATE) / RATE
    voices = [(loud * np.sin(2 * np.pi * hertz * at)).astype(np.float32) for loud, hertz in ((1, 500), (0.01, 3000))]
    sound = noise.babble(3 * RATE, np.random.default_rng(0), voices)
    assert level_db(sound, 495, 505) == pytest.approx(level_db(sound, 2995, 3005), abs=0.1)
    assert np.mean(sound.astype(np.float64) ** 2) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("rt60_s", [0.3, 1.0])
def test_a_room_decays_as_its_time_says(rt60_s: float) -> None:
    """By 60 dB in its RT60, from Schroeder's backward integral; and direct sound and tail are as far apart as asked."""
    response = noise.room(rt60_s, np.random.default_rng(0), direct_to_reverberant_db=-3).astype(np.float64)
    tail = response[1:]
    assert response[0] == 1
    assert 10 * np.log10(np.sum(tail**2)) == pytest.approx(3, abs=0.01)
    decay_db = 10 * np.log10(np.cumsum(tail[::-1] ** 2)[::-1] / np.sum(tail**2))
    first, last = (int(np.argmax(decay_db < level)) for level in (-5, -25))
    assert 3 * (last - first) / RATE == pytest.approx(rt60_s, rel=0.1)


def test_a_telephone_passes_its_band_alone() -> None:
    """1 kHz comes through, 100 Hz and 5 kHz do not; no sample is shifted away."""
    at = np.arange(2 * RATE) / RATE
    sound = sum(0.1 * np.sin(2 * np.pi * hertz * at) for hertz in (100, 1000, 5000))
    heard = noise.telephone(np.asarray(sound, dtype=np.float32))
    assert len(heard) == len(at)
    assert level_db(heard, 990, 1010) == pytest.approx(level_db(np.asarray(sound), 990, 1010), abs=1)
    assert level_db(heard, 95, 105) < level_db(heard, 990, 1010) - 25
    assert level_db(heard, 4990, 5010) < level_db(heard, 990, 1010) - 40
