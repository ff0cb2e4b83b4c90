"""Sounds that spoil speech, synthesised: each has a mean square of 1 and is the same for the same generator.

Samples are float32 (n,) at 16 kHz. Pure functions; scipy does the filters.
"""

from collections.abc import Sequence

import numpy as np
import scipy.signal

from segue.speech.scorer import Samples

RATE = 16_000
_MAINS_HZ = 50
_TALKERS = 5


def pink(samples: int, chance: np.random.Generator) -> Samples:
    """Power that falls with frequency, 3 dB an octave, from 20 Hz on."""
    spectrum = np.fft.rfft(chance.standard_normal(samples))
    hertz = np.fft.rfftfreq(samples, 1 / RATE)
    return _levelled(np.fft.irfft(np.where(hertz < 20, 0, spectrum / np.sqrt(np.maximum(hertz, 20))), samples))


def hum(samples: int, chance: np.random.Generator) -> Samples:
    """An air conditioner: harmonics of the mains, and as much of flowing air, which is low noise that swells slowly."""
    at_s = np.arange(samples) / RATE
    harmonics = range(1, 13)
    phases = chance.uniform(0, 2 * np.pi, len(harmonics))
    tones = [np.sin(2 * np.pi * _MAINS_HZ * k * at_s + phase) / k for k, phase in zip(harmonics, phases, strict=True)]
    low = scipy.signal.butter(1, 350, fs=RATE, output="sos")
    flow = scipy.signal.sosfilt(low, chance.standard_normal(samples))
    flow *= 1 + 0.2 * np.sin(2 * np.pi * 0.3 * at_s + chance.uniform(0, 2 * np.pi))
    return _levelled(_levelled(np.sum(tones, axis=0)) + _levelled(flow))


def babble(samples: int, chance: np.random.Generator, voices: Sequence[Samples]) -> Samples:
    """Five of the voices (fewer where there are fewer), equally loud, each from anywhere on and round again."""
    chosen = chance.choice(len(voices), size=min(_TALKERS, len(voices)), replace=False)
    talk = np.zeros(samples)
    for index in chosen:
        voice = np.roll(voices[index], int(chance.integers(len(voices[index]))))
        talk += _levelled(np.resize(voice, samples))
    return _levelled(talk)


def room(rt60_s: float, chance: np.random.Generator, *, direct_to_reverberant_db: float) -> Samples:
    """An impulse response: the direct sound, 1 at sample 0, then noise that has fallen by 60 dB after ``rt60_s``."""
    at_s = np.arange(round(rt60_s * RATE)) / RATE
    tail = chance.standard_normal(len(at_s)) * 10 ** (-3 * at_s / rt60_s)
    tail[: RATE // 400] = 0  # 2.5 ms, which is what the direct sound is counted as
    tail *= 10 ** (-direct_to_reverberant_db / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1
    return tail.astype(np.float32)


def telephone(samples: Samples) -> Samples:
    """Through 300 to 3400 Hz at 8 kHz in G.711's mu-law of 8 bits (its continuous form), and back at 16 kHz."""
    narrow = scipy.signal.resample_poly(samples, 1, 2)
    band = scipy.signal.butter(4, (300, 3400), btype="bandpass", fs=RATE / 2, output="sos")
    narrow = np.clip(scipy.signal.sosfilt(band, narrow), -1, 1)
    mu = 255
    coded = np.round(127 * np.sign(narrow) * np.log1p(mu * np.abs(narrow)) / np.log1p(mu)) / 127
    decoded = np.sign(coded) * np.expm1(np.abs(coded) * np.log1p(mu)) / mu
    return np.asarray(scipy.signal.resample_poly(decoded, 2, 1)[: len(samples)], dtype=np.float32)


def _levelled(samples: "np.ndarray[tuple[int], np.dtype[np.floating]]") -> Samples:
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return (samples / np.sqrt(power)).astype(np.float32) if power else samples.astype(np.float32)
