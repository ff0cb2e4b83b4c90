"""All versions and their models: loaded, kept warm, drained, closed. It knows which serve, and of no route.

A method whose docstring says "under the lock" is called with ``lock`` held; the others take it themselves and hold it
while they decide, never while they load, warm, close, write or tell.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from segue.errors import Busy, InvalidParameter, PreparationFailed, SegueError, UnknownVersion, VersionInUse
from segue.swap.change import Change
from segue.swap.entry import Entry, Kind
from segue.swap.events import Event, Listeners, Transitioned
from segue.swap.journal import Journal
from segue.swap.lifecycle import State, Step
from segue.swap.spec import Resolved, VersionId
from segue.swap.version import Incarnation, Version

_LOG = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(slots=True)
class Todo(Generic[T]):
    """What was decided under the lock, and is done when it is free."""

    news: list[Event] = field(default_factory=list)
    doomed: list[tuple[Incarnation[T], T]] = field(default_factory=list)
    """Models that nobody can reach any more, to be closed."""


class Fleet(Generic[T]):
    """The versions. Safe for threads."""

    def __init__(
        self,
        loader: Callable[[Resolved], T],
        warm: Callable[[T], None],
        close_model: Callable[[T], str | None],
        *,
        journal: Journal,
        listeners: Listeners,
        clock: Callable[[], float],
        bake_s: float,
        max_resident: int,
    ) -> None:
        self._loader = loader
        self._warm = warm
        self._close_model = close_model
        self._journal = journal
        self._listeners = listeners
        self._clock = clock
        self._bake_s = bake_s
        self._max_resident = max_resident
        self.lock = threading.Lock()
        """Guards ``versions`` and all fields of the Versions and Incarnations in it; and what Switchboard says."""
        self.changed = threading.Condition(self.lock)
        """Notified when a preparation, a closing or a change has ended, or a change was cancelled."""
        self.versions: dict[VersionId, Version[T]] = {}

    def find(self, version: VersionId) -> Version[T]:
        """The record of a version. Raises UnknownVersion. Under the lock, or for what never changes."""
        try:
            return self.versions[version]
        except KeyError:
            known = ", ".join(self.versions) or "none"
            raise UnknownVersion(f"no version {version!r} was added; known: {known}") from None

    def add(self, resolved: Resolved) -> VersionId:
        """Make a version known; again is once. Raises InvalidParameter when another content has its name."""
        with self.lock:
            version = self.versions.setdefault(resolved.version, Version(resolved))
            if not version.resolved.is_same_as(resolved):
                raise InvalidParameter(f"{resolved.spec} and {version.resolved.spec} would both be called {version.id}")
            if version.resolved.payload is None or version.state in (State.NEW, State.CLOSED, State.FAILED):
                version.resolved = resolved  # the spec and payload of the next load
            return version.id

    # -- preparing -------------------------------------------------------------------------------------------------

    def prepare(
        self, version: VersionId, *, change: Change | None, wait: bool = False, who: str = "", why: str = ""
    ) -> bool:
        """Load and warm it unless it is READY; whether that was needed. As ``Switchboard.prepare``.

        With ``wait``, another thread's preparation of it is waited for, instead of raising Busy.
        """
        record, todo = self.find(version), Todo[T]()
        with self.lock:
            while record.current.closing or (wait and record.is_preparing):
                self.changed.wait()
                if change is not None:
                    change.check()
            must_load = self._begin(record, change, todo, who=change.who if change else who, why=why)
        if must_load:
            with _translated(record):
                self._load(record, change, todo)
        else:
            self.do(todo)
        return must_load

    def _begin(self, record: Version[T], change: Change | None, todo: Todo[T], *, who: str, why: str) -> bool:
        """Under the lock: whether this thread is to load it."""
        if record.is_preparing:
            raise Busy(f"{record.id} is {record.state.value} in another thread", under_way=f"prepare {record.id}")
        if change is not None:
            change.check()
            change.prepared.add(record.id)
            record.wanted = True
        if record.superseded_at_s is not None:
            record.superseded_at_s = self._clock()  # wanted anew: its bake time begins again
        if record.state is State.READY:
            return False
        if record.state is State.DRAINING:
            self.step(record, Step.REVIVE, todo, why=why, who=who)
            return False
        self.step(record, Step.LOAD, todo, why=why, who=who)
        self.make_room(todo)
        return True

    def _load(self, record: Version[T], change: Change | None, todo: Todo[T]) -> None:
        """From LOADING to READY, with no lock held but for the steps."""
        life = record.current
        try:
            self.do(todo)
            model = self._loader(record.resolved)
            with self.lock:
                life.load(model)
            self._unless_cancelled(record, Step.WARM, change)
            self._warm(model)
            self._unless_cancelled(record, Step.FINISH, change)
        except BaseException as error:
            self._give_up(life, error, change)
            raise
        self._journal.flush()

    def _unless_cancelled(self, record: Version[T], step: Step, change: Change | None) -> None:
        todo = Todo[T]()
        with self.lock:
            if change is not None:
                change.check()
            self.step(record, step, todo)
            self.changed.notify_all()
        self.do(todo)

    def _give_up(self, life: Incarnation[T], error: BaseException, change: Change | None) -> None:
        """Close what was loaded, and only then say that it is over. Nobody else can have reached the model."""
        cancelled = change is not None and change.cancelled_by is not None
        if life.loaded:
            self._close_quietly(life, life.unload())
        todo = Todo[T]()
        with self.lock:
            self.step(life.version, Step.CANCEL if cancelled else Step.FAIL, todo, why=_text(error))
            self.changed.notify_all()
        self.do(todo)
        self._journal.flush()

    # -- closing ---------------------------------------------------------------------------------------------------

    def drain(self, version: VersionId, *, deadline_s: float, idle_only: bool = False, who: str = "") -> bool:
        """As ``Switchboard.drain``; with ``idle_only``, raise VersionInUse when anybody uses it."""
        todo = Todo[T]()
        with self.lock:
            record = self.find(version)
            users = sum(life.leases for life in record.lives)
            if record.serving:
                raise VersionInUse(f"{version} serves: switch to another version first")
            if record.wanted:
                raise VersionInUse(f"{version} is wanted by the change under way: wait for its end, or roll back")
            if idle_only and users:
                raise VersionInUse(f"{version} is in use by {users}: drain it, and it closes when they are done")
            if record.state not in (State.DRAINING, State.CLOSED, State.FAILED):
                self.step(record, Step.DRAIN, todo, who=who)
            self.doom(record.current, todo)
        self.do(todo)
        self._journal.flush()
        with self.lock:
            self.changed.wait_for(lambda: record.is_gone or record.state is State.READY, deadline_s)
            return record.is_gone

    def make_room(self, todo: Todo[T], *, baked_by_s: float | None = None) -> None:
        """Under the lock: drain what is baked out by then, and what is too many, the longest superseded first."""
        resident = sum(record.is_preparing or record.state is State.READY for record in self.versions.values())
        for record in sorted(self.versions.values(), key=_superseded_at_s):
            if record.state is not State.READY or record.serving or record.wanted:
                continue
            left_s = self.bake_left_s(record, baked_by_s)
            if resident > self._max_resident:
                why = f"more than {self._max_resident} versions are loaded"
            elif left_s is not None and left_s <= 0:
                why = "baked out"
            else:
                continue
            self.step(record, Step.DRAIN, todo, why=why, who="")
            self.doom(record.current, todo)
            resident -= 1

    def bake_left_s(self, record: Version[T], now_s: float | None) -> float | None:
        """Under the lock: how long it stays warm, or None if it is not superseded and warm."""
        if now_s is None or record.superseded_at_s is None or record.state is not State.READY:
            return None
        return max(0.0, record.superseded_at_s + max(self._bake_s, record.bake_s) - now_s)

    def doom(self, life: Incarnation[T], todo: Todo[T]) -> None:
        """Under the lock: if it is ending and nobody uses it, take its model out, to be closed: once."""
        if life.loaded and life.is_ending and life.is_idle:
            todo.doomed.append((life, life.unload()))
            life.closing = True

    def unstrand(self, life: Incarnation[T]) -> None:
        """A call on it that never came back was ended by force: its model is closed like any other."""
        todo = Todo[T]()
        with self.lock:
            life.abandoned -= 1
            life.version.stranded -= life.abandoned == 0
            self.doom(life, todo)
        self.do(todo)

    def is_healthy(self, name: VersionId) -> bool:
        """Under the lock: whether it has not failed."""
        return self.find(name).state is not State.FAILED

    def is_empty(self) -> bool:
        """Under the lock: whether nothing is loaded, but for lives with abandoned calls."""
        lives = [life for record in self.versions.values() for life in record.lives]
        busy = any(record.is_preparing for record in self.versions.values())
        return not busy and not any((life.loaded and not life.abandoned) or life.closing for life in lives)

    # -- doing -----------------------------------------------------------------------------------------------------

    def step(self, record: Version[T], step: Step, todo: Todo[T], *, why: str = "", who: str | None = None) -> None:
        """Under the lock: the one place where a state changes, is noted for the journal, and becomes news.

        Where ``who`` is not given it follows from the step before it: whoever wanted that one wants this.
        """
        before = record.state
        record.take(step, failure=why if step is Step.FAIL else "")
        record.who = record.who if who is None else who
        fact = Transitioned(record.id, record.current.number, before, record.state, why)
        todo.news.append(fact)
        self._journal.defer(
            Entry(
                Kind.STATE,
                verb=step.value,
                what=str(record.current),
                who=record.who,
                why=why,
                outcome=f"{before.value} -> {record.state.value}",
                versions={record.id: record.resolved} if step is Step.LOAD else {},
            )
        )

    def do(self, todo: Todo[T]) -> None:
        """Tell the news, and close the doomed. With no lock held."""
        for event in todo.news:
            self._listeners.tell(event)
        for life, model in todo.doomed:
            closed, why = self._close_quietly(life, model)
            then = Todo[T]()
            with self.lock:
                life.closing = False
                if life.state is State.DRAINING:  # a FAILED one stays so
                    self.step(life.version, Step.CLOSE if closed else Step.FAIL, then, why=why)
                self.changed.notify_all()
            self.do(then)

    def _close_quietly(self, life: Incarnation[T], model: T) -> tuple[bool, str]:
        """Whether it could be closed, and what is to be said about it."""
        try:
            report = self._close_model(model)
        except Exception as error:  # noqa: BLE001 -- whatever it raises, the request whose release closes it goes on
            _LOG.exception("closing %s failed", life)
            return False, f"closing it failed: {_text(error)}"
        return True, report if isinstance(report, str) else ""  # whatever else a reader's own function returns


def _superseded_at_s(record: Version[T]) -> float:
    """The order of going: what never served is the last."""
    return float("inf") if record.superseded_at_s is None else record.superseded_at_s


@contextmanager
def _translated(record: Version[T]) -> Iterator[None]:
    """Our own errors say what is wrong already; any other is explained once, here."""
    try:
        yield
    except SegueError:
        raise
    except Exception as error:
        raise PreparationFailed(
            f"{record.id} ({record.resolved.spec}) could not be prepared: {_text(error)}"
        ) from error


def _text(error: BaseException) -> str:
    return str(error) if isinstance(error, SegueError) else f"{type(error).__name__}: {error}"
