"""The switchboard against a plain statement of its rules, over random histories of everything that can be done."""

import sqlite3
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from segue.errors import (
    IllegalTransition,
    JournalUnavailable,
    ModelInvalid,
    NothingToRollBack,
    NotReady,
    VersionInUse,
    VersionNotReady,
)
from segue.swap import Lease, Outcome, Released, Route, VersionId
from tests.swap.models import Model, World, journal_at, resolved

NAMES = "abcd"
BAKE_S = 600
MOST = 3
names = st.sampled_from(NAMES)


@dataclass
class Life:
    """One life of a version, as plainly as can be."""

    state: str = "new"
    number: int = 1
    leases: int = 0
    abandoned: bool = False
    superseded_at: float | None = None
    order: int = 0  # of being superseded, for those of one moment

    def leave(self) -> None:
        if self.state == "draining" and not self.leases:
            self.state = "closed"


@dataclass
class Plain:
    """The rules: a few dictionaries, no threads, no I/O."""

    lives: dict[str, Life] = field(default_factory=lambda: {name: Life() for name in NAMES})
    route: tuple[str, str | None, float] | None = None
    back: list[str] = field(default_factory=list)  # settled routes are their primaries
    now: float = 1000.0

    @property
    def serving(self) -> set[str]:
        return {name for name in (self.route or ())[:2] if isinstance(name, str)}

    def usable(self, name: str) -> bool:
        return self.lives[name].state in ("ready", "draining")

    def make_room(self, *, baked: bool) -> None:
        spare = [n for n, life in self.lives.items() if life.state == "ready" and n not in self.serving]
        spare.sort(key=lambda n: float("inf") if (at := self.lives[n].superseded_at) is None else at)
        for name in spare:
            life = self.lives[name]
            ripe = baked and life.superseded_at is not None and self.now >= life.superseded_at + BAKE_S
            if ripe or sum(other.state in ("ready", "loading") for other in self.lives.values()) > MOST:
                life.state = "draining"
                life.leave()

    def prepare(self, name: str, *, fails: bool) -> bool:
        """Whether it had to be loaded."""
        life = self.lives[name]
        if life.superseded_at is not None:
            life.superseded_at = self.now
        if life.state in ("ready", "draining"):
            life.state = "ready"
            return False
        if life.state != "new":
            life = self.lives[name] = Life(number=life.number + 1, superseded_at=life.superseded_at)
        life.state = "loading"
        self.make_room(baked=False)
        life.state = "failed" if fails else "ready"
        return True

    def point(self, route: tuple[str, str | None, float] | None) -> None:
        before = self.serving
        self.route = route
        for name in self.serving:
            self.lives[name].state, self.lives[name].superseded_at = "ready", None
        for name in before - self.serving:
            self.lives[name].superseded_at = self.now

    def switch(self, route: tuple[str, str | None, float]) -> None:
        if self.route is not None and self.route != route:
            if self.route[1] is None:
                self.back.append(self.route[0])
            elif route[1] is None and self.back[-1:] == [route[0]]:
                self.back.pop()
        self.back = self.back[-16:]
        self.point(route)

    def way_back(self) -> str | None:
        """The nearest earlier primary that has not failed; those passed over are forgotten."""
        while self.back:
            if self.lives[self.back[-1]].state != "failed":
                return self.back[-1]
            self.back.pop()
        return None

    def fail(self, name: str) -> None:
        self.lives[name].state = "failed"
        if name not in self.serving or self.route is None:
            return
        primary, canary, _ = self.route
        if canary == name:
            self.switch((primary, None, 0.0))
            return
        warm = [at for at, earlier in enumerate(self.back) if self.usable(earlier)]
        if warm:
            earlier = self.back[warm[-1]]
            self.back = self.back[: warm[-1]]
            self.point((earlier, None, 0.0))
        else:
            self.point((canary, None, 0.0) if canary and self.usable(canary) else None)


class Machine(RuleBasedStateMachine):
    """Do the same to both, then compare everything that can be seen."""

    leases = Bundle("leases")

    @initialize()
    def begin(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.lock: sqlite3.Connection | None = None
        journal = journal_at(Path(self.directory.name))
        self.world = World(journal, bake_s=BAKE_S, max_resident=MOST)
        self.board = self.world.board
        self.plain = Plain()
        self.ids = {name: self.world.add(name) for name in NAMES}
        self.released = 0

    def teardown(self) -> None:
        if self.lock is not None:
            self.lock.close()
        self.board.journal.close()
        self.directory.cleanup()

    def real(self, route: tuple[str, str | None, float] | None) -> Route | None:
        if route is None:
            return None
        primary, canary, share = route
        return Route(self.ids[primary], self.ids[canary] if canary else None, share)

    # -- versions ----------------------------------------------------------------------------------------------

    @rule(name=names, fault=st.sampled_from([None, None, "load_fault", "warm_fault"]))
    def prepare(self, name: str, fault: str | None) -> None:
        if fault:
            setattr(self.world, fault, ModelInvalid("faulty"))
        loaded = self.plain.prepare(name, fails=fault is not None)
        if loaded and fault:
            with pytest.raises(ModelInvalid, match="faulty"):
                self.board.prepare(self.ids[name])
        else:
            assert self.board.prepare(self.ids[name]) == loaded
        self.world.load_fault = self.world.warm_fault = None

    @rule(name=names, by_force=st.booleans())
    def close(self, name: str, by_force: bool) -> None:
        life, version = self.plain.lives[name], self.ids[name]
        if name in self.plain.serving or (by_force and self.out(name)):
            with pytest.raises(VersionInUse):
                self.board.close(version) if by_force else self.board.drain(version, 0)
        elif life.state == "new":
            with pytest.raises(IllegalTransition):
                self.board.drain(version, 0)
        else:
            if life.state == "ready":
                life.state = "draining"
            life.leave()
            if by_force:
                self.board.close(version)
            else:
                gone = life.state == "closed" or (life.state == "failed" and not life.leases and not life.abandoned)
                assert self.board.drain(version, 0) == gone

    def out(self, name: str) -> int:
        return sum(lease.version == self.ids[name] for lease, _ in self.held if lease.outcome is None)

    @rule(name=names)
    def fail(self, name: str) -> None:
        if self.plain.usable(name):
            self.plain.fail(name)
            self.board.fail(self.ids[name], "told so")
        else:
            with pytest.raises(VersionNotReady):
                self.board.fail(self.ids[name], "told so")

    @rule(seconds=st.sampled_from([1, 300, 600]))
    def sweep(self, seconds: int) -> None:
        self.plain.now += seconds
        self.world.clock.now_s += seconds
        self.plain.make_room(baked=True)
        self.board.sweep()

    # -- routes ------------------------------------------------------------------------------------------------

    @rule(primary=names, canary=st.none() | names, share=st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    def switch(self, primary: str, canary: str | None, share: float) -> None:
        if canary == primary:
            canary = None
        route = (primary, canary, share if canary else 0.0)
        real = self.real(route)
        assert real is not None
        if not all(self.plain.usable(name) for name in route[:2] if isinstance(name, str)):
            with pytest.raises(VersionNotReady):
                self.board.switch(real)
        elif route == self.plain.route:
            assert not self.board.switch(real).changed
        elif self.lock is not None:
            with pytest.raises(JournalUnavailable):
                self.board.switch(real)
        else:
            before = self.real(self.plain.route)
            self.plain.switch(route)
            switched = self.board.switch(real)
            assert (switched.route, switched.previous, switched.changed) == (real, before, True)

    @rule(fails=st.booleans())
    def rollback(self, fails: bool) -> None:
        self.world.load_fault = ModelInvalid("faulty") if fails else None
        kept = list(self.plain.back)
        target = self.plain.way_back()
        if target is None:
            self.plain.back = kept
            with pytest.raises(NothingToRollBack):
                self.board.rollback()
        else:
            loaded = self.plain.prepare(target, fails=fails)
            if loaded and fails:
                self.plain.back = kept
                with pytest.raises(ModelInvalid):
                    self.board.rollback()
            else:
                self.plain.back.pop()
                self.plain.point((target, None, 0.0))
                assert self.board.rollback().prepared == ((self.ids[target],) if loaded else ())
        self.world.load_fault = None

    # -- leases ------------------------------------------------------------------------------------------------

    @property
    def held(self) -> list[tuple[Lease[Model], Life]]:
        return self.__dict__.setdefault("_held", [])  # type: ignore[no-any-return]

    @rule(target=leases, key=st.integers(0, 50).map(str), name=st.none() | names)
    def lease(self, key: str, name: str | None) -> tuple[Lease[Model], Life] | None:
        if name is not None and not self.plain.usable(name):
            with pytest.raises(VersionNotReady):
                self.board.lease(key, version=self.ids[name])
            return None
        if name is None and self.plain.route is None:
            with pytest.raises(NotReady):
                self.board.lease(key)
            return None
        lease = self.board.lease(key, version=None if name is None else self.ids[name])
        if name is not None and self.plain.lives[name].superseded_at is not None:
            self.plain.lives[name].superseded_at = self.plain.now
        if name is None:
            route = self.real(self.plain.route)
            assert route is not None
            assert lease.version == route.choose(key)
        life = self.plain.lives[self.name(lease.version)]
        life.leases += 1
        self.held.append((lease, life))
        return lease, life

    @rule(taken=consumes(leases), outcome=st.sampled_from([*Outcome, Outcome.OK, Outcome.OK]), again=st.booleans())
    def release(self, taken: tuple[Lease[Model], Life] | None, outcome: Outcome, again: bool) -> None:
        if taken is None:
            return
        lease, life = taken
        assert lease.model() == self.name(lease.version)  # open to the end, whatever happened meanwhile
        life.leases -= 1
        if outcome is Outcome.ABANDONED:
            life.abandoned = True
            if life.state in ("ready", "draining"):
                self.plain.fail(self.name(lease.version))
        else:
            life.leave()
        assert lease.release(outcome)
        self.released += 1
        if again:
            assert not lease.release()
            assert not lease.abandon()

    def name(self, version: VersionId) -> str:
        return next(name for name, known in self.ids.items() if known == version)

    # -- the journal and restarts ------------------------------------------------------------------------------

    @precondition(lambda self: self.lock is None)
    @rule()
    def lock_the_journal(self) -> None:
        self.lock = sqlite3.connect(Path(self.directory.name) / "journal.db", isolation_level=None)
        self.lock.execute("BEGIN IMMEDIATE")

    @precondition(lambda self: self.lock is not None)
    @rule()
    def unlock_the_journal(self) -> None:
        assert self.lock is not None
        self.lock.close()
        self.lock = None
        self.board.sweep()
        self.plain.make_room(baked=True)

    # -- what must hold ----------------------------------------------------------------------------------------

    @invariant()
    def the_same_is_seen(self) -> None:
        snapshot = self.board.snapshot()
        assert snapshot.route == self.real(self.plain.route)
        assert [route.primary for route in snapshot.back] == [self.ids[name] for name in self.plain.back]
        for name, life in self.plain.lives.items():
            status = snapshot[self.ids[name]]
            assert (status.state.value, status.incarnation) == (life.state, life.number), name
            assert status.leases == self.out(name)

    @invariant()
    def only_ready_versions_serve(self) -> None:
        route = self.board.route
        assert all(self.board.snapshot()[name].state.value == "ready" for name in (route.versions if route else ()))

    @invariant()
    def what_is_open_is_what_may_be_used(self) -> None:
        """Nothing is closed too early, and nothing is forgotten."""
        current = [name for name, life in self.plain.lives.items() if self.plain.usable(name)]
        earlier = {id(life): self.name(lease.version) for lease, life in self.held if life.abandoned or life.leases}
        usable = {id(self.plain.lives[name]) for name in current}
        wanted = current + [name for life, name in earlier.items() if life not in usable]
        assert sorted(model.name for model in self.world.open) == sorted(wanted)

    @invariant()
    def each_lease_was_counted_once(self) -> None:
        assert sum(isinstance(event, Released) for event in self.world.events) == self.released

    @invariant()
    def the_journal_names_what_serves(self) -> None:
        if self.lock is None and self.plain.route is not None:
            assert self.board.journal.flush()
            assert self.board.journal.last_routes()[0].route == self.board.route


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@pytest.mark.drill
class TestMachineLong(Machine.TestCase):  # type: ignore[misc, valid-type]
    """The same, two thousand histories."""

    settings = settings(max_examples=2000, stateful_step_count=60, deadline=None)


def test_the_plain_rules_know_the_same_names() -> None:
    """Both speak of the same four versions."""
    assert len({resolved(name).version for name in NAMES}) == len(NAMES)
