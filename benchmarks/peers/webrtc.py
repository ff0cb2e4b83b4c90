"""WebRTC's VAD: Gaussian mixtures over six bands of energy, a decision every 10 ms, no segments of its own."""

from functools import partial

from benchmarks.peers import Pairs
from benchmarks.recording import RATE, Samples

_FRAME_SAMPLES = RATE // 100


class WebRtc:
    """``webrtcvad`` of the package webrtcvad-wheels, its frames joined; ``aggressiveness`` from 0 to 3."""

    def __init__(self, *, aggressiveness: int) -> None:
        import webrtcvad  # type: ignore[import-not-found]  # only in .bench

        self.name = f"WebRTC VAD, mode {aggressiveness}"
        self._open = partial(webrtcvad.Vad, aggressiveness)

    def detect(self, samples: Samples) -> Pairs:
        """One recording, by a detector of its own: it adapts to what it hears. What follows the last frame is none."""
        detector = self._open()
        pcm = (samples * 32768).clip(-32768, 32767).astype("<i2")
        starts = range(0, len(pcm) - _FRAME_SAMPLES + 1, _FRAME_SAMPLES)
        found: Pairs = []
        for frame, start in enumerate(starts):
            if not detector.is_speech(pcm[start : start + _FRAME_SAMPLES].tobytes(), RATE):
                continue
            if found and found[-1][1] == 10 * frame:
                found[-1] = (found[-1][0], 10 * frame + 10)
            else:
                found.append((10 * frame, 10 * frame + 10))
        return found
