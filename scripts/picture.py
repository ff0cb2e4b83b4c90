"""The README's picture: the sample recording as a live stream whose model is replaced in the middle of an utterance.

Waveform, segments, speech probability, and where the other version began to decide. Needs matplotlib.

Usage: python scripts/picture.py RECORDING.wav OUT.png
"""

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import soundfile

import segue

BLUE, ORANGE, GREEN = "#2563a8", "#d97706", "#7ac29a"
CHUNK_MS, CHANGE_MS = 200, 16_000


def listen(recording: Path) -> tuple[segue.Samples, int, list[segue.Segment], np.ndarray, int]:
    """Samples, rate, segments, speech probability a frame, and where the second version began to decide, in ms."""
    samples, rate = soundfile.read(recording, dtype="float32")
    first, second = segue.load(), segue.load(max_end_silence_time=500)
    stream = segue.DetectorStream(first.scorer, first.rules, sample_rate=rate, keep=True)
    events, changed_at_ms, step = [], 0, rate * CHUNK_MS // 1000
    for at in range(0, len(samples), step):
        if at * 1000 // rate == CHANGE_MS:
            changed_at_ms = stream.adopt(second.scorer, second.rules) * second.scorer.frame_ms
        events += stream.accept(samples[at : at + step])
    events += stream.finish()
    assert stream.kept is not None  # asked for
    segments = [event.segment for event in events if isinstance(event, segue.SpeechEnded)]
    return samples, rate, segments, 1 - np.concatenate(stream.kept), changed_at_ms


def draw(recording: Path, picture: Path) -> None:
    """Two panels over one time axis: the waveform with its segments shaded, and 1 - p0 a frame."""
    mpl.use("Agg")
    from matplotlib import pyplot  # the backend must be chosen first

    samples, rate, segments, speech, changed_at_ms = listen(recording)
    times_s, changed = np.arange(len(samples)) / rate, changed_at_ms // 10
    figure, (wave, probability) = pyplot.subplots(
        2, 1, figsize=(10, 3.6), sharex=True, height_ratios=(3, 1.2), layout="constrained"
    )
    wave.plot(times_s, samples, color=BLUE, linewidth=0.4)
    for number, segment in enumerate(segments, 1):
        for panel in (wave, probability):
            panel.axvspan(segment.start_ms / 1000, segment.end_ms / 1000, color=GREEN, alpha=0.35, linewidth=0)
        wave.text(segment.start_ms / 1000 + 0.1, 0.97, str(number), transform=wave.get_xaxis_transform(), va="top")
    for panel in (wave, probability):
        panel.axvline(changed_at_ms / 1000, color=ORANGE, linewidth=1.5)
    told = f"model_changed, at_ms {changed_at_ms}: the open utterance goes on"
    wave.text(changed_at_ms / 1000 + 0.15, -0.93, told, color=ORANGE)
    wave.set(ylabel="waveform", ylim=(-1, 1))
    frames_s = np.arange(len(speech)) / 100
    probability.plot(frames_s[:changed], speech[:changed], color=BLUE, linewidth=0.8, label="the version before")
    probability.plot(frames_s[changed:], speech[changed:], color=ORANGE, linewidth=0.8, label="the version after")
    figure.legend(loc="outside upper right", ncols=2, fontsize="small", frameon=False)
    probability.set(ylabel="p(speech)", ylim=(-0.05, 1.05), xlabel="seconds", xlim=(0, len(samples) / rate))
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
