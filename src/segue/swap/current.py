"""What serves now: the pointer, the history behind it, the change under way; and the installing of another route.

All of it is guarded by the fleet's lock, and every method is called under it, save ``commit`` and ``end``.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from segue.errors import Busy, JournalUnavailable, SegueError, Superseded, SwitchError, VersionNotReady
from segue.swap.change import Change
from segue.swap.entry import Entry, Kind
from segue.swap.events import Refused, Switched
from segue.swap.fleet import Fleet, Todo
from segue.swap.history import after_switch, ways_back
from segue.swap.journal import Journal
from segue.swap.lifecycle import State, Step
from segue.swap.route import Route
from segue.swap.spec import VersionId
from segue.swap.version import Incarnation, Version

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Serving(Generic[T]):
    """A route, and the lives that answer by it: one immutable object, replaced whole."""

    route: Route
    primary: Incarnation[T]
    canary: Incarnation[T] | None

    def choose(self, key: str) -> Incarnation[T]:
        """The life that answers ``key``."""
        return self.canary if self.canary and self.route.choose(key) == self.route.canary else self.primary


class Current(Generic[T]):
    """The route of the moment, and who may change it."""

    def __init__(self, fleet: Fleet[T], journal: Journal, clock: Callable[[], float]) -> None:
        self._fleet = fleet
        self._journal = journal
        self._clock = clock
        self._lock = fleet.lock
        # Guards the order of a route's rows in the journal: held from before its intent until after its done. Taken
        # before _lock, never under it; held for the time of two writes, never of a preparation.
        self._commit_lock = threading.Lock()
        self.serving: Serving[T] | None = None
        """May be read without the lock."""
        self.back: tuple[Route, ...] = ()
        self.epoch = max((entry.epoch for entry in journal.last_routes()), default=0)  # goes on over restarts
        self.under_way: Change | None = None

    @property
    def route(self) -> Route | None:
        """What serves; may be read without the lock."""
        serving = self.serving
        return serving.route if serving else None

    # -- changes ---------------------------------------------------------------------------------------------------

    def begin(self, change: Change) -> Change:
        """Let this change be the one under way."""
        change.epoch, change.since_s = self.epoch, self._clock()
        self.under_way = change
        return change

    def cancel(self, by: str) -> str:
        """Take the right to switch from the change under way; what it was, or an empty text."""
        change, self.under_way = self.under_way, None
        if change is not None:
            change.cancelled_by = by
        self._fleet.changed.notify_all()
        return str(change or "")

    def end(self, change: Change, error: BaseException | None) -> None:
        """A change is over. Takes the lock itself."""
        with self._lock:
            others = self.under_way.prepared if self.under_way not in (None, change) else ()
            for name in change.prepared.difference(others):
                record = self._fleet.find(name)
                record.wanted = False
                if not record.serving and record.superseded_at_s is None:
                    record.superseded_at_s = self._clock()  # prepared for a switch that was not to be
            if self.under_way is change:
                self.under_way = None
                self._fleet.changed.notify_all()
            if error is not None and change.refused is not error:
                self._refuse(change, error, None)
        if error is not None:
            code = error.code if isinstance(error, SegueError) else "error"
            fact = Refused(change.verb, change.what, change.who, code, str(error) or type(error).__name__)
            self._fleet.do(Todo([fact]))
        self._journal.flush()

    def busy(self) -> Busy:
        """The error that names what is under way."""
        assert self.under_way is not None
        for_s = self._clock() - self.under_way.since_s
        message = f"{self.under_way} is under way for {for_s:.0f} s: wait for it, end it, or roll back"
        return Busy(message, under_way=str(self.under_way))

    def _refuse(self, change: Change, error: BaseException, intent: int | None) -> None:
        """Note for the journal, once, that the change installed nothing."""
        change.refused = error
        outcome = str(error) or type(error).__name__
        refused = Entry(Kind.REFUSED, change.verb, change.what, change.who, change.why, outcome, of=intent)
        self._journal.defer(replace(refused, evidence=change.evidence))

    # -- routes ----------------------------------------------------------------------------------------------------

    def check(self, change: Change, route: Route) -> None:
        """Raise Superseded, VersionNotReady or UnknownVersion unless this change may install this route now."""
        change.check()
        if self.under_way is not change:
            raise Superseded(f"{change} has ended: begin another")
        if self.epoch != change.epoch:
            raise Superseded(f"the route changed after {change} began: {self.route} serves, nothing was installed")
        for name in route.versions:
            self.usable(name)

    def commit(
        self,
        change: Change,
        route: Route,
        back: tuple[Route, ...],
        *,
        prepared: tuple[VersionId, ...] = (),
        at_all_costs: bool = False,
    ) -> Switched:
        """Intent, pointer, done. Takes the lock itself. With ``at_all_costs``, though the journal cannot be written."""
        todo = Todo[T]()
        with self._commit_lock:
            with self._lock:
                self.check(change, route)
                entry = self._entry(change, route, back)
            try:
                entry = replace(entry, of=self._journal.append(entry))
            except JournalUnavailable:
                if not at_all_costs:
                    raise
            with self._lock:
                try:
                    self.check(change, route)  # again: the disk took its time
                except SwitchError as error:
                    self._refuse(change, error, entry.of)
                    raise
                previous = self.route
                self._install(entry, todo)
                change.epoch = epoch = self.epoch
            recorded = self._journal.flush()
        answer = Switched(change.verb, route, previous, epoch, change.who, change.why, True, recorded, prepared)
        todo.news.append(answer)
        self._fleet.do(todo)
        return answer

    def _install(self, entry: Entry, todo: Todo[T]) -> None:
        """Serve the route of this row, and note that it is done."""
        for name in entry.route.versions if entry.route else ():
            record = self._fleet.find(name)
            if record.state is State.DRAINING:
                self._fleet.step(record, Step.REVIVE, todo, why="in the route again", who=entry.who)
        self.point(entry.route, entry.back)
        self._journal.defer(replace(entry, kind=Kind.DONE, outcome="done", epoch=self.epoch))

    def point(self, route: Route | None, back: tuple[Route, ...]) -> None:
        """The one place where the pointer moves."""
        lives = {name: self._fleet.find(name).current for name in (route.versions if route else ())}
        for name, record in self._fleet.versions.items():
            if record.serving or name in lives:
                record.superseded_at_s = None if name in lives else self._clock()
            record.serving = name in lives
        canary = lives[route.canary] if route and route.canary else None
        self.serving = Serving(route, lives[route.primary], canary) if route else None
        self.back = back
        self.epoch += 1

    def take_out(self, record: Version[T], why: str, who: str, todo: Todo[T]) -> None:
        """A version becomes FAILED, and the route falls back at once, before the journal has it."""
        self._fleet.step(record, Step.FAIL, todo, why=why, who=who)
        route = self.route
        if route is None or record.id not in route.versions:
            return
        rest, back = self._fall_back(route, record.id)
        change = Change("fall back", str(rest or "nothing"), who=who, why=f"{record.id} failed: {why}", end=self.end)
        self._install(self._entry(change, rest, back), todo)
        todo.news.append(Switched(change.verb, rest, route, self.epoch, who, change.why, recorded=False))

    def _fall_back(self, route: Route, failed: VersionId) -> tuple[Route | None, tuple[Route, ...]]:
        """The route without its trial; else the nearest before it that is warm; else its canary; else nothing."""
        rest = route.without(failed)
        if rest is not None:
            return rest, after_switch(self.back, route, rest)
        for way in ways_back(self.back, self._is_loaded):
            return way
        return (Route(route.canary) if route.canary and self._is_loaded(route.canary) else None), self.back

    def instead_of(self, version: VersionId) -> VersionId | None:
        """The version that this one would replace, or has replaced lately."""
        route = self.route
        if route is None:
            return None
        if version in (route.canary, route.shadow):
            return route.primary
        before = self.back[-1].primary if self.back and version == route.primary else version
        is_warm = before != version and self._fleet.find(before).state is State.READY
        return before if is_warm else None

    def answers_for(self, version: VersionId) -> VersionId | None:
        """``instead_of``, else of the primary the nearest warm one before it; of one out of the route, what serves."""
        route, instead = self.route, self.instead_of(version)
        if route is None or version not in route.versions:
            return route.primary if route else None
        if instead is None and version == route.primary:
            ways = ways_back(self.back, lambda name: self._fleet.find(name).state is State.READY)
            return next((rest.primary for rest, _ in ways if rest.primary != version), None)
        return instead

    def _is_loaded(self, name: VersionId) -> bool:
        return self._fleet.find(name).current.can_serve

    def usable(self, name: VersionId) -> Incarnation[T]:
        """The life of a version that can be leased. Raises VersionNotReady, UnknownVersion."""
        record = self._fleet.find(name)
        if not record.current.can_serve:
            failure = f" ({record.failure})" if record.failure else ""
            raise VersionNotReady(f"{name} is {record.state.value}{failure}: prepare it first")
        return record.current

    def _entry(self, change: Change, route: Route | None, back: tuple[Route, ...]) -> Entry:
        """The intent of installing a route, with all that is needed to serve it again, or to go on to what is warm."""
        names = {name for each in (*back, *([route] if route else [])) for name in each.versions}
        names |= {name for name, record in self._fleet.versions.items() if record.current.can_serve}
        return Entry(
            Kind.INTENT,
            change.verb,
            change.what or str(route),
            change.who,
            change.why,
            epoch=self.epoch + 1,
            route=route,
            back=back,
            versions={name: self._fleet.find(name).resolved for name in sorted(names)},
            evidence=change.evidence,
        )
