"""What the switchboard replaces: a detector that runs. How it is made, tried before anybody gets it, and let go."""

import ctypes
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import psutil

from segue import models
from segue.errors import InferenceFailed, InvalidParameter, ModelInvalid
from segue.hub import ResolvedModel
from segue.models.isolated import scorer as isolated
from segue.models.isolated.host import START_S, Host
from segue.service.isolation import is_isolated, parameters
from segue.speech.detection import ModelIdentity
from segue.speech.detector import Detector
from segue.speech.scorer import Samples, Scorer
from segue.speech.scores import Scores, score_many
from segue.speech.stream import DetectorStream
from segue.swap import Resolved

_WARM_S = 6
"""Seconds of noise of the trial: more than one block of the graph, and no more, for requests wait while it runs."""

_STREAMS = 16
"""How many streams are scored together in it: what a lane takes at once."""


_GIVE_WAY_S = 0.005
"""Between its parts, so that requests get the processor too."""


class Engine:
    """A detector in service, in this process or in one of its own, the ``host``. Safe for threads.

    ``grown_bytes``: by how much this process grew while it was made, roughly.
    """

    def __init__(self, detector: Detector, grown_bytes: int, *, host: Host | None = None) -> None:
        self._detector: Detector | None = detector
        self._host = host
        self.model = detector.model
        self._grown_bytes = grown_bytes

    @property
    def detector(self) -> Detector:
        """Raises InferenceFailed once it is closed."""
        if self._detector is None:
            raise InferenceFailed(f"{self.model.version} is closed")
        return self._detector

    @property
    def memory_bytes(self) -> int:
        """What it takes: its process now, else by how much this one grew for it, roughly."""
        return self._host.process.resident_bytes if self._host else self._grown_bytes

    @property
    def fate(self) -> str:
        """What became of its process; empty while that lives, or it has none of its own."""
        return f"its process {self._host.process.fate}" if self._host and self._host.process.fate else ""

    def end_calls(self) -> bool:
        """End the calls that are in the model by force, if they are in a process of its own; whether they are."""
        if self._host is None:
            return False
        self._host.process.kill("was killed: a call made no progress")
        return True

    @contextmanager
    def limited(self, limit_s: float) -> Iterator[None]:
        """A block for which a process of its own has so long; where there is none, it has for ever."""
        kill = self._host.process.kill if self._host else lambda _: None
        timer = threading.Timer(limit_s, kill, [f"was killed: its trial had not ended after {limit_s:g} s"])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def close(self) -> int:
        """Let go of the model; how many bytes went back to the system: all of its own process, of this one roughly."""
        before = resident_bytes()
        self._detector = None
        returned = self._host.close() if self._host else 0
        _trim()
        return returned + max(0, before - resident_bytes())


def load(
    found: ResolvedModel,
    resolved: Resolved,
    *,
    max_audio_s: float,
    isolate: bool = False,
    most_memory_bytes: int | None = None,
) -> Engine:
    """Load the model of a verified directory under the version's options. Raises ModelError, InvalidParameter.

    ``isolate``: in a process of its own, unless the options say where; ``most_memory_bytes`` is for that process.
    """
    spec = resolved.spec
    identity = ModelIdentity(spec.model_id, spec.revision, resolved.digest, resolved.version)
    before = resident_bytes()
    scorer: Scorer
    host: Host | None = None
    if is_isolated(spec.options, default=isolate):
        its = isolated.load(found.directory, found.kind, name=resolved.version, most_memory_bytes=most_memory_bytes)
        scorer, rules, host = *its, its[0].host
    else:
        scorer, rules = models.load(found.directory, found.kind)
    try:
        rules = rules.asking(parameters(spec.options), source="options").settled()
    except InvalidParameter:
        if host:
            host.close()
        raise
    detector = Detector(scorer, rules, model=identity, max_audio_s=max_audio_s)
    return Engine(detector, max(0, resident_bytes() - before), host=host)


def warm(engine: Engine, *, isolated_s: float = START_S) -> None:
    """Run it as it will be run, on noise and on digital silence: a recording, a live stream, many streams together.

    In a process of its own it has ``isolated_s`` for that. Raises ModelInvalid when its answers are not of the form
    promised, InferenceFailed when there are none.
    """
    with engine.limited(isolated_s):
        _try_out(engine)


def _try_out(engine: Engine) -> None:
    detector = engine.detector
    scorer = detector.scorer
    rate, frame_ms = scorer.sample_rate, scorer.frame_ms
    noise = _noise(rate)
    for samples in (noise, np.zeros(rate, np.float32)):
        detection = detector.detect(samples, sample_rate=rate, probabilities=True)
        frames = 0 if detection.probabilities is None else len(detection.probabilities)
        expected = detection.duration_ms / frame_ms
        if not expected - 100 / frame_ms - 1 <= frames <= expected + 1:
            raise ModelInvalid(
                f"{engine.model}: {detection.duration_ms} ms of audio gave {frames} frames of {frame_ms} ms; "
                "the model does not fit its configuration"
            )
        time.sleep(_GIVE_WAY_S)
    _as_streams(detector, noise)


def _as_streams(detector: Detector, samples: Samples) -> None:
    views = [Scores(detector.scorer) for _ in range(_STREAMS)]
    step = detector.scorer.sample_rate // 5
    for at in (0, step):
        for view in views:
            view.offer(samples[at : at + step])
        score_many(views)
        for view in views:
            view.score()
            view.take()
        time.sleep(_GIVE_WAY_S)
    stream = DetectorStream(detector.scorer, detector.rules)
    stream.accept(samples[: 5 * step])
    stream.adopt(detector.scorer, detector.rules)
    stream.finish()


def _noise(rate: int) -> Samples:
    """Bursts, so that there is something to decide."""
    count = _WARM_S * rate
    noise = np.random.default_rng(0).standard_normal(count, dtype=np.float32)
    samples: Samples = noise * np.where(np.arange(count) // rate % 3 == 1, np.float32(0.2), np.float32(0.002))
    return samples


def resident_bytes() -> int:
    """Of this process, in memory now."""
    return int(psutil.Process().memory_info().rss)


_trim_lock = threading.Lock()  # guards malloc_trim: one at a time is enough


def _trim() -> None:
    """Ask the C library to give free memory back to the system; where it cannot, nothing happens."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None and _trim_lock.acquire(blocking=False):
        try:
            trim(0)
        finally:
            _trim_lock.release()
