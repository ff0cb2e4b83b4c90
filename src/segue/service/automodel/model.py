"""``AutoModel``: FunASR's way to hold and to call FSMN-VAD."""

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from segue.errors import InvalidParameter
from segue.service.automodel.inputs import Given, expand, is_encoded, samples_of
from segue.service.automodel.options import Ask, checked, idle, understood
from segue.service.automodel.take import Take
from segue.service.loading import load
from segue.speech.audio import decode
from segue.speech.detector import Detector

_LOG = logging.getLogger("segue")
_HUBS = ("ms", "modelscope", "hf", "huggingface")


class AutoModel:
    """FSMN-VAD with the call and the answers of ``funasr.AutoModel`` 1.4. Immutable and thread-safe.

    ``model``: an ID, an alias such as ``fsmn-vad``, or a directory; ``model_revision``; ``hub``, "ms" or "hf".
    Decision parameters, ``fs``, ``chunk_size`` and the like hold for every call. What only computes or reports
    (``device``, ``ncpu``, ``disable_pbar``, …) is accepted and does nothing; what would change the answers and is not
    here (``vad_model``, ``punc_model``, ``fp16``, …) is refused by name. Raises InvalidParameter, ModelError.
    """

    def __init__(self, *, model: str, model_revision: str | None = None, hub: str = "ms", **options: Any) -> None:
        self._built = checked(options, where="AutoModel()")
        if hub not in _HUBS:
            raise InvalidParameter(f"hub={hub!r}: one of {', '.join(_HUBS)}")
        elsewhere = hub in ("hf", "huggingface") and "/" in model and not os.path.isdir(model)
        detector = load(f"hf:{model}" if elsewhere and not model.startswith("hf:") else model, model_revision)
        detector.rules.asking(
            understood(self._built, {}).asked, source="AutoModel()"
        )  # said now, not at the first call
        self._detector = detector

    def __repr__(self) -> str:
        return f"AutoModel({self._detector.model})"

    @property
    def detector(self) -> Detector:
        """What answers."""
        return self._detector

    def generate(
        self,
        input: Any,  # noqa: A002  # FunASR's name
        input_len: Any = None,  # noqa: ARG002  # FunASR's VAD does not read it either
        progress_callback: Callable[[int, int], Any] | None = None,
        *,
        key: Any = None,
        **options: Any,
    ) -> list[dict[str, Any]]:
        """``[{"key": …, "value": [[start_ms, end_ms], …]}]``, one of them an input.

        ``input``: a path or file object, the bytes of a file, raw 16-bit PCM, samples (int16, int32 or float within
        ±1, at ``fs``, 16000 Hz unless told), a list of these, or a ``wav.scp``. Live: samples or PCM with the caller's
        own ``cache={}``, ``is_final`` at the last, and ``chunk_size`` in ms; then the value has ``[start, -1]``,
        ``[-1, end]`` and ``[start, end]``. Decided in ``dynamic`` mode, as FunASR does, or with
        ``max_end_silence_time`` in ``classic``. Raises AudioError, InvalidParameter, InferenceFailed.
        """
        for name in (nothing := idle(options)):
            _LOG.warning("%s does nothing in generate(), in FunASR neither: give it to AutoModel()", name)
        read = checked({n: value for n, value in options.items() if n not in nothing}, where="generate()")
        ask = understood(self._built, read)
        found = expand(input, key)
        answers = []
        for number, given in enumerate(found, 1):
            each = ask if "cache" in read else replace(ask, cache={})  # else none would be the caller's
            answers.append({"key": given.key, "value": self._value(given, each)})
            if progress_callback:
                progress_callback(number, len(found))
        return answers

    def __call__(self, *args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        """As ``generate``."""
        return self.generate(*args, **kwargs)

    def _value(self, given: Given, ask: Ask) -> list[list[int]]:
        source = given.source
        if given.is_whole:
            segments = self._detector.detect(source, **ask.asked).segments
            return [[each.start_ms, each.end_ms] for each in segments]
        if isinstance(source, bytes) and is_encoded(source):
            source = self._decoded(source)
            ask = replace(ask, sample_rate=self._detector.scorer.sample_rate)
        elif isinstance(source, bytes):
            source = samples_of(source)
        return Take.of(self._detector, ask).accept(source, ask)

    def _decoded(self, data: bytes) -> Any:
        """The samples of a file, mixed, at the model's rate: to FunASR they are a chunk like any other."""
        rate, longest_s = self._detector.scorer.sample_rate, self._detector.max_audio_s
        with decode(data, target_rate=rate, sample_rate=None, channels="mix", max_audio_s=longest_s) as decoded:
            return np.concatenate([np.empty(0, np.float32), *(block[0] for block in decoded)])
