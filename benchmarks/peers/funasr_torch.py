"""FunASR itself, on PyTorch: with fixed end silence as funasr-onnx and Segue have it by default, or as it comes."""

import logging
from pathlib import Path
from typing import Any

from benchmarks.peers import Pairs
from benchmarks.recording import RATE, Samples

_CHUNK_MS = 200
_CLASSIC = {"max_end_silence_time": 800}


class FunasrTorchStream:
    """The caller carries the state of a stream in a dictionary."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._cache: dict[str, object] = {}

    def feed(self, chunk: Samples) -> object:
        """Its events."""
        return self._model.generate(input=chunk, cache=self._cache, is_final=False, chunk_size=_CHUNK_MS, **_CLASSIC)


class FunasrTorch:
    """``AutoModel``; one thread. ``dynamic``: without the fixed end silence."""

    chunk_samples = RATE * _CHUNK_MS // 1000

    def __init__(self, directory: Path, *, dynamic: bool = False) -> None:
        import torch  # type: ignore[import-not-found]  # only in .bench
        from funasr import AutoModel  # type: ignore[import-not-found]  # only in .bench

        self.name = "FunASR (torch), as it comes" if dynamic else "FunASR (torch)"
        self._options = {} if dynamic else _CLASSIC
        logging.disable(logging.WARNING)  # it sets the root logger up and tells it much
        torch.set_num_threads(1)
        self._model = AutoModel(
            model=str(directory), device="cpu", ncpu=1, disable_update=True, disable_pbar=True, disable_log=True
        )

    def detect(self, samples: Samples) -> Pairs:
        """One recording; it answers a list of one."""
        return [(start, end) for start, end in self._model.generate(input=samples, **self._options)[0]["value"]]

    def open_stream(self) -> FunasrTorchStream:
        """A new dictionary."""
        return FunasrTorchStream(self._model)
