"""Rounds of live streams: what came since the last one is offered, scored together with other streams, and decided.

Three rules:

1. *Scoring touches views, not streams.* Model code runs on ``Scores`` only. A round is over when its lease comes back;
   a lease that was given up meanwhile does not come back, and what that call makes of its view is nobody's.
2. *A move is a round.* The stream goes over to the version that its policy wants at the beginning of a round: the new
   one hears the last second again, and if it fails at that, the old one goes on.
3. *Between rounds a stream holds its version*, so that one that is superseded is closed when its last stream has moved,
   and not before. Who is idle is moved by ``tend``.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segue.errors import (
    InferenceFailed,
    InvalidParameter,
    InvalidSamples,
    NotReady,
    SegueError,
    ShuttingDown,
    VersionNotReady,
    one_line,
)
from segue.service.engine import Engine
from segue.service.lanes import Company, Lanes
from segue.service.streams import (
    Deliver,
    Failed,
    Finished,
    LiveStream,
    Message,
    ModelChanged,
    Opened,
    Policy,
    Probabilities,
    StreamAsk,
)
from segue.service.watch import Watch
from segue.speech.detector import Detector
from segue.speech.scores import Scores, score_many
from segue.speech.stream import DetectorStream
from segue.swap import Lease, Outcome, Switchboard, VersionId

_TRY_AGAIN_S = 5.0
"""After which a stream tries again to go over to a version that failed at it."""

_TOGETHER = Company(most=16, gather_s=0.005)
"""How many streams are scored in one call, and how long the first of them waits for the others."""


@dataclass(slots=True, eq=False)
class _Round:
    """One round of one stream."""

    live: LiveStream
    lease: Lease[Engine]
    detector: Detector
    stream: DetectorStream
    hold: Lease[Engine] | None
    """On the version that it goes over to; None where it stays."""
    scores: Scores | None = None
    error: Exception | None = None
    messages: list[Message] = field(default_factory=list)


class Rounds:
    """All live streams, and the doing of their rounds, by so many ``threads`` a version. Safe for threads."""

    def __init__(self, board: Switchboard[Engine], watch: Watch, *, threads: int) -> None:
        self._board = board
        self._watch = watch
        self._lanes: Lanes[LiveStream] = Lanes(
            self._work, self._dispatch, name="streams", threads=threads, company=_TOGETHER
        )
        self._lock = threading.Lock()  # guards _open
        self._open: set[LiveStream] = set()

    def open(self, ask: StreamAsk, deliver: Deliver) -> LiveStream:
        """A new stream; it is told ``Opened`` when a version has it."""
        live = LiveStream(ask, deliver, self._wake)
        with self._lock:
            self._open.add(live)
        self._wake(live)
        return live

    def drop(self, version: VersionId) -> None:
        """The version is gone: the streams that wait for it go on elsewhere."""
        self._lanes.drop(version)

    def streams(self) -> list[LiveStream]:
        """Those that are open."""
        with self._lock:
            return list(self._open)

    def tend(self, now_s: float) -> None:
        """Move who brings nothing, and who waits for a version that works."""
        for live in self.streams():
            place = live.place
            waits = place.hold is None or place.is_stuck or place.is_orphan
            if (waits or live.is_idle(now_s)) and live.claim():
                waits = place.hold is None or place.is_orphan
                if waits or self._wanted_or_none(live) not in (place.version, None):
                    self._dispatch(live)
                else:
                    self._let_go(live)

    def shut(self) -> None:
        """The service ends: tell every stream, and end it as if its audio had ended."""
        for live in self.streams():
            live.tell([Failed(ShuttingDown("the service is being stopped: open the stream again", retry_after_s=5))])
            live.finish()

    # -- where to --------------------------------------------------------------------------------------------------

    def _wake(self, live: LiveStream) -> None:
        if live.claim():
            self._dispatch(live)

    def _let_go(self, live: LiveStream) -> None:
        if live.release():
            self._wake(live)

    def _dispatch(self, live: LiveStream) -> None:
        """Put a claimed stream into the lane of the version that its next round is for."""
        while not live.is_closed or live.place.hold:
            try:
                version = live.place.hold.version if live.is_closed and live.place.hold else self._wanted(live)
            except NotReady as error:
                if not live.place.is_stuck:
                    live.place.is_stuck = True
                    live.tell([Failed(error)])
                live.release()  # nothing can be done for it now; tend looks at it again
                return
            if self._lanes.of(version).put(live):
                return
        self._end(live)

    def _wanted(self, live: LiveStream) -> VersionId:
        """The version of its next round. Raises NotReady."""
        place, current = live.place, live.place.version
        try:
            wanted = self._board.choose(live.ask.key)
        except NotReady:
            if current is None or place.is_orphan:
                raise
            return current
        if current is None or place.is_orphan:
            return wanted
        if wanted == current:
            place.superseded_at_s = None
            return current
        now_s = time.monotonic()
        if wanted == place.refused and now_s < place.refused_until_s:
            return current
        if place.superseded_at_s is None:
            place.superseded_at_s = now_s
        silent = live.ask.policy is Policy.AT_SILENCE and not (place.stream and place.stream.is_open)
        due = now_s - place.superseded_at_s >= live.ask.patience_s
        return wanted if live.ask.policy is Policy.FOLLOW or silent or due else current

    def _wanted_or_none(self, live: LiveStream) -> VersionId | None:
        try:
            return self._wanted(live)
        except NotReady:
            return None

    def _end(self, live: LiveStream, *messages: Message) -> None:
        """A claimed stream is over: nothing comes after these."""
        hold, live.place.hold = live.place.hold, None
        live.place.is_over = True
        if hold:
            hold.release()
        with self._lock:
            self._open.discard(live)
        live.release()
        if messages:
            live.tell(list(messages))

    # -- rounds ----------------------------------------------------------------------------------------------------

    def _work(self, version: VersionId, streams: Sequence[LiveStream]) -> None:
        """One round of each, on this version, in this thread."""
        rounds = [begun for live in streams if (begun := self._begin(version, live))]
        if not rounds:
            return
        with self._watch.over(lambda: self._give_up(rounds)) as running:
            for each in rounds:
                self._view(each)
                running.beat()
            _score(rounds, running.beat)
        for each in rounds:
            self._settle(each)

    def _begin(self, version: VersionId, live: LiveStream) -> _Round | None:
        """Offer what came; None when there is no round to be had."""
        if live.is_closed:
            self._end(live)
            return None
        place = live.place
        try:
            lease = self._board.lease(live.ask.key, version=version)
        except SegueError as error:
            place.is_orphan = place.is_orphan or (isinstance(error, VersionNotReady) and version == place.version)
            self._dispatch(live)
            return None
        try:
            begun = self._enter(live, lease)
        except SegueError as error:  # what was asked for cannot be had; or the version has failed just now
            lease.release(Outcome.CANCELLED)
            self._end(live, Failed(error, final=True))
            return None
        audio, ending = live.taken()
        must_end = ending and not place.has_ended
        if not (audio or must_end or begun.hold or begun.messages or place.is_stuck):
            lease.is_measured = False
            lease.release(Outcome.CANCELLED)
            self._let_go(live)
            return None
        try:
            lease.weight = _offer(begun, audio, ending=must_end)
        except InferenceFailed as error:  # a minute is owed
            lease.release(Outcome.CANCELLED)
            if begun.hold:
                begun.hold.release()
            self._end(live, *begun.messages, Failed(error, final=True))
            return None
        return begun

    def _enter(self, live: LiveStream, lease: Lease[Engine]) -> _Round:
        """The round of a stream that stays, goes over, or opens. Raises InvalidParameter, InvalidSamples."""
        place, detector, version = live.place, lease.model.detector, lease.version
        if place.stream is None:
            place.stream, place.detector = _open(detector, live.ask), detector
            place.hold = self._board.hold(version)
            opened = Opened(detector.model, place.stream.rules.mode, place.stream.sample_rate)
            return _Round(live, lease, detector, place.stream, None, messages=[opened])
        hold = None if place.detector is detector else self._board.hold(version)
        return _Round(live, lease, detector, place.stream, hold)

    def _view(self, each: _Round) -> None:
        """The view of this version on the stream: of the one that it is on, or made anew for the one it goes to."""
        try:
            if each.hold:
                each.scores = each.stream.moved_to(each.detector.scorer, each.detector.rules)
            else:
                each.scores = each.stream.scores
        except Exception as error:  # noqa: BLE001 -- whatever a model raises is the round's, and its lease has it
            each.error = error

    def _settle(self, each: _Round) -> None:
        """Give the lease back; then, and only if it was still out, decide."""
        error, live = each.error, each.live
        outcome = Outcome.OK if error is None else Outcome.FAILED
        if isinstance(error, InvalidParameter):  # the stream's fault, or nobody's: another rate, another frame
            outcome = Outcome.CANCELLED
        if not each.lease.release(outcome, error=error):
            return
        if error is not None:
            self._failed(each, error)
            return
        self._decide(each)
        if each.stream.is_finished:
            self._end(live, *each.messages, Finished(each.stream.accepted_ms))
            return
        live.tell(each.messages)
        self._let_go(live)

    def _decide(self, each: _Round) -> None:
        place, stream, detector = each.live.place, each.stream, each.detector
        before, frame_ms = place.detector, detector.scorer.frame_ms
        if each.hold and each.scores is not None:
            at_ms = stream.install(each.scores, detector.rules) * frame_ms
            if before is not None and before.model != detector.model:
                each.messages.append(ModelChanged(before.model, detector.model, at_ms, stream.rules.mode))
            old, place.hold, place.detector = place.hold, each.hold, detector
            if old:
                old.release()
        place.is_orphan = place.is_stuck = False
        frame = stream.frame
        events = stream.take()
        if stream.kept:
            values = 1 - np.concatenate(stream.kept)
            stream.kept.clear()
            if len(values):
                each.messages.append(Probabilities(frame * frame_ms, frame_ms, values))
        each.messages += events

    def _failed(self, each: _Round, error: Exception) -> None:
        """The model failed at this round, or cannot take the stream. What it was given is kept."""
        live, place = each.live, each.live.place
        if each.hold:
            each.hold.release()
        told = error if isinstance(error, SegueError) else _unforeseen(each, error)
        if each.hold and not place.is_orphan:
            place.refused = each.lease.version
            fits = not isinstance(error, InvalidParameter)
            place.refused_until_s = time.monotonic() + _TRY_AGAIN_S if fits else float("inf")
            place.is_stuck = True  # what was offered is scored where it is, though nothing new came
            live.tell(each.messages)
            self._dispatch(live)
        elif isinstance(error, InvalidParameter) or self._is_last_chance(each):
            self._end(live, *each.messages, Failed(told, final=True))
        else:
            each.messages += [] if place.is_stuck else [Failed(told)]
            place.is_stuck = True
            live.tell(each.messages)
            self._let_go(live)

    def _is_last_chance(self, each: _Round) -> bool:
        """Whether no chunk will come to try again with, and no other version is there."""
        return each.live.place.has_ended and self._wanted_or_none(each.live) in (each.lease.version, None)

    def _give_up(self, rounds: Sequence[_Round]) -> None:
        """The call has stalled, in another thread that may never come back: its streams go on elsewhere."""
        for each in rounds:
            if each.lease.abandon():
                place = each.live.place
                if each.hold:
                    each.hold.release()
                else:
                    place.is_orphan = True
                place.is_stuck = True
                self._dispatch(each.live)


def _open(detector: Detector, ask: StreamAsk) -> DetectorStream:
    """Raises InvalidParameter, InvalidSamples for what was asked."""
    return DetectorStream(
        detector.scorer, detector.rules, sample_rate=ask.sample_rate, asked=ask.asked, keep=ask.probabilities
    )


def _offer(each: _Round, audio: Sequence[NDArray[Any]], *, ending: bool) -> float:
    """Give the stream what came; its length in seconds. A chunk that is no audio is said, and left out."""
    before_ms = each.stream.accepted_ms
    for samples in audio:
        try:
            each.stream.offer(samples)
        except InvalidSamples as error:
            each.messages.append(Failed(error))
    if ending:
        each.stream.end()
        each.live.place.has_ended = True
    return (each.stream.accepted_ms - before_ms) / 1000


def _score(rounds: Sequence[_Round], beat: Callable[[], None]) -> None:
    """All in one call; if that fails, one by one, so that only the one at fault knows."""
    able = [(each, each.scores) for each in rounds if each.scores is not None]
    together = [scores for _, scores in able if scores.scorer is able[0][1].scorer]
    with suppress(Exception):  # no stream has moved; each is tried by itself below, and raises again
        score_many(together)
    for each, scores in able:
        beat()
        try:
            scores.score()
        except Exception as error:  # noqa: BLE001 -- whatever a model raises is the round's, and its lease has it
            each.error = error


def _unforeseen(each: _Round, error: Exception) -> InferenceFailed:
    return InferenceFailed(f"{each.lease.version}: {type(error).__name__}: {one_line(error)}")
