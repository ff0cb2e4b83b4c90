"""Silero VAD, its ONNX model: another network with other segments, for scale."""

from typing import Any

from benchmarks.peers import Pairs
from benchmarks.recording import RATE, Samples


class SileroStream:
    """``VADIterator`` over a model of its own: the state lives in the model."""

    def __init__(self) -> None:
        import torch  # type: ignore[import-not-found]  # only in .bench
        from silero_vad import VADIterator, load_silero_vad  # type: ignore[import-not-found]  # only in .bench

        self._tensor = torch.from_numpy
        self._iterator = VADIterator(load_silero_vad(onnx=True), sampling_rate=RATE)

    def feed(self, chunk: Samples) -> object:
        """Its events."""
        return self._iterator(self._tensor(chunk))


class Silero:
    """``get_speech_timestamps`` with the frame by frame model, and with the newer one that takes blocks of frames."""

    name = "silero-vad (ONNX)"
    chunk_samples = 512

    def __init__(self) -> None:
        import torch
        from silero_vad import get_speech_timestamps, load_silero_vad
        from silero_vad.sequence_vad import (  # type: ignore[import-not-found]  # only in .bench
            get_speech_timestamps_sequence,
        )

        torch.set_num_threads(1)
        self._tensor = torch.from_numpy
        self._model = load_silero_vad(onnx=True)
        self._blocks_model = load_silero_vad(sequence=True)
        self._timestamps = get_speech_timestamps
        self._blocks_timestamps = get_speech_timestamps_sequence

    def detect(self, samples: Samples) -> Pairs:
        """Frame by frame."""
        return _in_ms(self._timestamps(self._tensor(samples), self._model, sampling_rate=RATE))

    def detect_in_blocks(self, samples: Samples) -> Pairs:
        """In blocks of frames."""
        return _in_ms(self._blocks_timestamps(samples, self._blocks_model, sampling_rate=RATE))

    def open_stream(self) -> SileroStream:
        """Loads another model."""
        return SileroStream()


def _in_ms(found: Any) -> Pairs:
    return [(span["start"] * 1000 // RATE, span["end"] * 1000 // RATE) for span in found]
