"""Rounds of live streams: what came since the last one is offered, scored together with other streams, and decided.

Four rules:

1. *A model touches views, never streams.* What a round scores is taken, or made anew, for it alone. It counts when the
   round's lease comes back; a lease that was given up meanwhile does not, and what that call makes of its view, and
   when, is nobody's.
2. *Opening and moving are rounds of their own*, which take no audio. If a model fails at one, the stream is where it
   was and has lost nothing.
3. *Between rounds a stream holds its version*, so that one that is superseded is closed when its last stream has moved,
   and not before.
4. *Who has claimed a stream passes it on or lets go of it.* ``tend`` looks after those that nothing will wake: who
   brings nothing is moved, and who cannot go on tries again.
5. *A version that has to prove itself fails unseen.* A stream at which it does goes over, at once and whatever its
   policy, to the version that would be replaced; its audio waits for that.
"""

import threading
import time
from collections.abc import Callable, Sequence

import numpy as np

from segue.errors import (
    InferenceFailed,
    InvalidParameter,
    InvalidSamples,
    NotReady,
    SegueError,
    ShuttingDown,
    VersionNotReady,
)
from segue.service.engine import Engine
from segue.service.fall import Fall
from segue.service.hearing import STREAM, Heard
from segue.service.lanes import Company, Lanes
from segue.service.patience import Patience
from segue.service.round import Round, run
from segue.service.streams import (
    Deliver,
    Failed,
    Finished,
    LiveStream,
    Message,
    Policy,
    Probabilities,
    StreamAsk,
)
from segue.service.watch import Watch
from segue.speech.segmenter import Event, SpeechEnded
from segue.speech.stream import DetectorStream
from segue.swap import Outcome, Switchboard, VersionId

_TRY_AGAIN_S = 5.0
"""After which a stream tries again to go over to a version that failed at it."""

_ROUND_S = 2.0
"""A chunk, and the audio that a version hears again which takes a stream over: what a round is about."""

_LAST_CHANCE_S = 10.0
"""How long a stream whose audio has ended tries again on a version that fails, where no other serves."""

_TOGETHER = Company(most=16, gather_s=0.005)
"""How many streams are scored in one call, and how long the first of them waits for the others."""

_NO_VERSION = VersionId("")
"""The lane of streams to which nobody listens any more: no version that hangs holds them up."""


class Rounds:
    """All live streams, and the doing of their rounds, by so many ``threads`` a version. Safe for threads."""

    def __init__(
        self,
        board: Switchboard[Engine],
        watch: Watch,
        patience: Patience,
        *,
        threads: int,
        heard: Callable[[Heard], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        lanes: Callable[..., Lanes[LiveStream]] = Lanes,
    ) -> None:
        self._board = board
        self._watch = watch
        self._patience = patience
        self._heard = heard
        self._clock = clock
        self._lanes = lanes(self._work, self._dispatch, name="streams", threads=threads, company=_TOGETHER)
        self._lock = threading.Lock()  # guards both below
        self._open: set[LiveStream] = set()
        self._is_shut = False

    def open(self, ask: StreamAsk, deliver: Deliver) -> LiveStream:
        """A new stream; it is told ``Opened`` when a version has it."""
        live = LiveStream(ask, deliver, self._wake, self._clock)
        with self._lock:
            self._open.add(live)
            is_shut = self._is_shut
        if is_shut:
            _send_away(live)
        else:
            self._wake(live)
        return live

    def drop(self, version: VersionId) -> None:
        """The version is gone: the streams that wait for it go on elsewhere."""
        self._lanes.drop(version)

    def streams(self) -> list[LiveStream]:
        """Those that are open."""
        with self._lock:
            return list(self._open)

    def tend(self) -> None:
        """Look after the streams that nothing else will wake."""
        for live in self.streams():
            place = live.place
            is_lost = place.hold is None or place.is_orphan
            if not (is_lost or live.is_closed or live.is_idle() or place.stuck_at_s is not None) or not live.claim():
                continue
            is_lost = place.hold is None or place.is_orphan
            tries_again = is_lost or (place.stuck_at_s is not None and place.has_ended)
            if tries_again or self._wanted_or_none(live) not in (place.version, None):
                self._dispatch(live)
            else:
                self._let_go(live)

    def shut(self) -> None:
        """The service ends: tell every stream, and end it as if its audio had ended."""
        with self._lock:
            self._is_shut = True
        for live in self.streams():
            _send_away(live)

    # -- where to --------------------------------------------------------------------------------------------------

    def _wake(self, live: LiveStream) -> None:
        if live.claim():
            self._dispatch(live)

    def _let_go(self, live: LiveStream) -> None:
        if live.release():
            self._wake(live)

    def _dispatch(self, live: LiveStream) -> None:
        """Pass a claimed stream on to the lane of the version that its next round is for."""
        while not live.is_closed:
            try:
                version = self._wanted(live)
            except NotReady as error:
                self._stick(live, error)
                return
            if self._lanes.of(version).put(live):
                return
        self._lanes.of(_NO_VERSION).put(live)  # not in this thread: the last hold of a version closes it

    def _wanted(self, live: LiveStream) -> VersionId:
        """The version of its next round. Raises NotReady."""
        place, current = live.place, live.place.version
        try:
            wanted = self._board.choose(live.ask.key)
        except NotReady:
            if current is None or place.is_orphan:
                raise
            return current
        now_s = self._clock()
        is_refused = wanted == place.refused and now_s < place.refused_until_s
        if is_refused and (current in (None, wanted) or place.is_orphan):
            wanted = self._board.answers_for(wanted) or wanted
        if current is None or place.is_orphan:
            return wanted
        if wanted == current:
            place.superseded_at_s = None
            return current
        if is_refused and current != place.refused:
            return current
        if place.superseded_at_s is None:
            place.superseded_at_s = now_s
        due = now_s - place.superseded_at_s >= live.ask.patience_s or place.stuck_at_s is not None
        silent = live.ask.policy is Policy.AT_SILENCE and not (place.stream and place.stream.is_open)
        return wanted if live.ask.policy is Policy.FOLLOW or silent or due else current

    def _wanted_or_none(self, live: LiveStream) -> VersionId | None:
        try:
            return self._wanted(live)
        except NotReady:
            return None

    def _stick(self, live: LiveStream, error: SegueError) -> None:
        """A claimed stream cannot go on: say so, once until it can, and let go of it. ``tend`` looks at it again."""
        if live.place.stuck_at_s is None:
            live.place.stuck_at_s = self._clock()
            live.tell([Failed(error)])
        live.release()

    def _end(self, live: LiveStream, *messages: Message) -> None:
        """A claimed stream is over: nothing comes after these."""
        hold, live.place.hold = live.place.hold, None
        live.place.is_over = True
        live.place.stream = live.place.detector = None  # or who listened keeps the model alive
        if hold:
            hold.release()
        if messages:
            live.tell(list(messages))
        with self._lock:
            self._open.discard(live)
        live.release()

    # -- rounds ----------------------------------------------------------------------------------------------------

    def _work(self, version: VersionId, streams: Sequence[LiveStream]) -> None:
        """One round of each, on this version, in this thread."""
        rounds = [begun for live in streams if (begun := self._begin(version, live))]
        if not rounds:
            return
        limit_s = self._patience.of(version, _ROUND_S)
        with self._watch.over(lambda: self._give_up(rounds), limit_s=limit_s) as running:
            run(rounds, running.beat)
        for each in rounds:
            self._settle(each)

    def _begin(self, version: VersionId, live: LiveStream) -> Round | None:
        """Enter the version, and offer what came; None when there is no round to be had."""
        if live.is_closed:
            self._end(live)
            return None
        begun = self._enter(version, live)
        if begun is None:
            self._lanes.drop(version)  # it may have been made again since the version went
            self._dispatch(live)
            return None
        if begun.stream is None or begun.hold or self._offer(begun, begun.stream):
            return begun
        return None

    def _enter(self, version: VersionId, live: LiveStream) -> Round | None:
        """The round of a stream that opens, moves or stays; None when the version is gone."""
        place, lease = live.place, None
        try:
            lease = self._board.lease(live.ask.key, version=version)
            lease.use = STREAM
            stays = place.hold and (place.hold.version, place.hold.incarnation) == (version, lease.incarnation)
            hold = None if stays else self._board.hold(version)
        except VersionNotReady:
            if lease:
                lease.release(Outcome.CANCELLED)
            place.is_orphan |= version == place.version
            return None
        scores = place.stream.scores if place.stream and not hold and not place.stream.scores.is_damaged else None
        return Round(live, lease, lease.model.detector, place.stream, hold, scores)

    def _offer(self, each: Round, stream: DetectorStream) -> bool:
        """Give the stream what came; whether there is anything to be scored."""
        live, place = each.live, each.live.place
        self._pass_marks(live, stream, each.detector.scorer.frame_ms)
        is_owed = place.stuck_at_s is not None or place.undecided_since_s is not None
        audio, ending = live.taken()
        ends_now = ending and not place.has_ended
        if not (audio or ends_now or is_owed):
            each.lease.is_measured = False
            each.lease.release(Outcome.CANCELLED)
            self._let_go(live)
            return False
        before_ms = stream.accepted_ms
        for samples in audio:
            try:
                stream.offer(samples)
            except InvalidSamples as error:
                live.tell([Failed(error)])  # and leave the chunk out
            except InferenceFailed as error:  # a minute is owed
                each.lease.release(Outcome.CANCELLED)
                self._end(live, Failed(error, final=True))
                return False
        if ends_now:
            stream.end()
            place.has_ended = True
        each.lease.weight = (stream.accepted_ms - before_ms) / 1000
        return True

    def _pass_marks(self, live: LiveStream, stream: DetectorStream, frame_ms: int) -> None:
        for mark in live.passed():
            if mark.asked is not None:
                try:
                    stream.ask(mark.asked)
                except InvalidParameter as error:
                    live.tell([Failed(error)])
            live.pass_by(mark, stream.frame * frame_ms)

    def _settle(self, each: Round) -> None:
        """Give the lease back; then, and only if it was still out, decide."""
        error, is_opening = each.error, each.live.place.stream is None
        if error is None:
            outcome = Outcome.OK
            each.lease.is_measured = not is_opening  # which says nothing about speed
        else:
            outcome = Outcome.CANCELLED if each.is_misfit else Outcome.FAILED
        if not each.lease.release(outcome, error=error):
            return
        if error is not None:
            self._failed(each)
        elif each.stream is not None:
            self._decide(each, each.stream)

    def _decide(self, each: Round, stream: DetectorStream) -> None:
        live, place, frame_ms = each.live, each.live.place, each.detector.scorer.frame_ms
        messages = each.install(stream)
        place.is_orphan, place.stuck_at_s = False, None
        self._fell(each, answered=True)
        frame, events = stream.frame, stream.take()
        if stream.kept:
            values = 1 - np.concatenate(stream.kept)
            stream.kept.clear()
            if len(values):
                messages.append(Probabilities(frame * frame_ms, frame_ms, values))
        messages += events
        self._hear(each, events)
        if stream.is_finished:
            self._end(live, *messages, Finished(stream.accepted_ms))
        else:
            live.tell(messages)
            self._let_go(live)

    def _hear(self, each: Round, events: Sequence[Event]) -> None:
        """Say what was found, and how late: they are about to be told."""
        since_s, each.live.place.undecided_since_s = each.live.place.undecided_since_s, None
        if events and since_s is not None:
            speech_ms = sum(
                ended.segment.end_ms - ended.segment.start_ms for ended in events if isinstance(ended, SpeechEnded)
            )
            late_s = self._clock() - since_s
            self._heard(Heard(each.lease.version, STREAM, speech_ms / 1000, len(events), late_s))

    def _failed(self, each: Round) -> None:
        """The model failed at this round, or cannot take the stream. What it was given is kept."""
        live, place, version = each.live, each.live.place, each.lease.version
        if each.hold:
            each.hold.release()
        if not each.is_misfit or place.stream is None:  # a stream that moves may stay where it is
            has_fallen = place.fall is not None
            self._fell(each, answered=False)
            if not has_fallen and self._falls_back(each):
                return
        if each.hold and place.stream and not place.is_orphan:  # it stays where it is
            place.refused = version
            place.refused_until_s = float("inf") if each.is_misfit else self._clock() + _TRY_AGAIN_S
            self._let_go(live)
        elif each.is_misfit:
            gone = f"{place.version} is gone, and {version} cannot go on with this stream: {each.said}"
            self._end(live, Failed(VersionNotReady(gone) if place.stream else each.said, final=True))
        elif self._is_last_chance(live, version):
            self._end(live, Failed(each.said, final=True))
        else:
            self._stick(live, each.said)

    def _falls_back(self, each: Round) -> bool:
        """Let the stream go on, or open, on the version that this one would replace; False where there is none."""
        live, place, version = each.live, each.live.place, each.lease.version
        if self._board.answers_for(version) is None:
            return False
        place.fall = Fall.of(each.lease, each.error, item=live.ask.key)
        place.refused, place.refused_until_s = version, self._clock() + _TRY_AGAIN_S
        place.is_orphan |= place.version == version
        self._dispatch(live)
        return True

    def _fell(self, each: Round, *, answered: bool) -> None:
        """If it is here because another version failed at it: that failure is over."""
        fall = each.live.place.fall
        if fall is not None and fall.version != each.lease.version:
            each.live.place.fall = None
            self._board.tell(fall.ended(each.lease.version, answered=answered))

    def _is_last_chance(self, live: LiveStream, version: VersionId) -> bool:
        """Whether it has tried for long enough, no chunk will come to try again with, and no other version is there."""
        place = live.place
        if not place.has_ended or place.stuck_at_s is None or self._clock() - place.stuck_at_s < _LAST_CHANCE_S:
            return False
        return self._wanted_or_none(live) in (version, None)

    def _give_up(self, rounds: Sequence[Round]) -> None:
        """The call has stalled, in another thread that may never come back: its streams go on elsewhere."""
        for each in rounds:
            if not each.lease.abandon():
                continue
            live = each.live
            if each.hold:
                each.hold.release()  # the stream is where it was
            else:
                live.place.is_orphan = True
                if live.place.stuck_at_s is None and self._wanted_or_none(live) is None:
                    live.place.stuck_at_s = self._clock()
                    version = each.lease.version
                    live.tell([Failed(InferenceFailed(f"{version} made no progress and was given up"))])
            self._dispatch(live)


def _send_away(live: LiveStream) -> None:
    live.tell([Failed(ShuttingDown("the service is being stopped: open the stream again", retry_after_s=5))])
    live.finish()
