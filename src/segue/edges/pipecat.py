"""A ``VADAnalyzer`` for Pipecat (``pip install 'segue[pipecat]'``).

Pipecat's own rules decide (``VADParams``: confidence, start, stop, volume); the model gives the confidence.
"""

import numpy as np

from segue.speech.detector import Detector
from segue.speech.stream import DetectorStream

try:
    from pipecat.audio.vad.vad_analyzer import VADAnalyzer, VADParams
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        f"segue.edges.pipecat needs {missing.name}, which is not installed: pip install 'segue[pipecat]'",
        name=missing.name,
    ) from missing

__all__ = ["SegueVADAnalyzer"]

_WINDOW_MS = 20  # two frames of FSMN-VAD, and what Pipecat's transports bring at once


class SegueVADAnalyzer(VADAnalyzer):  # type: ignore[misc]  # the extra is not installed where types are checked
    """Speech probability for one audio stream of a pipeline.

    ``detector``: of ``segue.load()``; one serves any number of analyzers, each has a stream of its own. ``sample_rate``
    in Hz, the transport's where left out, from 8000 to 192000. ``params``: Pipecat's. Pipecat calls it in a thread of
    its own. A model that fails raises InferenceFailed there, which the pipeline reports as an ErrorFrame: it is never
    taken for silence.
    """

    def __init__(
        self, detector: Detector, *, sample_rate: int | None = None, params: "VADParams | None" = None
    ) -> None:
        super().__init__(sample_rate=sample_rate, params=params)
        self._detector = detector
        self._stream: DetectorStream | None = None
        self._confidence = 0.0  # until the first frame is decidable

    def set_sample_rate(self, sample_rate: int) -> None:
        """Begin another stream at that rate. Raises InvalidSamples for one that cannot be."""
        super().set_sample_rate(sample_rate)
        scorer, rules = self._detector.scorer, self._detector.rules
        self._stream = DetectorStream(scorer, rules, sample_rate=self.sample_rate, keep=True)
        self._confidence = 0.0

    def num_frames_required(self) -> int:
        """Samples of 20 ms."""
        return int(self.sample_rate) * _WINDOW_MS // 1000

    def voice_confidence(self, buffer: bytes) -> float:
        """The mean probability of speech of the frames that 16-bit samples made decidable, about 40 ms behind them.

        Raises InferenceFailed; the samples are kept then, and scored with the next.
        """
        if self._stream is None:
            raise RuntimeError("set_sample_rate() comes first: the pipeline calls it when it starts")
        self._stream.accept(np.frombuffer(buffer, "<i2"))
        kept = self._stream.kept
        assert kept is not None  # asked for
        if p_silence := [p for block in kept for p in block.tolist()]:
            self._confidence = 1 - sum(p_silence) / len(p_silence)
        kept.clear()
        return self._confidence
