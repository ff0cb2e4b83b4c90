"""What the matrices of a float FSMN-VAD are multiplied by on given audio, which an int8 one must know beforehand."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from segue.errors import AudioEmpty, ModelUnsupported
from segue.models.fsmn import read_weights, session_of
from segue.models.fsmn_config import read_config
from segue.models.fsmn_graph import build
from segue.models.fsmn_int8 import quantised
from segue.models.fsmn_weights import FsmnWeights
from segue.speech.features import SpectrumStream, power_spectra
from segue.speech.scorer import Samples

_BLOCK_S = 5
_KEPT = 0.999
"""Frames whose largest value is kept whole. All of them: one loud click would make every step coarser (measured)."""


def quantised_on(directory: Path, audio: Iterable[Samples]) -> FsmnWeights:
    """The model in ``directory`` in 8-bit numbers, for inputs as large as on ``audio`` (at the model's rate).

    Raises ModelError as loading does, AudioEmpty, and ModelUnsupported for a model that is int8 already.
    """
    config = read_config(directory)
    weights = read_weights(directory, config.layers)
    if weights.int8:
        raise ModelUnsupported(f"{directory} is an int8 model already: quantise the float model that it was made of")
    session = session_of(build(config.frontend, config.cmvn, weights, config.silence_classes, observed=True))
    channels, taps = weights.blocks[0].memory.shape
    least: list[NDArray[np.float32]] = []
    largest: list[NDArray[np.float32]] = []
    for samples in audio:
        stream = SpectrumStream(config.frontend)
        state = np.zeros((len(weights.blocks), 1, taps - 1, channels), dtype=np.float32)
        step = _BLOCK_S * config.frontend.sample_rate
        for at in range(0, len(samples), step):
            (power,) = power_spectra(config.frontend, [stream.take(samples[at : at + step])])
            rows = stream.rows(power)
            if len(rows) > 2 * config.frontend.lookahead_frames:
                _, state, *inputs = session.run(None, {"power": rows[np.newaxis], "state": state})
                least.append(np.array([x.min(axis=1) for x in inputs]))
                largest.append(np.array([x.max(axis=1) for x in inputs]))
    if not least:
        raise AudioEmpty("the recordings to find scales on hold less than a frame of audio: give longer ones")
    low = np.quantile(np.concatenate(least, axis=1), 1 - _KEPT, axis=1)
    high = np.quantile(np.concatenate(largest, axis=1), _KEPT, axis=1)
    return quantised(weights, list(zip(low.tolist(), high.tolist(), strict=True)))


def synthetic_speech(rate: int, *, seconds: int, seed: int) -> Samples:
    """Vowel-like sound in phrases with pauses, at several levels, over noise: float32 (seconds * rate,).

    Pulses through three resonances that move (Klatt's cascade, JASA 67, 1980, at its simplest). It stands in for speech
    where there is none: enough to find how large numbers become, not to say how a model does.
    """
    rng = np.random.default_rng(seed)
    made: list[Samples] = []
    while sum(map(len, made)) < seconds * rate:
        level = 10 ** (rng.uniform(-35, -8) / 20)
        syllables = [_syllable(rng, rate) for _ in range(rng.integers(3, 14))]
        phrase = np.concatenate(syllables)
        made.append((level * phrase / np.abs(phrase).max()).astype(np.float32))
        made.append(np.zeros(int(rng.uniform(0.3, 2.5) * rate), dtype=np.float32))
    joined = np.concatenate(made)[: seconds * rate]
    floor = 10 ** (np.repeat(rng.uniform(-75, -35, seconds), rate) / 20)
    return np.asarray(joined + floor * rng.standard_normal(len(joined)), dtype=np.float32)


def _syllable(rng: np.random.Generator, rate: int) -> Samples:
    length = int(rng.uniform(0.12, 0.35) * rate)
    if rng.random() < 0.25:  # a hiss instead of a voice
        source = rng.standard_normal(length)
    else:
        pitch = rng.uniform(80, 260) * np.linspace(1.05, 0.9, length)
        source = np.diff(np.floor(np.cumsum(pitch) / rate), prepend=0.0) + 0.01 * rng.standard_normal(length)
    for low, high in ((250, 900), (900, 2_300), (2_200, 3_400)):
        radius, angle = np.exp(-np.pi * rng.uniform(50, 120) / rate), 2 * np.pi * rng.uniform(low, high) / rate
        source = lfilter([1.0], [1.0, -2 * radius * np.cos(angle), radius**2], source)
    shaped: Samples = (source / max(np.abs(source).max(), 1e-9) * np.hanning(length)).astype(np.float32)
    return shaped
