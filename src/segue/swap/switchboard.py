"""THE mutable object: versions, leases, the route, and every change of them.

The three rules of its threads:

1. *Decide under the lock, act outside it.* A method decides under the lock what is to be done, notes the news and the
   models to be closed in a ``Todo``, and does it when the lock is free. Loading, warming, closing, the disk and the
   listeners never run under it. So a reader never waits for a writer that loads.
2. *What serves is one immutable object*, replaced whole. A lease is counted under the lock, and only if what it chose
   from is still what serves; else it chooses again.
3. *Intent, pointer, done.* A route is installed between its two rows in the journal. Only a version that fails does not
   wait for the disk: it leaves the route at once, and its row is written when it can be.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

from segue.errors import NothingToRollBack, NotReady, Superseded
from segue.swap.change import Change
from segue.swap.current import Current
from segue.swap.events import Event, Listeners, Outcome, Released, Switched
from segue.swap.fleet import Fleet, Todo
from segue.swap.history import after_switch, ways_back
from segue.swap.journal import Journal
from segue.swap.lease import Lease
from segue.swap.lifecycle import State, Step
from segue.swap.route import Route
from segue.swap.snapshot import Snapshot, VersionStatus
from segue.swap.spec import Resolved, VersionId
from segue.swap.version import Incarnation, Version

T = TypeVar("T")

_NOTHING_SERVES = "no version serves: prepare one and switch to it"


class Switchboard(Generic[T]):
    """Replaces a T that is in use, without a pause. Safe for threads; has none of its own.

    ``loader`` makes a T, ``warm`` runs it once with real shapes, and ``close_model`` frees it, and may return what is
    to be said about that (the memory that came back, say), the ``why`` of its last step; all may be slow, and run in
    the thread that asked. ``end_calls`` ends by force the calls that are in a T, and says whether it can: then a call
    given up does not keep its T for ever. ``journal`` None keeps one in memory. ``clock``: seconds, never going back.
    A superseded version stays warm for ``bake_s``, also after each lease that names it; beyond ``max_resident`` loaded
    versions the longest superseded, or not so leased, goes.
    Whoever runs a loop calls ``sweep`` now and then.
    """

    def __init__(
        self,
        loader: Callable[[Resolved], T],
        warm: Callable[[T], None] = lambda model: None,  # noqa: ARG005 -- nothing to do is the default
        close_model: Callable[[T], str | None] = lambda model: None,  # noqa: ARG005
        *,
        end_calls: Callable[[T], bool] = lambda model: False,  # noqa: ARG005
        journal: Journal | None = None,
        clock: Callable[[], float] = time.monotonic,
        listeners: Iterable[Callable[[Event], None]] = (),
        bake_s: float = 600.0,
        max_resident: int = 8,
    ) -> None:
        self.journal = journal or Journal(None)
        self._end_calls = end_calls
        self._clock = clock
        self._listeners = Listeners(listeners)
        self._fleet: Fleet[T] = Fleet(
            loader,
            warm,
            close_model,
            journal=self.journal,
            listeners=self._listeners,
            clock=clock,
            bake_s=bake_s,
            max_resident=max_resident,
        )
        self._lock = self._fleet.lock  # guards all in _fleet and in _current, and _calls; held for microseconds
        self._calls = 0
        self._current = Current(self._fleet, self.journal, clock)

    def __repr__(self) -> str:
        return f"<Switchboard {self.snapshot()}>"

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Tell this one too of what happens from now on, in the thread in which it does."""
        with self._lock:
            self._listeners.add(listener)

    # -- versions --------------------------------------------------------------------------------------------------

    def add(self, resolved: Resolved) -> VersionId:
        """Make a version known, and get its name. Again is once. Raises InvalidParameter when another has that name."""
        return self._fleet.add(resolved)

    def prepare(self, version: VersionId, *, change: Change | None = None, who: str = "", why: str = "") -> bool:
        """Load and warm a version in this thread until it is READY; whether there was anything to do.

        Who wants it is in the journal: whoever the ``change`` is by, else ``who``, and ``why``.
        Raises what the loader raised, if an error of ours, else PreparationFailed; Superseded when the ``change`` was
        cancelled meanwhile; Busy when another thread prepares it; UnknownVersion. Then nothing of it is loaded.
        """
        return self._fleet.prepare(version, change=change, who=who, why=why)

    def drain(self, version: VersionId, deadline_s: float, *, who: str = "") -> bool:
        """Give it no new leases, and wait for its closing: whether it is closed within ``deadline_s``.

        If not, it closes when its last lease comes back. Raises VersionInUse when it serves or the change under way
        has prepared it, IllegalTransition when it is not loaded yet, UnknownVersion.
        """
        return self._fleet.drain(version, deadline_s=deadline_s, who=who)

    def close(self, version: VersionId, *, who: str = "") -> None:
        """Close it now. Raises VersionInUse when it serves or anybody uses it; else as ``drain``."""
        self._fleet.drain(version, deadline_s=0, idle_only=True, who=who)

    def keep_warm(self, version: VersionId, bake_s: float) -> None:
        """Let it stay warm for so long once it is superseded, or as long as others do. Raises UnknownVersion."""
        with self._lock:
            self._fleet.find(version).bake_s = bake_s

    def sweep(self, now_s: float | None = None) -> None:
        """Close what has baked out or is too many, and write what the journal could not be told. Never raises."""
        todo = Todo[T]()
        with self._lock:
            self._fleet.make_room(todo, baked_by_s=self._clock() if now_s is None else now_s)
        self._fleet.do(todo)
        self.journal.flush()

    def fail(self, version: VersionId, why: str, *, who: str = "") -> None:
        """Declare a loaded version FAILED: it leaves the route now. Its model closes when its last lease comes back.

        Raises VersionNotReady when it is not loaded, UnknownVersion.
        """
        todo = Todo[T]()
        with self._lock:
            life = self._current.usable(version)
            self._current.take_out(life.version, why, who, todo)
            self._fleet.doom(life, todo)
        self._fleet.do(todo)
        self.journal.flush()

    # -- leases ----------------------------------------------------------------------------------------------------

    def lease(self, key: str, *, version: VersionId | None = None) -> Lease[T]:
        """A lease on the version that answers ``key``, or on the one named.

        One named that is superseded stays warm for ``bake_s`` from now. Never waits. Raises NotReady when no route is
        installed; VersionNotReady or UnknownVersion for the one named.
        """
        taken_at_s = self._clock()
        if version is not None:
            with self._lock:
                life = self._current.usable(version)
                life.leases += 1
                if life.version.superseded_at_s is not None:
                    life.version.superseded_at_s = taken_at_s
                company = self._calls = self._calls + 1
            return Lease(life, key, taken_at_s, self._settle, company)
        while True:
            serving = self._current.serving
            if serving is None:
                raise NotReady(_NOTHING_SERVES)
            life = serving.choose(key)
            with self._lock:
                if self._current.serving is serving:  # rule 2
                    life.leases += 1
                    company = self._calls = self._calls + 1
                    break
        return Lease(life, key, taken_at_s, self._settle, company)

    def choose(self, key: str) -> VersionId:
        """The version that answers ``key`` now; a lease on it may be had a moment later. Raises NotReady."""
        serving = self._current.serving
        if serving is None:
            raise NotReady(_NOTHING_SERVES)
        return serving.choose(key).version.id

    def instead_of(self, version: VersionId) -> VersionId | None:
        """The version beside which this one has to prove itself; else None.

        On trial, that is the primary that it would replace; as primary, the one before, for as long as that is warm.
        """
        with self._lock:
            return self._current.instead_of(version)

    def answers_for(self, version: VersionId) -> VersionId | None:
        """What answers what this one fails at: ``instead_of``, the next that is warm, or what serves now."""
        with self._lock:
            return self._current.answers_for(version)

    def tell(self, event: Event) -> None:
        """Let the listeners know of a fact that only the caller knows. With no lock held."""
        self._listeners.tell(event)

    def hold(self, version: VersionId) -> Lease[T]:
        """A lease that is not measured: keeps a version for a stream that stays on it between its chunks."""
        lease = self.lease("", version=version)
        lease.is_measured = False
        with self._lock:
            lease.company, self._calls = 0, self._calls - 1  # it is no call
        return lease

    def _settle(self, lease: Lease[T], outcome: Outcome, error: BaseException | None) -> bool:
        latency_s = self._clock() - lease.taken_at_s
        life, todo = lease.life, None
        with self._lock:
            if lease.outcome is not None:
                return False
            lease.outcome = outcome
            life.leases -= 1
            self._calls -= lease.company > 0
            if outcome is Outcome.ABANDONED or not life.leases:
                todo = Todo[T]()
                if outcome is Outcome.ABANDONED:
                    self._strand(life, todo)
                self._fleet.doom(life, todo)
        if self._listeners and lease.is_measured:
            name, said = lease.version, (lease.company, lease.use)
            fact = Released(name, life.number, lease.key, outcome, latency_s, lease.weight, error, *said)
            self._listeners.tell(fact)
        if todo is not None:
            self._fleet.do(todo)
            if todo.news:  # a version has failed; that one closes, the next sweep writes: a request waits for no disk
                self.journal.flush()
        if outcome is Outcome.ABANDONED and self._end_calls(lease.model):
            self._fleet.unstrand(life)
        return True

    def _strand(self, life: Incarnation[T], todo: Todo[T]) -> None:
        """Under the lock: a call on it never came back."""
        life.abandoned += 1
        life.version.stranded += life.abandoned == 1
        if life.can_serve and life is life.version.current:
            self._current.take_out(life.version, "a call passed its deadline and was abandoned", "", todo)

    # -- changes of the route --------------------------------------------------------------------------------------

    def change(
        self,
        what: str = "",
        *,
        verb: str = "switch",
        who: str = "",
        why: str = "",
        evidence: Mapping[str, Any] | None = None,
        expected_epoch: int | None = None,
        wait_s: float = 0.0,
    ) -> Change:
        """The right to change the route, for as long as it takes to fetch, prepare and switch. A context manager.

        Raises Busy, naming what is under way, unless that ends within ``wait_s``; Superseded when the epoch is not the
        one expected; InvalidParameter when the evidence is not JSON. An error out of the block is journaled.
        """
        with self._lock:
            self._fleet.changed.wait_for(lambda: self._current.under_way is None, wait_s)
            if self._current.under_way is not None:
                raise self._current.busy()
            if expected_epoch not in (None, self._current.epoch):
                raise Superseded(
                    f"the route was expected to be of epoch {expected_epoch}, and is of {self._current.epoch}"
                )
            return self._current.begin(Change(verb, what, who=who, why=why, evidence=evidence, end=self._current.end))

    def switch(
        self,
        route: Route,
        *,
        change: Change | None = None,
        expected_epoch: int | None = None,
        who: str = "",
        why: str = "",
    ) -> Switched:
        """Install a route: when this returns, every new lease is by it, and the journal has it.

        Without a ``change``, one is begun and ended here. What serves already is left as it is (``changed`` False).
        Raises VersionNotReady, UnknownVersion; Busy; Superseded; JournalUnavailable. Then nothing has changed.
        """
        if change is None:
            with self.change(str(route), who=who, why=why, expected_epoch=expected_epoch) as change:
                return self.switch(route, change=change)
        with self._lock:
            self._current.check(change, route)
            current = self._current.route
            back = after_switch(self._current.back, current, route)
            if route == current:
                return Switched(change.verb, route, route, self._current.epoch, change.who, change.why, changed=False)
        return self._current.commit(change, route, back)

    def rollback(
        self,
        *,
        who: str = "",
        why: str = "",
        evidence: Mapping[str, Any] | None = None,
        expected: Route | None = None,
    ) -> Switched:
        """Go back to the route before, preparing again what is no longer warm (``prepared`` names it).

        It cancels the change under way instead of waiting for it, passes over routes with a FAILED version, and acts
        though the journal cannot be written. Raises NothingToRollBack; Busy when another rollback is under way;
        Superseded when another route than the ``expected`` one serves; what ``prepare`` raises, and then nothing has
        changed but what was cancelled.
        """
        change = Change("rollback", "", who=who, why=why, evidence=evidence, end=self._current.end)
        with self._lock:
            if expected is not None and self._current.route != expected:
                raise Superseded(f"{expected} does not serve any more: {self._current.route} does")
            if self._current.serving is None and not self._current.back and self._current.under_way is None:
                raise NothingToRollBack("nothing serves, and nothing did before")
            if self._current.under_way is not None and self._current.under_way.verb == "rollback":
                raise self._current.busy()
            cancelled = self._current.cancel(str(change))
            self._current.begin(change)
            healthy = (way for way in ways_back(self._current.back, self._fleet.is_healthy))
            route, back = next(healthy, (None, ()))
        with change:
            if route is None:
                also = f"; {cancelled} is cancelled" if cancelled else ""
                goes_on = f"{self._current.route} goes on serving" if self._current.route else "nothing serves"
                raise NothingToRollBack(f"no earlier route can be gone back to: {goes_on}{also}")
            return self.reinstate(route, back, change=change)

    def cancel(self, *, who: str = "", first: Change | None = None) -> str:
        """Cancel the change under way, as a rollback does, and leave the route; what it was, or an empty text.

        With ``first``, only if it is this one, and nothing serves yet.
        """
        with self._lock:
            if first is not None and (self._current.under_way is not first or self._current.serving is not None):
                return ""
            return self._current.cancel(who or "request")

    def reinstate(self, route: Route, back: tuple[Route, ...], *, change: Change) -> Switched:
        """Install a route that served before, with the history it had, preparing what is not READY.

        For rollback and restart: it acts though the journal cannot be written. Raises as ``prepare`` and ``switch``.
        """
        again = tuple(name for name in route.versions if self._fleet.prepare(name, change=change, wait=True))
        return self._current.commit(change, route, back, prepared=again, at_all_costs=True)

    def shutdown(self, deadline_s: float) -> bool:
        """Serve nothing more, cancel what is under way, and close all: whether all is closed within ``deadline_s``.

        The journal keeps the route for the next start. Abandoned calls are not waited for.
        """
        todo = Todo[T]()
        with self._lock:
            self._current.cancel("shutdown")
            self._current.point(None, ())
            for record in self._fleet.versions.values():
                if record.state is State.READY:
                    self._fleet.step(record, Step.DRAIN, todo, why="shutdown", who="")
                self._fleet.doom(record.current, todo)
        self._fleet.do(todo)
        with self._lock:
            gone = self._fleet.changed.wait_for(self._fleet.is_empty, deadline_s)
        self.journal.flush()
        return gone

    # -- looking ---------------------------------------------------------------------------------------------------

    @property
    def route(self) -> Route | None:
        """What serves now."""
        return self._current.route

    @property
    def calls(self) -> int:
        """How many leases are out, without those that only hold a version."""
        return self._calls

    @property
    def epoch(self) -> int:
        """The number of the route: one more with each that is installed, over restarts too."""
        return self._current.epoch

    def snapshot(self) -> Snapshot:
        """Everything at this moment."""
        with self._lock:
            now_s = self._clock()
            return Snapshot(
                epoch=self._current.epoch,
                route=self._current.route,
                back=self._current.back,
                under_way=str(self._current.under_way or ""),
                versions=tuple(self._status(record, now_s) for record in self._fleet.versions.values()),
                pending_rows=self.journal.pending,
            )

    def _status(self, record: Version[T], now_s: float) -> VersionStatus:
        return VersionStatus(
            version=record.id,
            resolved=record.resolved,
            state=record.state,
            incarnation=record.current.number,
            leases=sum(life.leases for life in record.lives),
            stranded=record.stranded,
            bake_left_s=self._fleet.bake_left_s(record, now_s),
            failure=record.failure,
        )
