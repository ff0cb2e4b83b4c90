"""What speech is heard through: noise, rooms, a telephone. A clip and a condition -> the clip as it is heard then.

Every spoilt clip has ``MARGIN_MS`` of background before and after it: where nobody speaks is where noise does its harm,
and the clips themselves hardly pause. The background is the condition's noise, or where it has none pink noise 50 dB
below the speech. A signal-to-noise ratio compares mean powers: of the speech while somebody speaks, by the labels, and
of the noise throughout. All is written in 16 bits, as recordings are.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.signal

from benchmarks import noise
from benchmarks.clips import Clip, active
from benchmarks.recording import RATE, Samples
from segue.speech.segmenter import Segment

MARGIN_MS = 2_000
_QUIET_DB = 50.0


@dataclass(frozen=True, slots=True)
class Condition:
    """One way to be heard. ``family``: the situation that it is an example of, for which there may be a preset."""

    name: str
    family: str
    sound: str = "pink"
    snr_db: float = _QUIET_DB
    rt60_s: float | None = None
    direct_to_reverberant_db: float = 0.0
    gain_db: float = 0.0
    by_telephone: bool = False


def _noisy() -> list[Condition]:
    """Steady noise and babble apart, for a network takes one for speech and not the other; 20 dB is not yet noisy."""
    sounds = {"hum": ("air conditioner", "noisy"), "pink": ("pink noise", "noisy"), "babble": ("babble", "babble")}
    return [
        Condition(f"{name}, {snr_db} dB", "a little noise" if snr_db == 20 else family, sound, float(snr_db))
        for sound, (name, family) in sounds.items()
        for snr_db in (20, 10, 5, 0)
    ]


QUIET = Condition("quiet", "quiet")

CONDITIONS: tuple[Condition, ...] = (
    QUIET,
    *_noisy(),
    *(Condition(f"{softer_db} dB softer", "soft", gain_db=-float(softer_db)) for softer_db in (20, 30)),
    *(Condition(f"room, RT60 {rt60_s} s", "room", rt60_s=rt60_s) for rt60_s in (0.3, 0.6, 1.0)),
    Condition("far-field, 15 dB", "far-field", "hum", 15.0, rt60_s=0.6, direct_to_reverberant_db=-3.0, gain_db=-20.0),
    Condition("far-field, 10 dB", "far-field", "pink", 10.0, rt60_s=0.6, direct_to_reverberant_db=-3.0, gain_db=-20.0),
    Condition("far-field, 5 dB", "far-field", "pink", 5.0, rt60_s=0.8, direct_to_reverberant_db=-6.0, gain_db=-26.0),
    Condition("telephone", "telephone", by_telephone=True),
    Condition("telephone, babble 15 dB", "telephone", "babble", 15.0, by_telephone=True),
    Condition("telephone, pink noise 10 dB", "telephone", snr_db=10.0, by_telephone=True),
)


def spoil(clip: Clip, condition: Condition, others: Sequence[Clip], *, seed: int = 0) -> Clip:
    """The clip as it is heard in a condition, between margins; its labels moved along. ``others``: who babbles.

    The same for the same names and seed, whatever else is measured. What would not fit into full scale is turned down.
    """
    chance = np.random.default_rng([seed, zlib.crc32(f"{clip.name}/{condition.name}".encode())])
    margin = np.zeros(MARGIN_MS * RATE // 1000, dtype=np.float32)
    moved = tuple(Segment(s.start_ms + MARGIN_MS, s.end_ms + MARGIN_MS) for s in clip.speech)
    heard = replace(clip, samples=np.concatenate((margin, clip.samples, margin)), speech=moved)
    if condition.rt60_s is not None:
        heard = replace(heard, samples=_in_room(heard.samples, condition, chance))
    samples = mixed(heard, _background(len(heard.samples), condition, others, chance), condition.snr_db)
    samples = samples * np.float32(10 ** (condition.gain_db / 20))
    if condition.by_telephone:
        samples = noise.telephone(samples)
    return replace(heard, samples=in_16_bits(samples))


def mixed(clip: Clip, background: Samples, snr_db: float) -> Samples:
    """The clip's samples and a background, so loud as to give that ratio."""
    power = float(np.mean(np.square(clip.samples[active(clip)], dtype=np.float64)))
    wanted = power / 10 ** (snr_db / 10) / float(np.mean(np.square(background, dtype=np.float64)))
    return np.asarray(clip.samples + np.float32(np.sqrt(wanted)) * background, dtype=np.float32)


def in_16_bits(samples: Samples) -> Samples:
    """As a file of 16 bits gives them back, turned down as a whole where they would not fit."""
    samples = samples / max(1.0, float(np.abs(samples).max(initial=0)))
    return np.asarray(np.clip(np.round(samples * 32768), -32768, 32767) / 32768, dtype=np.float32)


def _background(samples: int, condition: Condition, others: Sequence[Clip], chance: np.random.Generator) -> Samples:
    if condition.sound == "babble":
        return noise.babble(samples, chance, [other.samples for other in others])
    return {"pink": noise.pink, "hum": noise.hum}[condition.sound](samples, chance)


def _in_room(samples: Samples, condition: Condition, chance: np.random.Generator) -> Samples:
    assert condition.rt60_s is not None  # asked by the caller
    response = noise.room(condition.rt60_s, chance, direct_to_reverberant_db=condition.direct_to_reverberant_db)
    return np.asarray(scipy.signal.fftconvolve(samples, response)[: len(samples)], dtype=np.float32)
