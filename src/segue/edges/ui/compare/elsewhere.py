"""The recording as it would be somewhere else: in noise, or across the room. A WAV file, made on the spot."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile

from segue.accuracy.noise import RATE
from segue.accuracy.surroundings import Surroundings, heard_in, in_16_bits
from segue.edges.ui.files import fresh_folder
from segue.speech.audio import decode
from segue.speech.segmenter import Segment

MOST_S = 600.0
"""Longer recordings are not made noisy: all of it is in memory, several times."""

PLACES: Mapping[str, Surroundings] = {
    "hum_10": Surroundings("hum", 10.0),
    "hum_0": Surroundings("hum", 0.0),
    "pink_10": Surroundings("pink", 10.0),
    "pink_0": Surroundings("pink", 0.0),
    "far_15": Surroundings("hum", 15.0, 0.6, -3.0, -20.0),
    "far_5": Surroundings("pink", 5.0, 0.8, -6.0, -26.0),
}
"""Noise so many decibels below the speech: an air conditioner, pink noise, and both across a room."""


def moved(source: Path, speech: Sequence[Segment], place: str, *, most_s: float = MOST_S) -> Path:
    """The recording there: mono, 16 kHz, 16 bits, the same every time. ``speech``: where somebody speaks in it.

    It lies among Gradio's files, which it deletes in their time. Raises AudioError, AudioTooLong beyond ``most_s``.
    """
    with decode(source, target_rate=RATE, max_audio_s=most_s) as decoded:
        samples = np.concatenate([np.zeros(0, np.float32), *(block[0] for block in decoded)])
    heard = heard_in(samples, speech, PLACES[place], np.random.default_rng(0))
    folder = fresh_folder()
    path = folder / f"{source.stem}.{place}.wav"
    soundfile.write(path, in_16_bits(heard), RATE, subtype="PCM_16")
    return path
