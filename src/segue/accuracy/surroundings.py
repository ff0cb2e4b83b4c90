"""Where a recording might have been made: in noise, in a room, far from the microphone. It is made so on the spot.

A signal-to-noise ratio compares mean powers: of the speech while somebody speaks, and of the noise throughout.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.signal

from segue.accuracy import noise
from segue.accuracy.noise import RATE
from segue.speech.scorer import Samples
from segue.speech.segmenter import Segment

QUIET_DB = 50.0
"""Above a background that nobody minds."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """``sound``: pink, hum or babble, ``snr_db`` below the speech. ``rt60_s``: the room's, None for none.

    ``direct_to_reverberant_db``: how near the microphone is. ``gain_db``: of all of it.
    """

    sound: str = "pink"
    snr_db: float = QUIET_DB
    rt60_s: float | None = None
    direct_to_reverberant_db: float = 0.0
    gain_db: float = 0.0


def heard_in(
    samples: Samples,
    speech: Sequence[Segment],
    surroundings: Surroundings,
    chance: np.random.Generator,
    *,
    voices: Sequence[Samples] = (),
) -> Samples:
    """Samples, float32 (n,) at 16 kHz, as they are heard there: as many of them, not delayed, not yet clipped.

    ``speech``: where somebody speaks in them; nothing means throughout. ``voices``: who babbles.
    """
    if surroundings.rt60_s is not None:
        response = noise.room(
            surroundings.rt60_s, chance, direct_to_reverberant_db=surroundings.direct_to_reverberant_db
        )
        samples = np.asarray(scipy.signal.fftconvolve(samples, response)[: len(samples)], dtype=np.float32)
    background = _background(len(samples), surroundings.sound, chance, voices)
    mixed = mix(samples, speech, background, snr_db=surroundings.snr_db)
    return np.asarray(mixed * np.float32(10 ** (surroundings.gain_db / 20)), dtype=np.float32)


def mix(samples: Samples, speech: Sequence[Segment], background: Samples, *, snr_db: float) -> Samples:
    """Samples and a background of the same length, so loud as to give that ratio. Silence stays silent."""
    spoken = samples[is_speech(speech, len(samples))]
    power = float(np.mean(np.square(spoken if len(spoken) else samples, dtype=np.float64)))
    wanted = power / 10 ** (snr_db / 10) / float(np.mean(np.square(background, dtype=np.float64)))
    return np.asarray(samples + np.float32(np.sqrt(wanted)) * background, dtype=np.float32)


def is_speech(speech: Sequence[Segment], samples: int) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Which of so many samples are speech: bool (samples,)."""
    found = np.zeros(samples, dtype=np.bool_)
    for segment in speech:
        found[segment.start_ms * RATE // 1000 : segment.end_ms * RATE // 1000] = True
    return found


def in_16_bits(samples: Samples) -> Samples:
    """As a file of 16 bits gives them back, turned down as a whole where they would not fit."""
    samples = samples / max(1.0, float(np.abs(samples).max(initial=0)))
    return np.asarray(np.clip(np.round(samples * 32768), -32768, 32767) / 32768, dtype=np.float32)


def _background(samples: int, sound: str, chance: np.random.Generator, voices: Sequence[Samples]) -> Samples:
    if sound == "babble":
        return noise.babble(samples, chance, voices)
    return {"pink": noise.pink, "hum": noise.hum}[sound](samples, chance)
