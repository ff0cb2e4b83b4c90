"""A real service whose models hear loudness: only what would load weights is another."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from segue.edges.http.app import build
from segue.service import Service
from segue.service.engine import Engine
from segue.settings import read_settings
from segue.speech.detection import ModelIdentity
from segue.speech.detector import Detector
from segue.speech.rules import Rules
from segue.speech.scorer import Samples
from segue.swap import ModelSpec, Resolved
from tests.edges.http.server import Address, serving
from tests.fakes import LoudnessScorer

TIMEOUT_S = 30.0


class LoudService(Service):
    """``on_accept`` is called with every chunk that a model is given: a test may wait or raise in it."""

    on_accept: Callable[[Samples], None] = staticmethod(lambda _: None)

    def _load(self, resolved: Resolved) -> Engine:
        spec = resolved.spec
        scorer = LoudnessScorer(lambda samples: self.on_accept(samples))
        identity = ModelIdentity(spec.model_id, spec.revision, resolved.digest, resolved.version)
        rules = Rules.of().asking(spec.options, source="options")
        return Engine(Detector(scorer, rules, model=identity, max_audio_s=self.settings.max_audio_s), 0)

    def serve(self, model: Path, **options: str | float | bool) -> str:
        """Let a model serve; its version."""
        switched = self.switch(ModelSpec(str(model), None, options), who="test").future.result(TIMEOUT_S)
        return str(switched.route.primary)

    @property
    def token(self) -> str:
        return self.home.token()


def model(directory: Path, name: str) -> Path:
    """A directory that looks like a model; another name is another model."""
    path = directory / name
    path.mkdir()
    for file in ("model.onnx", "am.mvn", "config.yaml"):
        (path / file).write_text(name)
    return path


@contextmanager
def loud_service(home: Path, *, is_open: bool = True, **settings: Any) -> Iterator[LoudService]:
    """A service for the length of a block; nothing serves yet."""
    service = LoudService(read_settings(home=home, **settings), is_open=is_open)
    try:
        yield service
    finally:
        service.stop(TIMEOUT_S)


@contextmanager
def answering(service: Service) -> Iterator[Address]:
    """Its app, on a port."""
    with serving(build(service)) as address:
        yield address


def recording(*, seconds: float = 4.0, channels: int = 1) -> bytes:
    """A WAV file of 16 kHz: one second of every two is loud; in the second channel the other one."""
    time_s = np.arange(int(16_000 * seconds)) / 16_000
    loud = [(time_s.astype(int) + channel) % 2 for channel in range(channels)]
    samples = 0.3 * np.sin(2 * np.pi * 440 * time_s)[:, None] * np.stack(loud, axis=1)
    file = io.BytesIO()
    soundfile.write(file, samples, 16_000, format="WAV")
    return file.getvalue()
