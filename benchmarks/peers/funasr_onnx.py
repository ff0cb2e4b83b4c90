"""funasr-onnx: FunASR's own ONNX Runtime client."""

from pathlib import Path
from typing import Any

from benchmarks.peers import Pairs
from benchmarks.recording import RATE, Samples


class FunasrOnnxStream:
    """``Fsmn_vad_online``: the caller carries the state of a stream in a dictionary."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._state: dict[str, object] = {"in_cache": [], "is_final": False}

    def feed(self, chunk: Samples) -> object:
        """Its events."""
        return self._model(chunk, param_dict=self._state)


class FunasrOnnx:
    """``Fsmn_vad`` for recordings, ``Fsmn_vad_online`` live; one thread, or as it comes with ``threads=4``."""

    chunk_samples = RATE // 5

    def __init__(self, directory: Path, *, threads: int = 1) -> None:
        from funasr_onnx import Fsmn_vad, Fsmn_vad_online  # type: ignore[import-not-found]  # only in .bench

        self.name = "funasr-onnx" if threads == 1 else f"funasr-onnx, {threads} threads"
        self._offline = Fsmn_vad(str(directory), intra_op_num_threads=threads)
        self._online = Fsmn_vad_online(str(directory), intra_op_num_threads=threads)

    def detect(self, samples: Samples) -> Pairs:
        """One recording; it answers a list of one."""
        return [(start, end) for start, end in self._offline(samples)[0]]

    def open_stream(self) -> FunasrOnnxStream:
        """A new dictionary."""
        return FunasrOnnxStream(self._online)
