"""Copies of what the primary answered, for a version on trial: off the caller's path, compared, never answered.

One thread a version, at a low priority; a bounded queue that drops and counts rather than
delays. What the version fails at counts as a failure of it, for the primary has answered the same input. Only
recordings that are in memory are mirrored, not the large ones that wait in files, and no live streams.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from segue.accuracy.agreement import Agreement, Shifts, agreement, percentiles, shifts
from segue.errors import AudioError, SwitchError
from segue.service.engine import Engine
from segue.service.fall import Fall, item_of
from segue.service.lanes import Lanes
from segue.service.patience import Patience
from segue.service.watch import Watch
from segue.service.worst import Worst
from segue.speech.detection import Detection
from segue.swap import Lease, Outcome, Runner, Switchboard, VersionId

_MOST = 1000
_MOST_BYTES = 64 * 2**20
_KEPT = 10_000
_PATIENCE_S = 0.1
_POLL_S = 0.002
_NICE = 10
"""Low, not the lowest (19): beside other work that would get next to nothing, also while it holds the interpreter's
lock, and the callers' threads would wait for it. On a busy machine their p99 was 1.3 times that without copies with 19,
and 1.0 times with 10; see docs/reliability.md."""
_AT = (1, 50, 99)


@dataclass(frozen=True, slots=True)
class Copy:
    """A recording that the primary has answered, with so many seconds of a processor, as its caller had asked."""

    source: bytes | Path
    key: str
    asked: Mapping[str, object]
    answer: Detection
    took_s: float


@dataclass(frozen=True, slots=True)
class Pair:
    """One recording, answered by both."""

    agreement: Agreement
    shifts: Shifts
    primary_s: float
    trial_s: float


@dataclass(frozen=True, slots=True)
class MirrorReport:
    """What the copies have shown. Times of boundaries are ms at the 1st, 50th and 99th percentile; negative is earlier.

    ``missed`` and ``extra`` are parts of the primary's speech; ``speech_primary`` and ``speech_trial`` of the audio.
    ``latency_ratio``: the trial's time for the same audio, of the primary's, in all; the trial's thread gives way.
    """

    version: VersionId
    compared: int = 0
    waiting: int = 0
    dropped: int = 0
    too_large: int = 0
    failed: int = 0
    iou: float | None = None
    missed: float | None = None
    extra: float | None = None
    speech_primary: float | None = None
    speech_trial: float | None = None
    start_shift_ms: Sequence[float] | None = None
    end_shift_ms: Sequence[float] | None = None
    latency_ratio: float | None = None


@dataclass(slots=True)
class _Tally:
    """Of one version: guarded by the mirror's lock."""

    compared: int = 0
    dropped: int = 0
    too_large: int = 0
    failed: int = 0
    total: Agreement = field(default_factory=Agreement)
    start_ms: deque[int] = field(default_factory=lambda: deque(maxlen=_KEPT))
    end_ms: deque[int] = field(default_factory=lambda: deque(maxlen=_KEPT))
    primary_s: float = 0.0
    trial_s: float = 0.0
    worst: Worst | None = None


class Mirror:
    """Offers copies to versions on trial, as many as their rollout wants. Safe for threads; ``offer`` never waits."""

    def __init__(
        self,
        board: Switchboard[Engine],
        runner: Runner[Engine],
        watch: Watch,
        patience: Patience,
        *,
        least_s: float = 5.0,
    ) -> None:
        """``least_s``: without progress for so long, it hangs: at a low priority everything takes its time."""
        self._board = board
        self._runner = runner
        self._watch = watch
        self._patience = patience
        self._least_s = least_s
        self._lanes: Lanes[Copy] = Lanes(self._work, self._taken, name="mirror", threads=1)
        self._lock = threading.Lock()  # guards both below
        self._tallies: dict[VersionId, _Tally] = {}
        self._waiting_bytes = 0

    def offer(self, copy: Copy) -> None:
        """A version has answered: if it is the primary, a copy may be wanted."""
        version = self._runner.wants_copy(copy.key)
        if version is None or copy.answer.model.version == version:
            return
        lane = self._lanes.of(version)
        with self._lock:
            tally = self._tallies.setdefault(version, _Tally())
            if not isinstance(copy.source, bytes):
                tally.too_large += 1
                return
            if lane.waiting >= _MOST or self._waiting_bytes + len(copy.source) > _MOST_BYTES:
                tally.dropped += 1
                return
            self._waiting_bytes += len(copy.source)
        if not lane.put(copy):
            self._taken(copy)

    def drop(self, version: VersionId) -> None:
        """The version is gone: copies that wait are nobody's."""
        self._lanes.drop(version)

    def begin(self, version: VersionId, *, keep: int = 0, directory: Path | None = None) -> None:
        """A rollout of it begins: nothing is known. The ``keep`` recordings that differ most go to a directory."""
        with self._lock:
            self._tallies[version] = _Tally(worst=Worst(directory, keep) if directory else None)

    def report(self, version: VersionId) -> MirrorReport:
        """What is known of a version."""
        waiting = self._lanes.of(version).waiting
        with self._lock:
            tally = self._tallies.get(version, _Tally())
            total, compared = tally.total, tally.compared
            starts, ends = list(tally.start_ms), list(tally.end_ms)
            counts = (compared, waiting, tally.dropped, tally.too_large, tally.failed)
            ratio = tally.trial_s / tally.primary_s if tally.primary_s else None
        all_ms = total.both + total.missed + total.false_alarm + total.neither
        return MirrorReport(
            version,
            *counts,
            iou=total.iou,
            missed=total.missed_rate,
            extra=total.false_alarm / total.reference if total.reference else None,
            speech_primary=total.reference / all_ms if all_ms else None,
            speech_trial=total.detected / all_ms if all_ms else None,
            start_shift_ms=percentiles(starts, _AT),
            end_shift_ms=percentiles(ends, _AT),
            latency_ratio=ratio,
        )

    def _taken(self, copy: Copy) -> None:
        """It does not wait any more: it is at work, or its version is gone."""
        assert isinstance(copy.source, bytes)  # no other was taken
        with self._lock:
            self._waiting_bytes -= len(copy.source)

    def _work(self, version: VersionId, copies: list[Copy]) -> None:
        """Answer one copy, in this thread, and compare."""
        (copy,) = copies
        self._taken(copy)
        if self._runner.wants_copy(copy.key) != version:
            return  # its trial is over
        _give_way()
        self._wait_for_peace()
        try:
            lease = self._board.lease(copy.key, version=version)
        except SwitchError:  # it is gone
            return
        lease.is_measured = False

        def give_up() -> None:
            lease.abandon()

        limit_s = max(self._least_s, self._patience.of(version, copy.answer.duration_ms / 1000))
        with self._watch.over(give_up, limit_s=limit_s) as running:
            self._answer(version, copy, lease, running.beat)

    def _wait_for_peace(self) -> None:
        """Until nobody is being answered, for a moment: then begin all the same, or most copies would be dropped."""
        until_s = time.monotonic() + _PATIENCE_S
        while self._board.calls and time.monotonic() < until_s:
            time.sleep(_POLL_S)

    def _answer(self, version: VersionId, copy: Copy, lease: Lease[Engine], beat: Callable[[], None]) -> None:
        began_s = time.thread_time()
        try:
            found = lease.model.detector.detect(
                copy.source,
                progress=lambda *_: beat(),
                **copy.asked,  # type: ignore[arg-type]  # as it was asked of the primary
            )
        except AudioError:  # it says nothing of the model; parameters that the primary takes are to be taken
            lease.release(Outcome.CANCELLED)
        except BaseException as error:  # noqa: BLE001 -- whatever a model raises is a failure of it
            if lease.release(Outcome.FAILED, error=error):
                self._failed(copy, lease, error)
        else:
            if lease.release():
                self._compare(version, copy, found, time.thread_time() - began_s)

    def _failed(self, copy: Copy, lease: Lease[Engine], error: BaseException) -> None:
        with self._lock:
            self._tallies.setdefault(lease.version, _Tally()).failed += 1
        fall = Fall.of(lease, error, item=item_of(copy.source))
        self._board.tell(fall.ended(VersionId(copy.answer.model.version or ""), answered=True))

    def _compare(self, version: VersionId, copy: Copy, found: Detection, took_s: float) -> None:
        duration_ms = copy.answer.duration_ms
        agreed = agreement(copy.answer.segments, found.segments, duration_ms)
        shifted = shifts(copy.answer.segments, found.segments, duration_ms)
        worst = self._count(version, Pair(agreed, shifted, copy.took_s, took_s))
        if worst is not None and isinstance(copy.source, bytes):
            worst.offer(1 - (1.0 if agreed.iou is None else agreed.iou), copy.source, (copy.answer, found))
        self._runner.compared(version, common=agreed.both, either=agreed.both + agreed.missed + agreed.false_alarm)

    def _count(self, version: VersionId, pair: Pair) -> Worst | None:
        with self._lock:
            tally = self._tallies.setdefault(version, _Tally())
            tally.compared += 1
            tally.total += pair.agreement
            tally.start_ms.extend(pair.shifts.start_ms)
            tally.end_ms.extend(pair.shifts.end_ms)
            tally.primary_s += pair.primary_s
            tally.trial_s += pair.trial_s
            return tally.worst


def _give_way() -> None:
    """Let this thread run when nothing else does; where the system cannot, it runs like the others."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
