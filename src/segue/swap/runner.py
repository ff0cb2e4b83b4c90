"""Carries out rollouts: what comes back is evidence, ``decide`` says what to do, and that is done.

1. *One rollout is under way at a time.* While it is a trial it holds the right to change the route: other changes are
   refused, naming it. A rollback takes that right away, and so ends it.
2. *From its promotion on it holds nothing*: it watches for its bake time, and any other change of the route ends it.
3. *A switch is a plan of one step*: what became primary by a switch, beside a version that is still warm, is watched
   for its bake time alike, and taken back alike.
4. *Facts come from any thread* and cost microseconds; acts are done one at a time, by ``tend`` and by who is at the
   wheel. Nothing is decided from the outside: whoever wants something else than the plan says so, and it is journaled.
5. *The journal knows enough to go on*: every row of a rollout carries its plan and where it is (``Rollout.mark``).
"""

import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from segue.errors import JournalUnavailable, SegueError, Superseded, UnknownRollout, VersionNotReady
from segue.swap.change import Change
from segue.swap.entry import Entry, Kind
from segue.swap.events import Event, FellBack, Released, Switched, Transitioned
from segue.swap.lifecycle import State
from segue.swap.plan import Plan
from segue.swap.release import Rollout, RolloutReport
from segue.swap.restore import Mark
from segue.swap.rollout import Action, Enter, Phase, TakeBack, after, decide, first
from segue.swap.spec import VersionId
from segue.swap.switchboard import Switchboard

T = TypeVar("T")

_LOG = logging.getLogger(__name__)

_REMEMBERED = 20

VERB = "rollout"


class Runner(Generic[T]):
    """The rollouts of one switchboard, of which it is a listener. Safe for threads; whoever runs a loop calls ``tend``.

    ``ended`` is told of each rollout that somebody began, when it is over.
    """

    def __init__(
        self,
        board: Switchboard[T],
        *,
        bake_s: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
        ended: Callable[[RolloutReport], None] = lambda report: None,  # noqa: ARG005 -- nobody to tell is the default
    ) -> None:
        self._board = board
        self._bake_s = bake_s
        self._clock = clock
        self._ended = ended
        self._acting = threading.RLock()  # held by whoever changes the route for a rollout; taken first
        self._lock = threading.Lock()  # guards _active, what is in it, and _over; held for microseconds
        self._active: Rollout | None = None
        self._over: deque[Rollout] = deque(maxlen=_REMEMBERED)
        board.listen(self._hear)

    # -- from begin to end -----------------------------------------------------------------------------------------

    def begin(self, version: VersionId, plan: Plan, *, change: Change) -> RolloutReport:
        """Let a READY version take the first step of its plan; the change is the rollout's from now on.

        Raises VersionNotReady when it serves already or nothing does, and what ``Switchboard.switch`` raises.
        """
        route = self._board.route
        if route is None or route.primary == version:
            said = (
                "nothing serves that it could be compared with: segue switch serves it"
                if route is None
                else "it serves"
            )
            raise VersionNotReady(f"{version} cannot be rolled out: {said}")
        rollout = Rollout(
            uuid.uuid4().hex[:8], version, route.primary, plan, who=change.who, why=change.why, began_s=self._clock()
        )
        rollout.change = change
        with self._acting:
            with self._lock:
                watched, self._active = self._active, rollout
            if watched is not None:
                self._end(watched, Phase.ABORTED, f"{change} began")
            try:
                self._enter(rollout, first(plan))
            except BaseException:
                with self._lock:
                    self._active = None
                raise
        return rollout.report(self._clock())

    def resume(self, mark: Mark) -> None:
        """Go on after a restart with what the journal said, if its route serves again; evidence is gathered anew.

        Raises what ``Switchboard.change`` and ``prepare`` raise: then it is not under way.
        """
        rollout = Rollout.of(mark.said, now_s=self._clock())
        rollout.crashes, rollout.route = mark.crashes, self._board.route
        self._board.keep_warm(rollout.instead, rollout.plan.bake_s)
        with self._acting:
            if rollout.phase.is_trial:
                rollout.change = self._board.change(rollout.version, verb=VERB, who=rollout.who, why=rollout.why)
            with self._lock:
                self._active = rollout
            self._note(rollout, "resume", "start")
        if not rollout.phase.is_trial:
            self._board.prepare(rollout.instead, who=rollout.name, why="to be gone back to")

    def tend(self) -> None:
        """Ask what is to be done now, and do it. Raises nothing that a later try could mend."""
        with self._acting:
            with self._lock:
                rollout = self._active
                now_s = self._clock()
                action = decide(rollout.plan, rollout.progress(), now_s) if rollout else None
            if rollout is None or action is None:
                return
            try:
                self._do(rollout, action)
            except (JournalUnavailable, VersionNotReady) as error:
                _LOG.warning("rollout %s waits: %s", rollout.id, error)
            except Superseded as error:
                self._end(rollout, Phase.ABORTED, str(error))

    # -- by hand ---------------------------------------------------------------------------------------------------

    def pause(self, rollout_id: str | None, *, who: str) -> RolloutReport:
        """It stays where it is, and is taken back all the same if it must. Raises UnknownRollout."""
        return self._say(rollout_id, "pause", who, is_paused=True)

    def resume_by_hand(self, rollout_id: str | None, *, who: str) -> RolloutReport:
        """It goes on by its plan. Raises UnknownRollout."""
        return self._say(rollout_id, "resume", who, is_paused=False)

    def canary(self, share: float, rollout_id: str | None = None, *, who: str) -> RolloutReport:
        """Set the share by hand, 0 to 1; then it waits for the next word. Raises UnknownRollout, InvalidRoute."""
        with self._acting:
            rollout = self._trial(rollout_id)
            self._enter(rollout, Enter(Phase.CANARY, f"set to {share:.4g} by {who}", rollout.step, share))
            with self._lock:
                rollout.is_paused = True
            return rollout.report(self._clock())

    def promote(self, rollout_id: str | None, *, who: str) -> RolloutReport:
        """Let it serve everyone now, whatever its plan waits for. Raises UnknownRollout."""
        with self._acting:
            rollout = self._trial(rollout_id)
            self._enter(rollout, Enter(Phase.BAKE, f"promoted by {who}", rollout.step))
            return rollout.report(self._clock())

    def step(self, rollout_id: str | None, *, who: str) -> RolloutReport:
        """Take the next step of the plan now. Raises UnknownRollout."""
        with self._acting:
            rollout = self._trial(rollout_id)
            self._enter(rollout, after(rollout.plan, rollout.progress(), f"by {who}"))
            return rollout.report(self._clock())

    def abort(self, rollout_id: str | None, *, who: str, why: str = "") -> RolloutReport:
        """End it: what served before serves everyone again. Raises UnknownRollout."""
        with self._acting:
            rollout = self._find_active(rollout_id)
            said = f"aborted by {who}" + (f": {why}" if why else "")
            self._take_back(rollout, said, {}, Phase.ABORTED)
            return rollout.report(self._clock())

    # -- looking ---------------------------------------------------------------------------------------------------

    def report(self, rollout_id: str | None = None) -> RolloutReport:
        """One by its ID, or the one under way or else the last. Raises UnknownRollout."""
        with self._lock:
            for rollout in self._known():
                if rollout_id in (None, rollout.id):
                    return rollout.report(self._clock())
        raise UnknownRollout(f"no rollout {rollout_id!r} is remembered" if rollout_id else "no rollout was begun")

    def reports(self) -> list[RolloutReport]:
        """Those that are remembered, the newest first."""
        with self._lock:
            return [rollout.report(self._clock()) for rollout in self._known()]

    @property
    def under_trial(self) -> RolloutReport | None:
        """The one that is under way, a watched switch too; None when nothing is."""
        with self._lock:
            return self._active.report(self._clock()) if self._active else None

    def wants_copy(self, key: str) -> VersionId | None:
        """The version that is to be sent a copy of what the primary answered to this key."""
        rollout = self._active
        if rollout is None or not rollout.phase.is_trial or not rollout.mirrors(key):
            return None
        return rollout.version

    def compared(self, version: VersionId, *, common: float, either: float) -> None:
        """A mirrored pair was compared: so much speech in both answers, and in either."""
        with self._lock:
            if self._active and self._active.version == version:
                self._active.compared(common, either)

    def alarm(self, version: VersionId, reason: str) -> None:
        """The version must go, for a reason that is no request: its memory is over the budget, say."""
        with self._lock:
            if self._active and self._active.version == version:
                self._active.alarm = self._active.alarm or reason

    def _known(self) -> list[Rollout]:
        return [*([self._active] if self._active and self._active.is_asked_for else []), *reversed(self._over)]

    # -- facts -----------------------------------------------------------------------------------------------------

    def _hear(self, event: Event) -> None:
        if isinstance(event, Released | FellBack):
            with self._lock:
                if self._active is not None:
                    self._active.accept(event, self._clock())
        elif isinstance(event, Transitioned):
            if event.after is State.FAILED:
                self.alarm(event.version, event.why or "it failed")
        elif isinstance(event, Switched):
            self._switched(event)

    def _switched(self, event: Switched) -> None:
        """Somebody has installed a route."""
        with self._lock:
            rollout = self._active
            if rollout is not None and rollout.is_own(event):
                return
        if rollout is not None:
            failed = rollout.alarm if event.verb == "fall back" else ""
            said = f"{event.verb}{f' by {event.who}' if event.who else ''}{f': {event.why}' if event.why else ''}"
            self._end(rollout, Phase.TAKEN_BACK if failed else Phase.ABORTED, failed or said)
        if event.verb == "switch" and event.route is not None:
            self._watch(event.route.primary, event)

    def _watch(self, version: VersionId, event: Switched) -> None:
        """Rule 3."""
        instead = self._board.instead_of(version)
        if instead is None:
            return
        plan = Plan(canary=(), bake_s=self._bake_s)
        rollout = Rollout("", version, instead, plan, who=event.who, why=event.why, began_s=self._clock())
        rollout.enter(Enter(Phase.BAKE, "switched to"), event.route, self._clock())
        with self._lock:
            if self._board.epoch == event.epoch:
                self._active = rollout

    # -- acts ------------------------------------------------------------------------------------------------------

    def _do(self, rollout: Rollout, action: Action) -> None:
        if isinstance(action, TakeBack):
            self._take_back(rollout, action.why, action.evidence, Phase.TAKEN_BACK)
        elif action.phase is Phase.DONE:
            self._end(rollout, Phase.DONE, action.why)
        else:
            self._enter(rollout, action)

    def _enter(self, rollout: Rollout, enter: Enter) -> None:
        """Install the route of a step. Raises as ``Switchboard.switch``."""
        assert rollout.change is not None
        route = rollout.route_of(enter)
        rollout.change.says(enter.why, rollout.mark(enter) | {"figures": dict(rollout.progress().verdict.figures)})
        self._board.keep_warm(rollout.instead, rollout.plan.bake_s)
        self._board.switch(route, change=rollout.change)
        with self._lock:
            rollout.enter(enter, route, self._clock())
        if enter.phase is Phase.BAKE:
            self._let_go(rollout)

    def _take_back(self, rollout: Rollout, why: str, figures: Mapping[str, float], phase: Phase) -> None:
        """What served before serves everyone again; the version that it goes back to never went away."""
        try:
            if self._board.snapshot().route == rollout.route:
                evidence = {"rollout": {"id": rollout.id, "outcome": phase.value}, "figures": dict(figures)}
                self._board.rollback(who=rollout.name, why=why, evidence=evidence, expected=rollout.route)
        except SegueError as error:
            _LOG.error("%s cannot be taken back: %s", rollout.name, error)
            why = f"{why}; it could not be taken back: {error}"
        self._end(rollout, phase, why)

    def _end(self, rollout: Rollout, phase: Phase, why: str) -> None:
        with self._lock:
            if rollout.phase.is_over:
                return
            rollout.end(phase, why, self._clock())
            if self._active is rollout:
                self._active = None
            if rollout.is_asked_for:
                self._over.append(rollout)
            report = rollout.report(self._clock())
        self._let_go(rollout)
        if not rollout.is_asked_for:
            return
        self._note(rollout, "end", rollout.who, why=why, outcome=phase.value)
        self._ended(report)

    def _let_go(self, rollout: Rollout) -> None:
        """Give the right to change the route back."""
        change, rollout.change = rollout.change, None
        if change is not None:
            change.__exit__(None, None, None)

    def _say(self, rollout_id: str | None, verb: str, who: str, *, is_paused: bool) -> RolloutReport:
        with self._acting:
            rollout = self._trial(rollout_id)
            with self._lock:
                rollout.is_paused = is_paused
            self._note(rollout, verb, who)
            return rollout.report(self._clock())

    def _note(self, rollout: Rollout, verb: str, who: str, *, why: str = "", outcome: str = "") -> None:
        """A row of the journal that installs nothing."""
        what = f"{VERB} {rollout.id} of {rollout.version}"
        self._board.journal.defer(Entry(Kind.NOTE, verb, what, who, why, outcome, evidence=rollout.mark(None)))
        self._board.journal.flush()

    def _find_active(self, rollout_id: str | None) -> Rollout:
        with self._lock:
            rollout = self._active
            if rollout is None or not rollout.is_asked_for:
                raise UnknownRollout("no rollout is under way: segue rollout MODEL begins one")
            if rollout_id not in (None, rollout.id):
                raise UnknownRollout(f"no rollout {rollout_id!r} is under way: {rollout.id} is")
            return rollout

    def _trial(self, rollout_id: str | None) -> Rollout:
        rollout = self._find_active(rollout_id)
        if not rollout.phase.is_trial:
            raise UnknownRollout(f"rollout {rollout.id} is no trial any more: {rollout.version} serves everyone")
        return rollout
