"""The README's picture: waveform, segments and speech probability of the sample recording. Needs matplotlib.

Usage: python scripts/picture.py RECORDING.wav OUT.png
"""

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import soundfile

import segue

BLUE, GREEN, GRAY = "#2563a8", "#7ac29a", "#555555"


def draw(recording: Path, picture: Path) -> None:
    """Two panels over one time axis: the waveform with its segments shaded, and 1 - p0 a frame."""
    mpl.use("Agg")
    from matplotlib import pyplot  # the backend must be chosen first

    samples, rate = soundfile.read(recording, dtype="float32")
    detection = segue.load().detect(recording, probabilities=True)
    assert detection.probabilities is not None  # asked for
    times_s = np.arange(len(samples)) / rate
    figure, (wave, probability) = pyplot.subplots(
        2, 1, figsize=(10, 3.4), sharex=True, height_ratios=(3, 1.2), layout="constrained"
    )
    wave.plot(times_s, samples, color=BLUE, linewidth=0.4)
    for number, segment in enumerate(detection, 1):
        for panel in (wave, probability):
            panel.axvspan(segment.start_ms / 1000, segment.end_ms / 1000, color=GREEN, alpha=0.35, linewidth=0)
        wave.text(segment.start_ms / 1000 + 0.1, 0.97, str(number), transform=wave.get_xaxis_transform(), va="top")
    wave.set_ylabel("waveform")
    wave.set_ylim(-1, 1)
    probability.plot(np.arange(len(detection.probabilities)) / 100, detection.probabilities, color=GRAY, linewidth=0.7)
    probability.set_ylabel("p(speech)")
    probability.set_ylim(-0.05, 1.05)
    probability.set_xlabel("seconds")
    probability.set_xlim(0, len(samples) / rate)
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
