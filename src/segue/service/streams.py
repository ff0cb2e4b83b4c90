"""A live stream as its client's side sees it: what it asked for, what it is told, and what it gives.

It goes through versions, from its opening to its end, and nobody who listens notices: ``rounds`` does that.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from segue.errors import SegueError
from segue.service.engine import Engine
from segue.service.fall import Fall
from segue.speech.detection import ModelIdentity
from segue.speech.detector import Detector
from segue.speech.segmenter import SpeechEnded, SpeechStarted
from segue.speech.stream import DetectorStream
from segue.swap import Lease, VersionId

_LOG = logging.getLogger(__name__)

_IDLE_S = 1.0
"""A stream that brings nothing for so long is moved without waiting for its next chunk."""


class Policy(Enum):
    """When a stream goes over to a new version."""

    FOLLOW = "follow"
    """At the next chunk."""
    AT_SILENCE = "at-silence"
    """When no utterance is open."""
    PIN = "pin"
    """Not at all, until its deadline."""


DEADLINES_S = {Policy.FOLLOW: 0.0, Policy.AT_SILENCE: 60.0, Policy.PIN: 600.0}
"""How long after the change a stream goes over all the same, where it does not say."""


@dataclass(frozen=True, slots=True)
class StreamAsk:
    """What is asked of a stream. ``asked`` (mode, preset, parameters) stays through every change of version.

    ``sample_rate``: Hz of its chunks; None is the model's. ``deadline_s``: None is the policy's own.
    """

    key: str
    sample_rate: int | None = None
    asked: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    policy: Policy = Policy.FOLLOW
    deadline_s: float | None = None
    probabilities: bool = False

    @property
    def patience_s(self) -> float:
        """How long after a change it goes over all the same."""
        return DEADLINES_S[self.policy] if self.deadline_s is None else self.deadline_s


@dataclass(frozen=True, slots=True)
class Opened:
    """The stream is ready, on this version."""

    model: ModelIdentity
    mode: str
    sample_rate: int
    preset: str = ""


@dataclass(frozen=True, slots=True)
class ModelChanged:
    """From ``at_ms`` on another version decides."""

    before: ModelIdentity
    after: ModelIdentity
    at_ms: int
    mode: str
    preset: str = ""


@dataclass(frozen=True, slots=True)
class Probabilities:
    """Speech probability of the frames decided, float32 (frames,), the first of them at ``from_ms``."""

    from_ms: int
    frame_ms: int
    values: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Finished:
    """All audio was decided."""

    duration_ms: int


@dataclass(frozen=True, slots=True)
class Failed:
    """What went wrong. Unless ``final`` the stream goes on, and nothing that it was given is lost."""

    error: SegueError
    final: bool = False


Message: TypeAlias = Opened | SpeechStarted | SpeechEnded | ModelChanged | Probabilities | Finished | Failed
Deliver: TypeAlias = Callable[[list[Message]], None]


@dataclass(frozen=True, slots=True)
class Mark:
    """A point between two chunks: called with the first millisecond not decided when all before it is."""

    reached: Callable[[int], None]
    asked: Mapping[str, object] | None = None
    """What is asked of the stream from there on; None: what was."""


class LiveStream:
    """One live stream. ``put``, ``finish`` and ``close`` never wait, from any thread; answers go to ``deliver``.

    ``deliver`` is called in the version's thread, in order, and must not wait; also with an empty list, when a round
    brought nothing. After ``Finished`` or a final ``Failed`` nothing comes.
    """

    def __init__(
        self,
        ask: StreamAsk,
        deliver: Deliver,
        wake: "Callable[[LiveStream], None]",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ask = ask
        self._deliver = deliver
        self._wake = wake
        self._clock = clock
        self._lock = threading.Lock()  # guards what comes in, and who has the stream
        self._audio: list[NDArray[Any] | Mark] = []
        self._ending = False
        self._busy = False
        self._told_at_s = clock()
        self._came_at_s: float | None = None  # the oldest of what no round has taken
        self.waiting_samples = 0
        """How much of what it was given no round has taken yet."""
        self.is_closed = False
        """Nobody listens: it ends as soon as nobody has it."""
        self.place = Place()
        """Where it is. Belongs to whoever has claimed the stream."""

    def __repr__(self) -> str:
        return f"<LiveStream {self.ask.key} on {self.place.version}: {self.waiting_samples} samples waiting>"

    @property
    def waiting_chunks(self) -> int:
        """In how many chunks that came, and marks."""
        return len(self._audio)

    def put(self, samples: NDArray[Any]) -> None:
        """Give it a chunk of any length: int16 or float32 (n,) at its rate, which must not change afterwards."""
        with self._lock:
            if self._ending or self.place.is_over:
                return
            self._audio.append(samples)
            self.waiting_samples += len(samples)
            self._told_at_s = self._clock()
            self._note_coming()
        self._wake(self)

    def mark(self, reached: Callable[[int], None], *, asked: Mapping[str, object] | None = None) -> None:
        """Call ``reached`` when all that came before is decided and told, from the same thread as ``deliver``.

        Its argument is the first millisecond that is not decided yet, a little behind the audio: the model looks ahead.
        ``asked`` is what the stream asks for from there on, in place of what it did; an utterance stays open. Where it
        does not go with the version, the stream is told so and goes on as it was. After the end nothing is called.
        """
        with self._lock:
            if self._ending or self.place.is_over:
                return
            self._audio.append(Mark(reached, asked))
        self._wake(self)

    def finish(self) -> None:
        """No audio follows."""
        with self._lock:
            self._ending = True
            self._note_coming()
        self._wake(self)

    def _note_coming(self) -> None:
        """Under the lock."""
        if self._came_at_s is None:
            self._came_at_s = self._clock()

    def close(self) -> None:
        """Nobody listens any more: what it holds comes back."""
        self.is_closed = True
        self._wake(self)

    # -- for rounds ------------------------------------------------------------------------------------------------

    def claim(self) -> bool:
        """Have the stream, alone, until ``release``; False if somebody has it."""
        with self._lock:
            if self._busy or self.place.is_over:
                return False
            self._busy = True
            return True

    def release(self) -> bool:
        """Let go of it; whether something waits that nobody was woken for."""
        with self._lock:
            self._busy = False
            waits = bool(self._audio) or self.is_closed or (self._ending and not self.place.has_ended)
            return waits and not self.place.is_over

    def taken(self) -> tuple[list[NDArray[Any]], bool]:
        """What came since the last round, as far as the next mark, and whether it is all."""
        with self._lock:
            audio: list[NDArray[Any]] = []
            for each in self._audio:
                if isinstance(each, Mark):
                    break
                audio.append(each)
            del self._audio[: len(audio)]
            if self.place.undecided_since_s is None:
                self.place.undecided_since_s = self._came_at_s
            if not self._audio:
                self._came_at_s = None
            self.waiting_samples -= sum(len(chunk) for chunk in audio)
            return audio, self._ending and not self._audio

    def passed(self) -> list[Mark]:
        """The marks that come next, if all that was taken before them is decided."""
        marks: list[Mark] = []
        if self.place.undecided_since_s is not None:
            return marks
        with self._lock:
            for each in self._audio:
                if not isinstance(each, Mark):
                    break
                marks.append(each)
            del self._audio[: len(marks)]
        return marks

    def pass_by(self, mark: Mark, at_ms: int) -> None:
        """Say that it is reached, unless nobody listens; who cannot be told does not."""
        self._say(lambda: mark.reached(at_ms))

    def is_idle(self) -> bool:
        """Whether nothing came lately."""
        return self._clock() - self._told_at_s > _IDLE_S

    def tell(self, messages: list[Message]) -> None:
        """Deliver, unless nobody listens; who cannot be told does not."""
        self._say(lambda: self._deliver(messages))

    def _say(self, say: Callable[[], None]) -> None:
        if self.is_closed:
            return
        try:
            say()
        except Exception:  # noqa: BLE001 -- whatever it raises, the other streams of this round go on
            _LOG.exception("%r cannot be told", self)
            self.is_closed = True


@dataclass(slots=True)
class Place:
    """Where a stream is on its way through versions."""

    detector: Detector | None = None
    """What decides; None until it is open."""
    stream: DetectorStream | None = None
    hold: Lease[Engine] | None = None
    """Keeps its version from being closed between two rounds."""
    superseded_at_s: float | None = None
    """Since when its policy keeps it where it is."""
    refused: VersionId | None = None
    """The version that it could not go over to, and until when that is not tried again."""
    refused_until_s: float = 0.0
    fall: Fall | None = None
    """The failure after which it goes on elsewhere."""
    is_orphan: bool = False
    """Its version has failed: it takes any other."""
    stuck_at_s: float | None = None
    """Since when it cannot go on, which was said once; None while it can."""
    undecided_since_s: float | None = None
    """When the oldest came of what it was given and has not decided."""
    has_ended: bool = False
    """The end of its audio was given to the model."""
    is_over: bool = False

    @property
    def version(self) -> VersionId | None:
        """On which it is. For anybody: it may move while they look."""
        hold = self.hold
        return hold.version if hold else None
