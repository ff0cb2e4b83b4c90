"""The README's picture: the sample recording as a live stream whose model is replaced in the middle of an utterance.

What ``segue.plot`` draws, and where the other version began to decide. Needs matplotlib: the extra ``plot``.

Usage: python scripts/picture.py RECORDING.wav OUT.png
"""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import soundfile

import segue

ORANGE = "#d97706"
CHUNK_MS, CHANGE_MS = 200, 16_000


def listen(recording: Path) -> tuple[segue.Detection, int]:
    """What the stream found, with its probabilities, and where the second version began to decide, in ms."""
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
    segments = tuple(event.segment for event in events if isinstance(event, segue.SpeechEnded))
    whole = first.detect(samples, sample_rate=rate)  # for its length and what it says of itself
    return dataclasses.replace(whole, segments=segments, probabilities=1 - np.concatenate(stream.kept)), changed_at_ms


def draw(recording: Path, picture: Path) -> None:
    """The stream's picture, a line where the version changed, and what came after that in another colour."""
    detection, changed_at_ms = listen(recording)
    figure = segue.plot(recording, detection, title="A live stream whose version is replaced")
    wave, probability = figure.axes
    for panel in (wave, probability):
        panel.axvline(changed_at_ms / 1000, color=ORANGE, linewidth=1.5)
    told = f"the version after: model_changed, at_ms {changed_at_ms}; the open utterance goes on"
    wave.text(1, 1.25, told, color=ORANGE, fontsize=10, ha="right", va="center", transform=wave.transAxes)
    assert detection.probabilities is not None  # kept
    after = detection.probabilities[changed_at_ms // 10 :]
    seconds = changed_at_ms / 1000 + (np.arange(len(after)) + 0.5) / 100
    probability.plot(seconds, after, color=ORANGE, linewidth=0.9)
    figure.savefig(picture)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
