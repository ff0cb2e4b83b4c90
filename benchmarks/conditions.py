"""What speech is heard through: noise, rooms, a telephone. A clip and a condition -> the clip as it is heard then.

Every spoilt clip has ``MARGIN_MS`` of background before and after it: where nobody speaks is where noise does its harm,
and the clips themselves hardly pause. The background is the condition's noise, or where it has none pink noise 50 dB
below the speech; who speaks when, the labels say. All is written in 16 bits, as recordings are.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from benchmarks.clips import Clip
from benchmarks.recording import RATE
from segue.accuracy import noise
from segue.accuracy.surroundings import Surroundings, heard_in, in_16_bits
from segue.speech.segmenter import Segment

MARGIN_MS = 2_000


@dataclass(frozen=True, slots=True)
class Condition:
    """One way to be heard. ``family``: the situation that it is an example of, for which there may be a preset."""

    name: str
    family: str
    surroundings: Surroundings = field(default_factory=Surroundings)
    by_telephone: bool = False

    @property
    def sound(self) -> str:
        """The noise in it."""
        return self.surroundings.sound


def _noisy() -> list[Condition]:
    """Steady noise and babble apart, for a network takes one for speech and not the other; 20 dB is not yet noisy."""
    sounds = {"hum": ("air conditioner", "noisy"), "pink": ("pink noise", "noisy"), "babble": ("babble", "babble")}
    return [
        Condition(
            f"{name}, {snr_db} dB", "a little noise" if snr_db == 20 else family, Surroundings(sound, float(snr_db))
        )
        for sound, (name, family) in sounds.items()
        for snr_db in (20, 10, 5, 0)
    ]


QUIET = Condition("quiet", "quiet")

CONDITIONS: tuple[Condition, ...] = (
    QUIET,
    *_noisy(),
    *(Condition(f"{softer_db} dB softer", "soft", Surroundings(gain_db=-float(softer_db))) for softer_db in (20, 30)),
    *(Condition(f"room, RT60 {rt60_s} s", "room", Surroundings(rt60_s=rt60_s)) for rt60_s in (0.3, 0.6, 1.0)),
    Condition("far-field, 15 dB", "far-field", Surroundings("hum", 15.0, 0.6, -3.0, -20.0)),
    Condition("far-field, 10 dB", "far-field", Surroundings("pink", 10.0, 0.6, -3.0, -20.0)),
    Condition("far-field, 5 dB", "far-field", Surroundings("pink", 5.0, 0.8, -6.0, -26.0)),
    Condition("telephone", "telephone", by_telephone=True),
    Condition("telephone, babble 15 dB", "telephone", Surroundings("babble", 15.0), by_telephone=True),
    Condition("telephone, pink noise 10 dB", "telephone", Surroundings(snr_db=10.0), by_telephone=True),
)


def spoil(clip: Clip, condition: Condition, others: Sequence[Clip], *, seed: int = 0) -> Clip:
    """The clip as it is heard in a condition, between margins; its labels moved along. ``others``: who babbles.

    The same for the same names and seed, whatever else is measured. What would not fit into full scale is turned down.
    """
    chance = np.random.default_rng([seed, zlib.crc32(f"{clip.name}/{condition.name}".encode())])
    margin = np.zeros(MARGIN_MS * RATE // 1000, dtype=np.float32)
    moved = tuple(Segment(s.start_ms + MARGIN_MS, s.end_ms + MARGIN_MS) for s in clip.speech)
    heard = replace(clip, samples=np.concatenate((margin, clip.samples, margin)), speech=moved)
    voices = [other.samples for other in others]
    samples = heard_in(heard.samples, heard.speech, condition.surroundings, chance, voices=voices)
    if condition.by_telephone:
        samples = noise.telephone(samples)
    return replace(heard, samples=in_16_bits(samples))
