"""Recordings: each is one call on one version, from the place that it waits in to its answer.

The lease is taken and given back in the thread that runs the inference. A recording whose version is gone when its turn
comes (rolled back, failed, closed) is begun on the one that serves then: nothing of it has been answered yet. One whose
call stalls in the model is begun again elsewhere, once; one that stalls in its decoder is refused and harms no version.
One at which a version fails that has to prove itself, or whose parameters it refuses, is begun again, once, on the
version that it would replace: the caller does not see the failure, and it counts only if that one can answer.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from segue.errors import (
    AudioError,
    AudioUndecodable,
    InferenceFailed,
    InvalidParameter,
    SegueError,
    VersionNotReady,
    one_line,
)
from segue.service.engine import Engine
from segue.service.fall import Fall, item_of
from segue.service.hearing import RECORDING, Heard
from segue.service.lanes import Lanes
from segue.service.mirror import Copy, Mirror
from segue.service.patience import Patience
from segue.service.reading import Reading
from segue.service.watch import Running, Watch
from segue.speech.detection import Detection
from segue.swap import Lease, Outcome, Switchboard, VersionId

_BLOCK_S = 20.0
"""Seconds of audio between two signs of progress, at the most."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked of a recording. ``key`` decides the side in a canary; ``version`` wants that one and no other.

    ``asked``: mode, preset and decision parameters.
    """

    key: str
    version: VersionId | None = None
    split: bool = False
    probabilities: bool = False
    asked: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Answer:
    """One detection, or one a channel; their ``model`` names the version that made them."""

    detections: tuple[Detection, ...]

    @property
    def facts(self) -> Mapping[str, str | float]:
        """Of its making, for a log."""
        first = self.detections[0]
        return {"version": first.model.version or "", "mode": first.mode, "audio_s": first.duration_ms / 1000}

    @property
    def speech_s(self) -> float:
        """Seconds of speech: the mean of its channels."""
        speech_ms = sum(each.end_ms - each.start_ms for found in self.detections for each in found.segments)
        return speech_ms / 1000 / len(self.detections)


class _Gone(BaseException):  # not an Exception: the lease counts it neither for nor against
    """Raised through the work: nobody waits for it any more."""


class Call:
    """One recording under way. ``future`` has the Answer, or a SegueError."""

    def __init__(self, source: bytes | Path, ask: Ask) -> None:
        self.source = source
        self.ask = ask
        self.future: Future[Answer] = Future()
        self.is_gone = False
        self.given_up = 0
        self.fall: Fall | None = None
        """The failure after which it was begun again."""
        self.heard_ms = 0
        """Of its audio, so far; begun again it starts from 0."""
        self.promised_ms: int | None = None
        """What the recording says of its length."""

    def cancel(self) -> None:
        """Nobody waits for it: it is not begun, or ends at its next block of audio. From any thread."""
        self.is_gone = True
        self.future.cancel()

    def answer(self, answer: Answer) -> None:
        """Give it its answer, unless it has one, or nobody waits for it."""
        with suppress(InvalidStateError):
            self.future.set_result(answer)

    def fail(self, error: BaseException) -> None:
        """Give it its error, unless it has an answer, or nobody waits for it."""
        with suppress(InvalidStateError):
            self.future.set_exception(error)


class Recordings:
    """Puts each recording into the lane of its version, and does those of one lane. Safe for threads.

    ``threads``: how many recordings of one version are under way at once.
    """

    def __init__(
        self,
        board: Switchboard[Engine],
        watch: Watch,
        patience: Patience,
        mirror: Mirror | None = None,
        *,
        threads: int,
        heard: Callable[[Heard], None] = lambda _: None,
    ) -> None:
        self._board = board
        self._watch = watch
        self._patience = patience
        self._mirror = mirror
        self._heard = heard
        self._lanes: Lanes[Call] = Lanes(self._work, self._again, name="recordings", threads=threads)

    @property
    def waiting(self) -> int:
        """Those that no thread has begun."""
        return self._lanes.waiting

    def drop(self, version: VersionId) -> None:
        """The version is gone: what waits for it is begun elsewhere."""
        self._lanes.drop(version)

    def begin(self, call: Call) -> None:
        """Put it where it is to be done. Raises NotReady when nothing serves. Never waits."""
        while True:
            version = call.ask.version or self._board.choose(call.ask.key)
            if self._lanes.of(version).put(call):
                return

    def _again(self, call: Call) -> None:
        """Begin one whose version is gone."""
        self._elsewhere(call, VersionNotReady(f"{call.ask.version} is gone: prepare it first"))

    def _work(self, version: VersionId, calls: list[Call]) -> None:
        """Do one recording on this version, in this thread."""
        (call,) = calls
        if call.is_gone:
            return
        try:
            lease = self._board.lease(call.ask.key, version=version)
        except SegueError as error:
            self._lanes.drop(version)  # it may have been made again since the version went, or it never was one
            self._elsewhere(call, error)
            return
        lease.use = RECORDING
        reading = Reading(call.source, lambda: call.is_gone or lease.outcome is not None)
        limit_s = self._patience.of(version, _BLOCK_S)
        with self._watch.over(lambda: self._give_up(call, lease, reading, running), limit_s=limit_s) as running:
            self._detect(call, lease, reading, running)

    def _detect(self, call: Call, lease: Lease[Engine], reading: Reading, running: Running) -> None:
        error: SegueError | None = None
        began_s = time.thread_time()
        try:
            with lease:
                answer = _answer(call, lease, reading, running)
        except _Gone:
            return
        except SegueError as ours:
            error = ours
        except Exception as its:  # noqa: BLE001 -- whatever a model raises, its caller is told, and the lease has it
            error = InferenceFailed(f"{lease.version}: {type(its).__name__}: {one_line(its)}")
        if lease.outcome is Outcome.ABANDONED:  # too late: it is another version's by now
            return
        if call.fall is not None:
            self._board.tell(call.fall.ended(lease.version, answered=error is None))
        if error is None:
            self._heard(Heard(lease.version, RECORDING, answer.speech_s))
            call.answer(answer)
            if self._mirror is not None and not (call.fall or call.ask.version or call.ask.split):
                took_s = time.thread_time() - began_s
                self._mirror.offer(Copy(call.source, call.ask.key, call.ask.asked, answer.detections[0], took_s))
        elif isinstance(error, AudioError) or not self._falls_back(call, lease, error):
            call.fail(error)

    def _falls_back(self, call: Call, lease: Lease[Engine], error: SegueError) -> bool:
        """Begin it again on the version that this one would replace; False where there is none, or it was already."""
        instead = self._board.answers_for(lease.version)
        if instead is None or call.fall is not None or call.ask.version is not None:
            return False
        call.fall = Fall.of(lease, error, item=item_of(call.source))
        if not self._lanes.of(instead).put(call):
            self._elsewhere(call, error)  # that one has gone in this moment
        return True

    def _elsewhere(self, call: Call, error: SegueError) -> None:
        """Its version cannot be had (any more)."""
        if call.ask.version is not None or not (call.fall or isinstance(error, VersionNotReady)):
            call.fail(error)
            return
        try:
            self.begin(call)
        except SegueError as gone:
            call.fail(gone)

    def _give_up(self, call: Call, lease: Lease[Engine], reading: Reading, running: Running) -> bool:
        """The call has stalled: in the decoder, which is then told that the file ends; or else in the model."""
        stall_s = self._watch.stall_s
        is_decoding = not reading.is_cut and reading.was_read(within_s=running.limit_s / 2)
        if is_decoding and running.limit_s < stall_s:
            running.limit_s = stall_s  # a version that has to prove itself has no less time for what is not its work
            return True
        if is_decoding:
            reading.cut()
            why = f"gave no audio for {stall_s:g} s of decoding; convert it to wav or flac"
            call.fail(AudioUndecodable(f"{reading.name}: {why}"))
            return True
        self._abandon(call, lease)
        return False

    def _abandon(self, call: Call, lease: Lease[Engine]) -> None:
        """Another version may answer, once."""
        if not lease.abandon():
            return
        call.given_up += 1
        stalled = InferenceFailed(f"{lease.version} made no progress on this recording and was given up")
        if call.given_up > 1 or call.is_gone or call.ask.version is not None:
            call.fail(stalled)
            return
        try:
            self.begin(call)
        except SegueError:
            call.fail(stalled)


def _answer(call: Call, lease: Lease[Engine], reading: Reading, running: Running) -> Answer:
    """Detect. Raises _Gone when nobody waits for it any more; else whatever the model raises, and AudioError."""

    def progress(heard_ms: int, promised_ms: int | None) -> None:
        running.beat()
        call.heard_ms, call.promised_ms = heard_ms, promised_ms
        if call.is_gone or lease.outcome is not None:
            raise _Gone

    detector, ask = lease.model.detector, call.ask
    detect = detector.detect_channels if ask.split else detector.detect
    try:
        with reading.open() as source:
            found = detect(source, probabilities=ask.probabilities, progress=progress, **ask.asked)  # type: ignore[arg-type]  # names are checked by the rules
    except (AudioError, InvalidParameter):  # the fault of who asked
        lease.release(Outcome.CANCELLED)
        raise
    except (Exception, _Gone):
        raise
    except BaseException as error:  # a model that exits has failed too, and the lease is to know
        raise InferenceFailed(f"{lease.version}: {type(error).__name__}: {one_line(error)}") from error
    detections = (found,) if isinstance(found, Detection) else tuple(found)
    lease.weight = detections[0].duration_ms / 1000
    if call.is_gone:
        raise _Gone
    return Answer(detections)
