"""Looks now and then at a branch or a directory, and releases what is new there, with nobody at hand.

1. *New* is a version (digest and options) that does not serve, and of which ``past`` knows nothing.
2. *Whole and quiet*: the content of a directory counts when two looks in a row found the same; a branch is whole.
3. *One after the other*: nothing is begun while a rollout, a bake time or another change is under way, or before
   anything serves. What is there when that is over counts, not what was there meanwhile.
4. *What is out of reach is looked for again*: the log has it once, the report for as long as it lasts.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segue.errors import SegueError, one_line
from segue.hub import Newest, ResolvedModel
from segue.service.engine import Engine
from segue.service.followed import Followed, FollowFile
from segue.service.operations import Operation, Operations
from segue.service.past import ATTEMPT, last_seq, past
from segue.swap import Entry, Kind, ModelSpec, Resolved, Runner, Switchboard, VersionId

_LOG = logging.getLogger(__name__)

_AGAIN_S = 600.0
"""After something was refused: the least wait, for whatever was short may come back."""


@dataclass(frozen=True, slots=True)
class FollowReport:
    """What is followed, and what is known of it. Times of day are seconds since 1970.

    ``digest`` and ``version`` are what the last look found, "" before that. ``says`` is what follows from it,
    ``problem`` why the last look or rollout failed, ``note`` what the operator should know.
    """

    model: str
    model_id: str
    revision: str | None
    options: Mapping[str, str | int | float | bool]
    plan: Mapping[str, Any]
    every_s: float
    who: str
    why: str
    since: float
    looked_at: float | None = None
    next_s: float = 0.0
    digest: str = ""
    version: str = ""
    says: str = "not looked at yet"
    problem: str = ""
    note: str = ""

    def __str__(self) -> str:
        return f"{self.model}: {self.problem or self.says}"


class Follower:
    """One thing is followed at a time. Safe for threads; ``tend`` is for one thread alone: it waits for hubs and disks.

    ``check`` raises for a model or plan that can never be; ``look`` finds what a name means now; ``keep`` puts a
    directory's content into the store; ``begin`` is ``Service.rollout``.
    """

    def __init__(
        self,
        board: Switchboard[Engine],
        runner: Runner[Engine],
        operations: Operations,
        path: Path,
        *,
        check: Callable[[ModelSpec, Mapping[str, Any]], object],
        look: Callable[[str, str | None], Newest],
        keep: Callable[[ResolvedModel], ResolvedModel],
        begin: Callable[..., Operation],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._board = board
        self._runner = runner
        self._operations = operations
        self._file = FollowFile(path)
        self._check = check
        self._look = look
        self._keep = keep
        self._begin = begin
        self._clock = clock
        self._start_seq = last_seq(board.journal)
        self._asking = threading.Lock()  # held by whoever changes what is followed; taken first
        self._lock = threading.Lock()  # guards all below; held for microseconds
        self._followed = self._file.read()
        self._report = _fresh(self._followed) if self._followed else None
        self._due_s = -math.inf
        self._begun: Operation | None = None
        if self._followed:
            _LOG.info("%s is followed again, by %s", self._followed.spec, self._followed.who)

    # -- what edges call -------------------------------------------------------------------------------------------

    def follow(
        self, spec: ModelSpec, plan: Mapping[str, Any], *, every_s: float, who: str, why: str = ""
    ) -> FollowReport:
        """Follow this from now on, in place of what was followed; the first look comes at once, in ``tend``'s thread.

        Raises InvalidParameter, InvalidModelID, InvalidPlan, ModelNotFound (a directory that is not there), StoreError.
        """
        self._check(spec, plan)
        followed = Followed(spec, dict(plan), every_s, who, why, time.time())
        with self._asking:
            self._file.write(followed)
            self._set(followed)
        self._note(str(spec), followed.who, why)
        _LOG.info("%s is followed every %g s, by %s", spec, every_s, who)
        return self._tell(_fresh(followed))

    def stop(self, *, who: str) -> FollowReport | None:
        """Follow nothing; what was followed, or None. A rollout under way goes on. Raises StoreError."""
        with self._asking:
            report = self.report
            self._file.write(None)
            self._set(None)
        if report is not None:
            self._note(f"no more of {report.model}", who, "")
            _LOG.info("%s is not followed any more, by %s", report.model, who)
        return report

    @property
    def report(self) -> FollowReport | None:
        """What is followed, or None."""
        with self._lock:
            return self._report and self._tell(self._report)

    def _tell(self, report: FollowReport) -> FollowReport:
        return replace(report, next_s=max(0.0, self._due_s - self._clock()))

    def _set(self, followed: Followed | None) -> None:
        with self._lock:
            self._followed, self._begun, self._due_s = followed, None, -math.inf
            self._report = _fresh(followed) if followed else None

    def _note(self, what: str, who: str, why: str, **evidence: object) -> None:
        self._board.journal.defer(Entry(Kind.NOTE, "follow", what, who, why, evidence=evidence))
        self._board.journal.flush()

    # -- looking ---------------------------------------------------------------------------------------------------

    def tend(self) -> None:
        """Look, if it is time to."""
        with self._lock:
            followed, begun = self._followed, self._begun
            is_due = followed is not None and self._clock() >= self._due_s
        if begun is not None and begun.future.done():
            self._heed(begun)
        elif begun is None and is_due:
            assert followed is not None
            with self._lock:
                self._due_s = self._clock() + followed.every_s
            self._look_at(followed)

    def _look_at(self, followed: Followed) -> None:
        spec = followed.spec
        try:
            found = self._look(spec.model_id, spec.revision)
            resolved = _resolved(found.model, spec)
            with self._lock:
                before = self._report.digest if self._report else ""
            is_settled = found.model.revision is not None or found.model.digest == before
            says, begun = self._decide(followed, found.model, resolved.version, is_settled=is_settled)
        except SegueError as error:
            self._fail(followed, one_line(error))
            return
        note = "" if found.moves else f"{resolved.spec} never changes: follow a branch, such as @master, or a directory"
        known = {"looked_at": time.time(), "digest": found.model.digest, "version": str(resolved.version)}
        with self._lock:
            if self._followed is not followed or self._report is None:
                return  # something else is followed by now; what was begun is a rollout like any other
            was_away = self._report.problem
            self._begun = begun
            self._report = replace(self._report, **known, says=says, note=note, problem="")  # type: ignore[arg-type]  # names of fields
        if was_away:
            _LOG.info("%s can be looked at again", spec)

    def _decide(
        self, followed: Followed, model: ResolvedModel, version: VersionId, *, is_settled: bool
    ) -> tuple[str, Operation | None]:
        """What is to be said of what was found, and what was begun with it. Raises SegueError."""
        route = self._board.route
        if route is None:
            return f"{version} waits until something serves", None
        if route.primary == version:
            return f"{version} serves", None
        if not is_settled:
            return f"{version} is new here; it counts if it is still so at the next look", None
        under_way = self._under_way
        if under_way:
            return f"{under_way}; then this is looked at again", None
        against = past(self._board.journal, version, start_seq=self._start_seq)
        if against:
            return f"{version} is left alone: {against}. If it is wanted all the same: segue rollout", None
        version = self._board.add(_resolved(self._keep(model), followed.spec))
        why = f"{followed.spec} has new content, digest {model.digest[:12]}"
        with self._asking:  # nothing is begun for who has just said stop
            if self._followed is not followed:
                return "", None
            self._note(f"begins with {version}", followed.who, why, **{ATTEMPT: version})
            operation = self._begin(version, followed.plan, who=f"follow ({followed.who})", why=why)
        return f"{version} is being prepared for its rollout", operation

    @property
    def _under_way(self) -> str:
        """What must be over first."""
        rollout = self._runner.under_trial
        if rollout is not None:
            what = f"rollout {rollout.id} of {rollout.version}" if rollout.id else f"the switch to {rollout.version}"
            return f"{what} is under way ({rollout.phase})"
        operation = self._operations.under_way
        return f"{operation.verb} {operation.what} is under way" if operation else ""

    def _heed(self, begun: Operation) -> None:
        """The preparation is over: the rollout is under way, or was refused."""
        error = begun.future.exception()
        with self._lock:
            followed = self._followed
            if self._begun is not begun or followed is None or self._report is None:
                return
            self._begun = None
            if error is None:
                rollout = begun.future.result()
                self._report = replace(self._report, says=f"rollout {rollout.id} of {rollout.version} has begun")
                return
            self._due_s = self._clock() + max(followed.every_s, _AGAIN_S)
        self._fail(followed, f"{begun.version} was refused: {one_line(error)}")

    def _fail(self, followed: Followed, problem: str) -> None:
        with self._lock:
            if self._followed is not followed or self._report is None:
                return
            is_news = not self._report.problem
            self._report = replace(self._report, looked_at=time.time(), problem=problem)
        if is_news:
            _LOG.warning("%s, which is followed: %s", followed.spec, problem)


def _resolved(model: ResolvedModel, spec: ModelSpec) -> Resolved:
    return Resolved(ModelSpec(model.model_id, model.revision, spec.options), model.digest)


def _fresh(followed: Followed) -> FollowReport:
    spec = followed.spec
    return FollowReport(
        model=str(spec),
        model_id=spec.model_id,
        revision=spec.revision,
        options=dict(spec.options),
        plan=dict(followed.plan),
        every_s=followed.every_s,
        who=followed.who,
        why=followed.why,
        since=followed.since,
    )
