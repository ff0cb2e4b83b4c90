"""A switchboard of real engines whose models hear loudness, by name; and what a test makes them do."""

import io
import threading
from collections.abc import Callable, Mapping

import numpy as np
import soundfile

from segue.service.engine import Engine
from segue.speech.detection import ModelIdentity
from segue.speech.detector import Detector
from segue.speech.rules import Rules
from segue.speech.scorer import Samples
from segue.swap import Event, FellBack, ModelSpec, Released, Resolved, Route, Switchboard, VersionId
from tests.fakes import LoudnessScorer

PATIENCE_S = 20.0


class Board:
    """Versions ``a``, ``b``, … of a switchboard. ``during[name]`` is called with all that its model is given.

    ``rules``: decision parameters, by name.
    """

    def __init__(self, *names: str, rules: Mapping[str, Mapping[str, object]] | None = None) -> None:
        self._rules = rules or {}
        self.during: dict[str, Callable[[Samples], object]] = {}
        self.released: list[Released] = []
        self.fallen: list[FellBack] = []
        self.threads: list[str] = []
        self.board: Switchboard[Engine] = Switchboard(self._load, close_model=self._close, listeners=[self._hear])
        self.versions = {name: self.board.add(Resolved(ModelSpec(f"test/{name}"), name)) for name in names}
        for version in self.versions.values():
            self.board.prepare(version)
        if names:
            self.serve(names[0])

    def serve(self, name: str) -> VersionId:
        """Switch to it."""
        self.board.switch(Route(self.versions[name]))
        return self.versions[name]

    @property
    def leases(self) -> int:
        """Those that are out."""
        return sum(status.leases for status in self.board.snapshot().versions)

    def _load(self, resolved: Resolved) -> Engine:
        name = resolved.digest

        def hear(samples: Samples) -> None:
            if name in self.during:
                self.during[name](samples)

        scorer = LoudnessScorer(hear)
        spec = resolved.spec
        identity = ModelIdentity(spec.model_id, None, name, resolved.version)
        return Engine(Detector(scorer, Rules.of(self._rules.get(name, {})), model=identity), 0)

    def _close(self, engine: Engine) -> None:
        engine.close()

    def _hear(self, event: Event) -> None:
        if isinstance(event, Released):
            self.threads.append(threading.current_thread().name)
            self.released.append(event)
        elif isinstance(event, FellBack):
            self.fallen.append(event)


def recording(seconds: float = 4.0) -> bytes:
    """A WAV file of 16 kHz: the second second of every two is loud."""
    loud = (np.arange(int(16_000 * seconds)) // 16_000) % 2
    file = io.BytesIO()
    soundfile.write(file, (loud * 0.5).astype(np.float32), 16_000, format="WAV")
    return file.getvalue()
