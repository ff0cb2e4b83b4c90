"""The service: versions of a detector behind one switchboard, with the threads that use them. What edges call."""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from pathlib import Path

from segue.errors import DigestMismatch, InvalidParameter, NotReady, ShuttingDown
from segue.hub import CATALOG
from segue.service import budget, engine
from segue.service.access import Access
from segue.service.admission import admissions
from segue.service.changes import Changes
from segue.service.engine import Engine
from segue.service.hearing import Hearing
from segue.service.home import Home
from segue.service.loading import fetch, store
from segue.service.mirror import MirrorReport
from segue.service.operations import Operation, Operations
from segue.service.patience import Patience
from segue.service.recordings import Ask, Call, Recordings
from segue.service.releases import Releases
from segue.service.residents import Residents
from segue.service.rounds import Rounds
from segue.service.status import (
    JournalReport,
    RequestsReport,
    Status,
    StreamsReport,
    VersionReport,
    route_report,
    version_report,
)
from segue.service.streams import Deliver, LiveStream, StreamAsk
from segue.service.watch import Watch
from segue.settings import Settings
from segue.speech.detection import ModelIdentity
from segue.speech.rules import Rules
from segue.swap import (
    CLEAN_END,
    Entry,
    Event,
    Health,
    Journal,
    Kind,
    ModelSpec,
    Resolved,
    Runner,
    State,
    Switchboard,
    Switched,
    Transitioned,
    VersionId,
)

_LOG = logging.getLogger(__name__)

_TICK_S = 0.25


@dataclass(frozen=True, slots=True)
class Description:
    """What would answer: the version, and the rules that would decide."""

    model: ModelIdentity
    rules: Rules
    sample_rate: int
    frame_ms: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Removed:
    """What came of closing a version. ``memory_returned_bytes``: by how much the process shrank, roughly."""

    version: VersionId
    closed: bool
    memory_returned_bytes: int | None


class Service:
    """One service, in one process. Safe for threads; nothing but ``remove`` and ``stop`` waits.

    Raises ServerRunning when another one has this ``SEGUE_HOME``, JournalUnavailable, StoreError.
    """

    def __init__(self, settings: Settings, *, is_open: bool = True) -> None:
        self.settings = settings
        self.home = Home(settings.home)
        with ExitStack() as opened:
            opened.enter_context(self.home.held())
            self.access = Access(self.home.token(), is_open=is_open)
            """Who may detect, and who may change what serves."""
            self.journal = Journal(self.home.journal)
            opened.callback(self.journal.close)
            self._closing = opened.pop_all()
        self._health = Health()
        self._operations = Operations()
        self.board: Switchboard[Engine] = Switchboard(
            self._load,
            self._warm,
            self._close,
            end_calls=Engine.end_calls,
            journal=self.journal,
            listeners=[self._health.hear, self._operations.hear, self._hear],
            bake_s=settings.bake_s,
            max_resident=settings.max_resident,
        )
        self._store = store(settings)
        self._watch = Watch(settings.stall_s)
        self._stopping = threading.Event()
        patience = Patience(self.board, self._health, self._watch)
        self._releases = Releases(self.board, self._watch, patience, settings, self._stopping)
        self._changes = Changes(self.board, self._releases.runner, self._operations, self._store, settings)
        self.follower = self._releases.follower(self._operations, self._store, self.rollout)
        self.hearing = Hearing()
        """Who counts what is heard listens here, and to ``board`` for all else."""
        heard, mirror = self.hearing.tell, self._releases.mirror
        self._recordings = Recordings(self.board, self._watch, patience, mirror, threads=_cores(), heard=heard)
        self._rounds = Rounds(self.board, self._watch, patience, threads=_cores(), heard=heard)
        self._admission, self._stream_admission = admissions(settings)
        self._residents = Residents()
        self._began_at, self._began_s = time.time(), time.monotonic()

    # -- from start to stop ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Serve again what served last, or else the default model; returns at once, ``ready`` says when it does."""
        begin = partial(self._changes.begin, stopping=self._stopping)
        threading.Thread(target=begin, name="start", daemon=True).start()
        # What is dead is told first: then its trial is taken back for that, and not for the calls that were in it.
        rollouts, follower = (self._bury, self._releases.runner.tend), (self.follower.tend,)
        for name, chores in (("keeper", self._chores), ("rollouts", rollouts), ("follower", follower)):
            threading.Thread(target=self._keep, args=(chores,), name=name, daemon=True).start()

    def refuse_new_work(self) -> None:
        """Take no recording and no stream any more, and end the streams that are open, telling them."""
        self._admission.close()
        self._stream_admission.close()
        self._rounds.shut()

    def wait_idle(self, deadline_s: float) -> bool:
        """Wait until all that was taken is answered; whether it is."""
        until_s = time.monotonic() + deadline_s
        idle = self._admission.wait_empty(deadline_s)
        return self._stream_admission.wait_empty(max(0.0, until_s - time.monotonic())) and idle

    def stop(self, deadline_s: float) -> bool:
        """Close all versions, waiting so long for what uses them; whether all are closed. The home is free after it."""
        self._stopping.set()
        self._changes.close()
        self.refuse_new_work()
        try:
            return self.board.shutdown(deadline_s)
        finally:
            self.journal.defer(Entry(Kind.NOTE, CLEAN_END, "the service"))
            self._closing.close()

    @property
    def waits_for(self) -> str:
        """Why it is not ready, on one line."""
        return self._changes.waits_for

    @property
    def ready(self) -> bool:
        """Whether a warmed version serves, and may be replaced: the start's own change is over."""
        return self._changes.serving

    # -- detecting -------------------------------------------------------------------------------------------------

    def admit(self, client: str) -> AbstractContextManager[None]:
        """A place for a recording, from first byte to answer. Raises Overloaded, TooManyRequests, ShuttingDown."""
        return self._admission.place(client)

    def admit_stream(self, client: str) -> AbstractContextManager[None]:
        """A place for a live stream. Raises as ``admit``."""
        return self._stream_admission.place(client)

    @property
    def refused(self) -> Mapping[str, int]:
        """How many were refused for want of a place."""
        return {"recordings": self._admission.refused, "streams": self._stream_admission.refused}

    def detect(self, source: bytes | Path, ask: Ask) -> Call:
        """Begin a recording: the bytes of a file, or its path. Raises NotReady."""
        call = Call(source, ask)
        self._recordings.begin(call)
        return call

    def describe(self, ask: Ask) -> Description:
        """What would answer now. Raises NotReady, VersionNotReady, UnknownVersion, InvalidParameter."""
        lease = self.board.lease(ask.key, version=ask.version)
        lease.is_measured = False
        with lease:
            detector, epoch = lease.model.detector, self.board.epoch
        try:
            rules = detector.rules.asking(ask.asked)
        except InvalidParameter:
            if ask.version or (instead := self.board.answers_for(lease.version)) is None:
                raise
            return self.describe(replace(ask, version=instead))  # as a recording would fall back
        return Description(detector.model, rules, detector.scorer.sample_rate, detector.scorer.frame_ms, epoch)

    def stream(self, ask: StreamAsk, deliver: Deliver) -> LiveStream:
        """Open a live stream; ``deliver`` is told ``Opened`` first."""
        return self._rounds.open(ask, deliver)

    # -- changing --------------------------------------------------------------------------------------------------

    def switch(
        self,
        wanted: ModelSpec | VersionId,
        *,
        who: str,
        why: str = "",
        queue: bool = False,
        abort_rollout: bool = False,
    ) -> Operation:
        """Prepare a version and let it serve; as ``Changes.switch``. With ``abort_rollout``, a rollout ends for it."""
        begin = partial(self._changes.switch, wanted, who=who, why=why, queue=queue)
        return self._releases.in_place(begin, f"switch to {wanted}", who=who) if abort_rollout else begin()

    def prepare(self, wanted: ModelSpec, *, who: str, why: str = "") -> Operation:
        """Prepare a version, and let what serves serve; the answer is its VersionReport. As ``Changes.prepare``."""
        return self._changes.prepare(wanted, self._report, who=who, why=why)

    def rollout(
        self, wanted: ModelSpec | VersionId, given: Mapping[str, object], *, who: str, why: str = ""
    ) -> Operation:
        """Prepare a version, and release it by a plan (see ``plan_of``); the answer is a RolloutReport.

        Raises InvalidPlan and as ``switch``.
        """
        return self._releases.begin(self._changes, wanted, self._releases.plan(given), who=who, why=why)

    def mirrored(self, version: VersionId) -> MirrorReport:
        """What the copies that a version on trial was sent have shown."""
        return self._releases.mirror.report(version)

    @property
    def rollouts(self) -> "Runner[Engine]":
        """The rollouts: reports of them, and what may be done with the one under way."""
        return self._releases.runner

    def rollback(self, *, who: str, why: str = "") -> Operation:
        """Go back to what served before, cancelling what is under way."""
        return self._changes.rollback(who=who, why=why)

    def remove(self, version: VersionId, *, deadline_s: float, who: str) -> Removed:
        """Drain a version and close it, waiting for its leases.

        Raises VersionInUse when it serves, IllegalTransition, UnknownVersion.
        """
        known = {each.version: each.state for each in self.board.snapshot().versions}
        if known.get(version) is State.NEW:  # of an earlier process: nothing of it is loaded
            return Removed(version, closed=True, memory_returned_bytes=None)
        closed = self.board.drain(version, deadline_s, who=who)
        return Removed(version, closed, self._residents.returned_bytes(version) if closed else None)

    def operation(self, operation_id: str) -> Operation:
        """A change by its ID. Raises UnknownChange."""
        return self._operations.find(operation_id)

    def history(self, limit: int, *, before: int | None = None) -> list[Entry]:
        """The newest rows of the journal first. Raises JournalUnavailable."""
        return self.journal.history(limit, before=before)

    # -- looking ---------------------------------------------------------------------------------------------------

    def status(self) -> Status:
        """Everything at this moment."""
        snapshot, rollout = self.board.snapshot(), self._releases.runner.under_trial
        lives = self._rounds.streams()
        places = [live.place.version for live in lives]
        elsewhere = sum(version not in (None, self._choice(live)) for live, version in zip(lives, places, strict=True))
        versions = [
            version_report(
                each,
                snapshot,
                self._health.figures(each.version),
                memory_bytes=self._residents.memory_bytes(each.version),
                streams=places.count(each.version),
            )
            for each in snapshot.versions
        ]
        return Status(
            segue=metadata.version("segue"),
            pid=os.getpid(),
            started_at=self._began_at,
            uptime_s=time.monotonic() - self._began_s,
            ready=self.ready,
            waits_for="" if snapshot.route else self.waits_for,
            epoch=snapshot.epoch,
            route=route_report(snapshot),
            route_text=str(snapshot.route or ""),
            back=[str(route) for route in snapshot.back],
            under_way=self._operations.under_way,
            rollout=rollout if rollout and rollout.id else None,
            follow=str(self.follower.report or ""),
            memory_bytes=engine.resident_bytes(),
            journal=JournalReport(str(self.journal.path), snapshot.pending_rows, self.journal.notice),
            streams=StreamsReport(len(lives), elsewhere),
            requests=RequestsReport(self._admission.taken, self._recordings.waiting, self._admission.refused),
            versions=versions,
        )

    def _report(self, version: VersionId) -> VersionReport:
        return next(report for report in self.status().versions if report.version == version)

    def _choice(self, live: LiveStream) -> VersionId | None:
        try:
            return self.board.choose(live.ask.key)
        except NotReady:
            return None

    # -- inside ----------------------------------------------------------------------------------------------------

    def _load(self, resolved: Resolved) -> Engine:
        """The switchboard's loader: the content is found again by its digest, wherever it came from."""
        self._check_open()
        found = self._store.find_digest(resolved.digest)
        if found is None:
            found = fetch(resolved.spec.model_id, resolved.spec.revision, settings=self.settings)
        if found.digest != resolved.digest:
            raise DigestMismatch(
                f"{resolved.spec} is no longer what it was: digest {found.digest[:12]} instead of "
                f"{resolved.digest[:12]}; switch to it anew to serve it as it is now"
            )
        known = CATALOG.lookup(found.model_id)
        found = replace(found, kind=known.kind) if known else found
        budget.check(found.directory, self._residents.last_bytes(resolved.version))
        return self._residents.add(
            engine.load(
                found,
                resolved,
                max_audio_s=self.settings.max_audio_s,
                isolate=self.settings.isolate,
                most_memory_bytes=self.settings.isolated_memory_bytes,
            )
        )

    def _warm(self, loaded: Engine) -> None:
        engine.warm(loaded)
        self._check_open()

    def _check_open(self) -> None:
        """What would be READY after the end has closed the others would never be closed."""
        if self._stopping.is_set():
            raise ShuttingDown("the service is being stopped: ask again when it is back", retry_after_s=5)

    def _close(self, closed: Engine) -> str:
        return f"{self._residents.close(closed) / 1e6:.1f} MB came back"

    def _hear(self, event: Event) -> None:
        """What is gone needs no threads; and the log has every fact of a change."""
        if isinstance(event, Transitioned):
            if event.after in (State.CLOSED, State.FAILED):
                self._recordings.drop(event.version)
                self._rounds.drop(event.version)
                self._releases.mirror.drop(event.version)
            level = logging.ERROR if event.after is State.FAILED else logging.INFO
            _LOG.log(level, "%s: %s -> %s%s", event.version, event.before.value, event.after.value, _because(event.why))
        elif isinstance(event, Switched):
            _LOG.info(
                "%s: %s serves, epoch %d%s", event.verb, event.route or "nothing", event.epoch, _because(event.why)
            )

    @property
    def _chores(self) -> tuple[Callable[[], None], ...]:
        """What stalls, what waits, what is dead, what has baked out."""
        return self._watch.look, self._operations.tend, self._rounds.tend, self._bury, self.board.sweep

    def _bury(self) -> None:
        self._residents.bury(self.board.fail)

    def _keep(self, chores: tuple[Callable[[], None], ...]) -> None:
        """Now and then."""
        while not self._stopping.wait(_TICK_S):
            for chore in chores:
                try:
                    chore()
                except Exception:  # noqa: BLE001 -- the next tick comes, and the other chores are done
                    _LOG.exception("a fault in Segue")


def _because(why: str) -> str:
    return f" ({why})" if why else ""


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
