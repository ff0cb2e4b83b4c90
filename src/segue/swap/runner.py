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
from dataclasses import replace
from typing import Generic, TypeVar

from segue.errors import NothingToRollBack, SegueError, Superseded, UnknownRollout, VersionNotReady
from segue.swap.change import Change
from segue.swap.entry import Entry, Kind
from segue.swap.events import Event, FellBack, Released, Switched, Transitioned
from segue.swap.lifecycle import State
from segue.swap.plan import Plan
from segue.swap.progress import Action, Enter, Phase, TakeBack, decide, first
from segue.swap.restore import Mark
from segue.swap.rollout import Rollout, RolloutReport
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
        rollout.change, rollout.epoch = change, change.epoch
        with self._acting:
            with self._lock:
                watched, self._active = self._active, rollout
            try:
                begun = first(plan)
                self._enter(rollout, replace(begun, why="; ".join(filter(None, (change.why, begun.why)))))
            except BaseException:
                with self._lock:
                    if self._active is rollout:  # what was watched still serves: nothing was installed
                        self._active = watched
                raise
            if watched is not None:
                self._end(watched, Phase.ABORTED, f"{change} began")
        return rollout.report(self._clock())

    def recover(self, mark: Mark | None) -> None:
        """After a restart: go on with what the journal said, if its route serves again; evidence is gathered anew.

        What ended the process too often is over (the boot guard has left it out), and so is what cannot go on: a trial
        that nobody judges would stay for ever. Raises nothing.
        """
        why = "the journal does not say how it was to go on"
        try:
            rollout = Rollout.of(mark.said, now_s=self._clock()) if mark else None
            if rollout is not None and mark is not None:
                rollout.crashes, route = mark.crashes, self._board.route
                if mark.is_to_be_taken_back:
                    why = f"the process ended {mark.crashes} times within minutes of its taking traffic"
                    self._end(rollout, Phase.TAKEN_BACK, why)
                elif route == rollout.route_of(rollout.where):
                    self._go_on(rollout)
                else:
                    why = f"{route} serves after a restart, and not what it had installed"
                    self._end(rollout, Phase.ABORTED, why)
        except SegueError as error:
            why = str(error)
            _LOG.error("a rollout does not go on: %s", error)
        self._clear(why)

    def _go_on(self, rollout: Rollout) -> None:
        """Raises what ``Switchboard.change`` raises: then it is not under way."""
        rollout.route, rollout.epoch = self._board.route, self._board.epoch
        with self._acting:
            self._board.keep_warm(rollout.instead, rollout.plan.bake_s)
            if rollout.phase.is_trial:
                rollout.change = self._board.change(rollout.version, verb=VERB, who=rollout.who, why=rollout.why)
            with self._lock:
                self._active = rollout
            self._note(rollout, "resume", "start")
        if not rollout.phase.is_trial:
            try:
                self._board.prepare(rollout.instead, who=rollout.name, why="to be gone back to")
            except SegueError as error:  # it is tried again when it is needed
                _LOG.error("%s would have to be prepared to go back to: %s", rollout.instead, error)

    def _clear(self, why: str) -> None:
        """Take a trial out that is nobody's."""
        route = self._board.route
        if route is None or not route.is_trial or self.under_trial is not None:
            return
        try:
            self._board.rollback(who="start", why=f"its rollout is over: {why}", expected=route)
        except SegueError as error:
            _LOG.error("%s is a trial that nobody judges, and stays: %s", route, error)

    def tend(self) -> None:
        """Ask what is to be done now, and do it. Raises nothing that a later try could mend."""
        with self._acting:
            with self._lock:
                rollout = self._active
                now_s = self._clock()
                if rollout is None:
                    return
                action = decide(rollout.plan, rollout.progress(), now_s)
            try:
                if rollout.has_lost_its_right:
                    self._lost(rollout)
                elif action is not None and self._board.route is not None:  # else the service is being stopped
                    self._do(rollout, action)
            except SegueError as error:
                self._waits(rollout, error)

    def _waits(self, rollout: Rollout, error: SegueError) -> None:
        """It could not be done, and is tried again; said once. Of one who was faster we hear by ourselves."""
        if not isinstance(error, Superseded) and rollout.trouble != str(error):
            rollout.trouble = str(error)
            _LOG.error("%s waits: %s", rollout.name, error)

    def _lost(self, rollout: Rollout) -> None:
        """A rollback has taken the right to change the route; where it then failed, it is done here."""
        snapshot = self._board.snapshot()
        if not snapshot.under_way and snapshot.route == rollout.route:
            self._take_back(rollout, "a rollback that failed had ended it", {}, Phase.ABORTED)

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
            was_paused, rollout.is_paused = rollout.is_paused, True  # before: the row says so too
            try:
                self._enter(rollout, Enter(Phase.CANARY, f"set to {100 * share:.4g} % by {who}", rollout.step, share))
            except BaseException:
                rollout.is_paused = was_paused
                raise
            return rollout.report(self._clock())

    def promote(self, rollout_id: str | None, *, who: str) -> RolloutReport:
        """Let it serve everyone now, whatever its plan waits for. Raises UnknownRollout."""
        with self._acting:
            rollout = self._trial(rollout_id)
            self._enter(rollout, Enter(Phase.BAKE, f"promoted by {who}", rollout.step))
            return rollout.report(self._clock())

    def abort(self, rollout_id: str | None, *, who: str, why: str = "") -> RolloutReport:
        """End it: what served before serves everyone again. Raises UnknownRollout, and as ``Switchboard.rollback``."""
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
            if rollout is not None and (rollout.is_own(event) or event.epoch <= rollout.epoch):
                return  # its own, or of before it and told late
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
        rollout.enter(Enter(Phase.BAKE, "switched to"), event.route, self._clock(), epoch=event.epoch)
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
        change = rollout.change
        if change is None:  # it has ended in another thread since it was found
            raise Superseded(f"{rollout.name} is over: {rollout.outcome}")
        route = rollout.route_of(enter)
        change.says(enter.why, rollout.mark(enter) | {"figures": dict(rollout.progress().verdict.figures)})
        self._board.keep_warm(rollout.instead, rollout.plan.bake_s)
        switched = self._board.switch(route, change=change)
        with self._lock:
            if rollout.phase.is_over:  # somebody has gone back already
                return
            rollout.enter(enter, route, self._clock(), epoch=switched.epoch)
        if enter.phase is Phase.BAKE:
            self._let_go(rollout)

    def _take_back(self, rollout: Rollout, why: str, figures: Mapping[str, float], phase: Phase) -> None:
        """What served before serves everyone again; the version that it goes back to never went away.

        Raises as ``Switchboard.rollback``: then it is not over.
        """
        try:
            evidence = {"rollout": {"id": rollout.id, "outcome": phase.value}, "figures": dict(figures)}
            self._board.rollback(who=rollout.name, why=why, evidence=evidence, expected=rollout.route)
        except NothingToRollBack as error:
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
            change.give_back()

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
