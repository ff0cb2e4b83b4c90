"""Live streams, versions and switches, done by hand or by threads; and what the streams must have been told."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segue.service.engine import Engine
from segue.service.hearing import Heard
from segue.service.lanes import Lane, Lanes
from segue.service.patience import Patience
from segue.service.rounds import Rounds
from segue.service.streams import (
    Failed,
    Finished,
    LiveStream,
    Message,
    ModelChanged,
    Opened,
    Probabilities,
    StreamAsk,
)
from segue.service.watch import Watch
from segue.speech.detection import ModelIdentity
from segue.speech.detector import Detector
from segue.speech.rules import Rules
from segue.speech.scorer import Samples, Scorer, SilenceProbs
from segue.speech.segmenter import Segmenter, SpeechEnded, SpeechStarted
from segue.swap import Event, FellBack, Health, ModelSpec, Resolved, Route, State, Switchboard, Transitioned, VersionId
from tests.service.voices import HOP, QUICK, Trouble, Voice, Weights, plain
from tests.swap.models import Clock

PATIENCE_S = 20.0


class HandLane(Lane[LiveStream]):
    """Jobs wait until somebody works."""

    def __init__(self) -> None:
        super().__init__(lambda _: None, name="by hand", threads=0)
        self.jobs: list[LiveStream] = []

    def put(self, job: LiveStream) -> bool:
        self.jobs.append(job)
        return True


class HandLanes(Lanes[LiveStream]):
    """Lanes without threads: ``step`` does the jobs of one."""

    def __init__(
        self, work: Callable[[VersionId, list[LiveStream]], None], again: Callable[[LiveStream], None], **_: Any
    ) -> None:
        super().__init__(work, again, name="by hand", threads=0)
        self._by_hand, self._go_on = work, again
        self.hands: dict[VersionId, HandLane] = {}

    def of(self, version: VersionId) -> HandLane:
        return self.hands.setdefault(version, HandLane())

    def drop(self, version: VersionId) -> None:
        for job in self.hands.pop(version, HandLane()).jobs:
            self._go_on(job)

    def step(self, which: int = 0, most: int = 16) -> bool:
        """Do up to ``most`` jobs of one of the lanes that have any; whether there was one."""
        busy = [version for version, lane in self.hands.items() if lane.jobs]
        if not busy:
            return False
        version = busy[which % len(busy)]
        lane = self.hands[version]
        jobs, lane.jobs = lane.jobs[:most], lane.jobs[most:]
        self._by_hand(version, jobs)
        return True


@dataclass(frozen=True)
class Version:
    """A version to switch to."""

    id: VersionId
    rules: Rules
    load: Callable[[], Scorer]
    score: Callable[[Samples], SilenceProbs]
    """What it makes of a whole recording."""
    trouble: Trouble


class World:
    """A switchboard of voices, and the rounds of streams on them, by hand or by threads."""

    def __init__(self, *, by_hand: bool = True, stall_s: float = -1.0, bake_s: float = 0.0, threads: int = 2) -> None:
        self.clock: Callable[[], float] = Clock() if by_hand else time.monotonic
        self.versions: dict[VersionId, Version] = {}
        self.voices: list[Voice] = []
        self.lock = threading.Lock()  # guards ``voices``
        self.board: Switchboard[Engine] = Switchboard(
            self._load, close_model=self._close, clock=self.clock, listeners=[self._hear], bake_s=bake_s
        )
        self.watch = Watch(stall_s)
        lanes: Callable[..., Lanes[LiveStream]] = HandLanes if by_hand else Lanes
        self.heard: list[Heard] = []
        self.rounds = Rounds(
            self.board,
            self.watch,
            Patience(self.board, Health(), self.watch),
            threads=threads,
            clock=self.clock,
            lanes=lanes,
            heard=self.heard.append,
        )
        self.ears: list[Ear] = []
        self.fallen: list[FellBack] = []

    # -- versions --------------------------------------------------------------------------------------------------

    def add(self, name: str, weights: Weights, **options: Any) -> Version:
        """A version that decides by ``options``, and where they are silent by rules that decide often."""
        trouble = Trouble()

        def load() -> Voice:
            voice = Voice(weights, trouble)
            with self.lock:
                self.voices.append(voice)
            return voice

        rules = Rules.of(QUICK, ("options", options), frame_ms=weights.frame_ms)
        return self._know(Version(self._named(name), rules, load, partial(plain, weights), trouble))

    def add_real(self, name: str, detector: Detector) -> Version:
        """A version of a real model."""

        def score(samples: Samples) -> SilenceProbs:
            stream = detector.scorer.open()
            return np.concatenate((stream.accept(samples), stream.finish()))

        return self._know(Version(self._named(name), detector.rules, lambda: detector.scorer, score, Trouble()))

    def _named(self, name: str) -> VersionId:
        return self.board.add(Resolved(ModelSpec(f"test/{name}", "v1"), digest=name))

    def _know(self, version: Version) -> Version:
        self.versions[version.id] = version
        return version

    def serve(self, version: Version) -> None:
        """Prepare a version, unless it is, and switch to it."""
        with self.board.change() as change:
            self.board.prepare(version.id, change=change)
            self.board.switch(Route(version.id), change=change)

    def _load(self, resolved: Resolved) -> Engine:
        version, spec = self.versions[resolved.version], resolved.spec
        identity = ModelIdentity(spec.model_id, spec.revision, resolved.digest, resolved.version)
        return Engine(Detector(version.load(), version.rules, model=identity), 0)

    def _close(self, engine: Engine) -> None:
        if isinstance(engine.detector.scorer, Voice):
            engine.detector.scorer.is_closed = True

    def _hear(self, event: Event) -> None:
        if isinstance(event, Transitioned) and event.after in (State.CLOSED, State.FAILED):
            self.rounds.drop(event.version)
        elif isinstance(event, FellBack):
            self.fallen.append(event)

    def leases(self) -> int:
        """How many are out, holds included."""
        return sum(status.leases for status in self.board.snapshot().versions)

    def check_all_is_back(self) -> None:
        """No stream, no lease, and no version that was used after it was closed."""
        assert self.rounds.streams() == []
        assert self.leases() == 0
        assert sum(voice.misuse for voice in self.voices) == 0

    def state(self, version: Version) -> State:
        return self.board.snapshot()[version.id].state

    # -- streams ---------------------------------------------------------------------------------------------------

    def listen(self, **ask: Any) -> "Ear":
        """A new stream, and who listens to it."""
        options: Any = {"key": str(len(self.ears)), "probabilities": True} | ask
        ear = Ear(self, StreamAsk(**options))
        self.ears.append(ear)
        return ear

    @property
    def lanes(self) -> HandLanes:
        lanes = self.rounds._lanes
        assert isinstance(lanes, HandLanes)
        return lanes

    def settle(self) -> None:
        """Work until nothing is left to be done by itself; no stream may then wait for a call that nobody makes."""
        while self.lanes.step():
            pass
        for live in self.rounds.streams():
            assert live.claim(), f"{live} is nobody's and claimed"
            waits = live.release()
            assert not waits or live.place.stuck_at_s is not None, f"{live} waits, and nothing will wake it"

    def pass_by(self, seconds: float) -> None:
        """Let time pass, and look after the streams."""
        assert isinstance(self.clock, Clock)
        self.clock.now_s += seconds
        self.rounds.tend()

    def wait(self, until: Callable[[], bool], *, tending: bool = True) -> None:
        """With threads: look after the streams until something is so."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not until():
            assert time.monotonic() < deadline_s, f"in vain: {self.board} {self.rounds.streams()}"
            if tending:
                self.rounds.tend()
            threading.Event().wait(0.001)


class Ear:
    """One stream: what it was given, and what it was told."""

    def __init__(self, world: World, ask: StreamAsk) -> None:
        self.world = world
        self.given: list[NDArray[Any]] = []
        self.told: list[Message] = []
        self.ask = ask
        self.live = world.rounds.open(ask, self.told.extend)

    def say(self, samples: NDArray[Any]) -> None:
        self.given.append(samples)
        self.live.put(samples)

    def of(self, kind: type[Any]) -> list[Any]:
        """Messages of one kind."""
        return [message for message in list(self.told) if isinstance(message, kind)]

    @property
    def is_over(self) -> bool:
        return any(isinstance(message, Finished) or getattr(message, "final", False) for message in list(self.told))

    @property
    def is_heard(self) -> bool:
        """Whether all that it was given is decided, but for the frames that wait for the next one."""
        frames = sum(map(len, self.given)) // HOP
        return sum(len(message.values) for message in self.of(Probabilities)) >= frames - 1

    @property
    def version(self) -> VersionId | None:
        return self.live.place.version

    @property
    def audio(self) -> Samples:
        return np.concatenate([np.empty(0, np.float32), *self.given])

    def check(self, *, atol: float = 0.0) -> None:
        """Promise 2: the stream was told what one Segmenter says, fed each version's own probabilities and rules."""
        said = [message for message in self.told if not isinstance(message, Failed)]
        opened = said[0]
        assert isinstance(opened, Opened)
        audio, versions = self.audio, self.world.versions
        stretches = [Stretch(versions[VersionId(opened.model.version or "")], 0)]
        for change in self.of(ModelChanged):
            assert change.before.version == stretches[-1].version.id
            stretches.append(Stretch(versions[VersionId(change.after.version)], change.at_ms // 10))
            assert change.mode == self._rules(stretches[-1].version).mode
        expected = self._expected(stretches, audio)
        found = [message for message in said if isinstance(message, SpeechStarted | SpeechEnded)]
        assert found == expected.events
        self._check_probabilities(expected.p_silence, atol)
        last = said[-1]
        assert last == Finished((2000 * len(audio) + 16_000) // 32_000)
        assert sum(isinstance(message, Finished | Opened) for message in said) == 2

    def _rules(self, version: Version) -> Rules:
        return version.rules.asking(self.ask.asked)

    def _expected(self, stretches: Sequence["Stretch"], audio: Samples) -> "Expected":
        segmenter, expected = Segmenter(), Expected()
        for number, stretch in enumerate(stretches):
            p_silence = stretch.version.score(audio)
            end = stretches[number + 1].frame if number + 1 < len(stretches) else len(p_silence)
            part = p_silence[stretch.frame : end]
            expected.parts.append(part)
            expected.events += segmenter.accept(part, self._rules(stretch.version))
        expected.events += segmenter.finish()
        return expected

    def _check_probabilities(self, p_silence: SilenceProbs, atol: float) -> None:
        if not self.ask.probabilities:
            assert not self.of(Probabilities)
            return
        at_ms = 0
        for message in self.of(Probabilities):
            assert message.from_ms == at_ms, "frames are missing or told twice"
            at_ms += len(message.values) * message.frame_ms
        told = np.concatenate([np.empty(0, np.float32), *(message.values for message in self.of(Probabilities))])
        np.testing.assert_allclose(told, 1 - p_silence, rtol=0, atol=atol)


@dataclass(frozen=True)
class Stretch:
    """Frames from ``frame`` on, which this version decided."""

    version: Version
    frame: int


@dataclass
class Expected:
    """What one Segmenter says."""

    parts: list[SilenceProbs] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)

    @property
    def p_silence(self) -> SilenceProbs:
        return np.concatenate(self.parts)


THREE: Mapping[str, tuple[Weights, Mapping[str, Any]]] = {
    "keen": (Weights(0.2), {}),
    "calm": (Weights(0.35, memory=8), {"max_end_silence_time": 150, "window_size_ms": 80}),
    "long": (Weights(0.27, memory=0), {"mode": "dynamic", "chunk_size": 300, "silence_schedule": "300:200,inf:60"}),
}
"""Versions of different weights, memories and rules."""


def three(world: World) -> list[Version]:
    """They are known; none is loaded."""
    return [world.add(name, weights, **options) for name, (weights, options) in THREE.items()]
