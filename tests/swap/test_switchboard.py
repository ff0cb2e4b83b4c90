"""The switchboard, verb by verb, in one thread."""

import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest

from segue.errors import (
    Busy,
    IllegalTransition,
    InvalidParameter,
    JournalUnavailable,
    LeaseReturned,
    ModelInvalid,
    NothingToRollBack,
    NotReady,
    PreparationFailed,
    SegueError,
    Superseded,
    UnknownVersion,
    VersionInUse,
    VersionNotReady,
)
from segue.swap import Kind, ModelSpec, Outcome, Refused, Released, Resolved, Route, State, Switched, Transitioned
from segue.swap.spec import VersionId
from tests.swap.models import Model, World, journal_at, resolved


def state(world: World, version: VersionId) -> State:
    return world.board.snapshot()[version].state


# -- add and prepare -----------------------------------------------------------------------------------------------


def test_choose_names_the_version_that_a_lease_of_that_key_would_have() -> None:
    """``choose`` and ``lease`` agree for every key; with no route both raise NotReady."""
    world = World()
    with pytest.raises(NotReady):
        world.board.choose("x")
    primary, canary = world.ready("a", "b")
    world.board.switch(Route(primary, canary=canary, canary_share=0.5))
    chosen = set()
    for key in map(str, range(50)):
        with world.board.lease(key) as lease:
            assert world.board.choose(key) == lease.version
        chosen.add(lease.version)
    assert chosen == {primary, canary}


def test_add_is_idempotent_and_loads_nothing() -> None:
    """Adding the same content twice, under two IDs, is one NEW version."""
    world = World()
    one = world.board.add(Resolved(ModelSpec("a/x"), "same"))
    assert one == world.board.add(Resolved(ModelSpec("b/y", "v2"), "same"))
    assert state(world, one) is State.NEW
    assert not world.loads


def test_two_contents_never_share_a_name() -> None:
    """When two digests begin alike the second is refused: a name means one thing."""
    world = World()
    world.board.add(Resolved(ModelSpec("a"), "0" * 64))
    with pytest.raises(InvalidParameter, match="would both be called v00000000"):
        world.board.add(Resolved(ModelSpec("b"), "0" * 63 + "1"))


def test_prepare_loads_warms_and_is_idempotent() -> None:
    """A prepared version is loaded, warm and READY, and preparing it again does nothing."""
    world = World()
    version = world.add("a")
    assert world.board.prepare(version) is True
    assert world.board.prepare(version) is False
    assert world.loads == {"a": 1}
    assert world.open[0].is_warm
    steps = [(event.before, event.after) for event in world.events if isinstance(event, Transitioned)]
    assert steps == [(State.NEW, State.LOADING), (State.LOADING, State.WARMING), (State.WARMING, State.READY)]


@pytest.mark.parametrize("where", ["load_fault", "warm_fault"])
@pytest.mark.parametrize(
    ("fault", "raised"), [(ModelInvalid("NaN"), ModelInvalid), (OSError("gone"), PreparationFailed)]
)
def test_a_preparation_that_fails(where: str, fault: Exception, raised: type[SegueError]) -> None:
    """It says why, leaves nothing loaded and the route as it was, and the version keeps its name for another try."""
    world = World()
    (a,) = world.ready("a")
    world.board.switch(Route(a))
    b = world.add("b")
    setattr(world, where, fault)
    with pytest.raises(raised, match=str(fault)):
        world.board.prepare(b)
    status = world.board.snapshot()[b]
    assert (status.state, status.incarnation) == (State.FAILED, 1)
    assert str(fault) in status.failure
    assert [model.name for model in world.open] == ["a"]
    assert world.board.route == Route(a)
    setattr(world, where, None)
    assert world.board.prepare(b)
    assert world.board.snapshot()[b].incarnation == 2


def test_an_interrupt_while_loading_leaves_no_version_half_loaded() -> None:
    """Even a KeyboardInterrupt ends the preparation: FAILED, nothing open, and it may be tried again."""
    world = World()
    a = world.add("a")
    world.warm_fault = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        world.board.prepare(a)
    assert (state(world, a), world.open) == (State.FAILED, [])


def test_unknown_versions_are_named() -> None:
    """Each verb names the version that it does not know."""
    board = World().board
    for verb in (board.prepare, board.close, board.hold, lambda v: board.drain(v, 0), lambda v: board.switch(Route(v))):
        with pytest.raises(UnknownVersion, match="no version 'v0'"):
            verb(VersionId("v0"))


# -- switch --------------------------------------------------------------------------------------------------------


def test_switch_installs_a_route() -> None:
    """After a switch each lease is on the new version; the answer names both routes, the epoch, who and why."""
    world = World()
    a, b = world.ready("a", "b")
    assert world.board.switch(Route(a)).previous is None
    switched = world.board.switch(Route(b), who="ada", why="better")
    assert switched == Switched("switch", Route(b), Route(a), 2, "ada", "better")
    assert switched in world.events
    with world.board.lease("k") as lease:
        assert lease.model() == "b"


def test_switching_to_what_serves_changes_nothing() -> None:
    """It says so, moves no epoch, writes no row, and tells no listener."""
    world = World()
    (a,) = world.ready("a")
    world.board.switch(Route(a))
    rows, events = len(world.board.journal.history(99)), len(world.events)
    switched = world.board.switch(Route(a))
    assert (switched.changed, switched.epoch) == (False, 1)
    assert (len(world.board.journal.history(99)), len(world.events)) == (rows, events)


@pytest.mark.parametrize("role", ["primary", "canary", "shadow"])
def test_only_a_ready_version_is_ever_in_a_route(role: str) -> None:
    """A version that is new, failed or closed is refused in every role, and the route stays."""
    world = World()
    a, closed = world.ready("a", "closed")
    world.board.switch(Route(a))
    world.board.close(closed)
    for version in (world.add("new"), closed):
        route = Route(version) if role == "primary" else Route(a, **{role: version})
        with pytest.raises(VersionNotReady, match="prepare it first"):
            world.board.switch(route)
    assert world.board.route == Route(a)


def test_a_second_switch_is_told_what_is_under_way() -> None:
    """While a change is under way another is refused, naming the first, who wants it and since when."""
    world = World()
    a, _ = world.ready("a", "b")
    with world.board.change("to b", who="ada"):
        world.clock.now_s += 3
        with pytest.raises(Busy, match=r"switch to b by ada is under way for 3 s") as busy:
            world.board.switch(Route(a))
        assert busy.value.under_way == "switch to b by ada" == world.board.snapshot().under_way
    assert world.board.switch(Route(a)).changed
    assert world.board.snapshot().under_way == ""


def test_an_expected_epoch_that_has_moved() -> None:
    """A switch that was decided on an older route installs nothing."""
    world = World()
    a, b = world.ready("a", "b")
    world.board.switch(Route(a), expected_epoch=0)
    with pytest.raises(Superseded, match="of epoch 0, and is of 1"):
        world.board.switch(Route(b), expected_epoch=0)
    assert world.board.route == Route(a)


def test_one_change_may_switch_several_times() -> None:
    """A rollout holds its change from step to step; once ended it can do nothing more."""
    world = World()
    a, b = world.ready("a", "b")
    world.board.switch(Route(a))
    with world.board.change("rollout of b") as change:
        for share in (0.1, 0.5):
            world.board.switch(Route(a, b, share), change=change)
        world.board.switch(Route(b), change=change)
    with pytest.raises(Superseded, match="has ended"):
        world.board.switch(Route(a), change=change)
    assert world.board.rollback().route == Route(a)


def test_a_change_that_fails_is_told_and_journaled() -> None:
    """An error out of the block of a change becomes a Refused event and a row, with who, what and why not."""
    world = World()
    with pytest.raises(ModelInvalid), world.board.change("to bad", who="ada", why="new weights"):
        raise ModelInvalid("NaN in layer 3")
    assert world.events == [Refused("switch", "to bad", "ada", "model_invalid", "NaN in layer 3")]
    (row,) = world.board.journal.history()
    assert (row.kind, row.what, row.who, row.why) == (Kind.REFUSED, "to bad", "ada", "new weights")
    assert row.outcome == "NaN in layer 3"


# -- rollback ------------------------------------------------------------------------------------------------------


def test_rollback_is_instant_while_the_version_bakes() -> None:
    """The version gone back to is not loaded again, and the next rollback goes one further back, never forth."""
    world = World()
    a, b, c = world.ready("a", "b", "c")
    for version in (a, b, c):
        world.board.switch(Route(version))
    first, second = world.board.rollback(who="ada", why="hums"), world.board.rollback()
    assert (first.verb, first.route, first.previous, first.prepared) == ("rollback", Route(b), Route(c), ())
    assert (second.route, second.previous) == (Route(a), Route(b))
    assert sum(world.loads.values()) == 3
    with pytest.raises(NothingToRollBack, match="goes on serving"):
        world.board.rollback()


def test_rollback_prepares_again_what_was_closed_and_says_so() -> None:
    """After the bake time the version is loaded again, as its second incarnation, before the route moves."""
    world = World()
    a, b = world.ready("a", "b")
    world.board.switch(Route(a))
    world.board.switch(Route(b))
    world.clock.now_s += 600
    world.board.sweep()
    assert state(world, a) is State.CLOSED
    assert world.board.rollback().prepared == (a,)
    assert world.board.snapshot()[a].incarnation == 2
    assert world.board.route == Route(a)


def test_a_rollback_that_cannot_prepare_changes_nothing() -> None:
    """The route stays, the error says why, and the next rollback passes over the failed version."""
    world = World()
    a, b, c = world.ready("a", "b", "c")
    for version in (a, b, c):
        world.board.switch(Route(version))
    world.clock.now_s += 600
    world.board.sweep()
    world.load_fault = ModelInvalid("cut short")
    with pytest.raises(ModelInvalid):
        world.board.rollback()
    assert world.board.route == Route(c)
    world.load_fault = None
    assert world.board.rollback().route == Route(a)


def test_rollback_cancels_what_is_under_way() -> None:
    """A preparation that ends after a rollback is Superseded, closes what it loaded, and installs nothing."""
    world = World()
    a, b = world.ready("a", "b")
    world.board.switch(Route(a))
    world.board.switch(Route(b))
    c = world.add("c")
    world.during_load = world.board.rollback
    with pytest.raises(Superseded, match="cancelled by rollback"), world.board.change("to c") as change:
        world.board.prepare(c, change=change)
    assert world.board.route == Route(a)
    assert state(world, c) is State.CLOSED
    assert {model.name for model in world.open} == {"a", "b"}


def test_nothing_to_roll_back_still_cancels() -> None:
    """With no earlier route a rollback cancels what is under way, so that what serves goes on serving, and says so."""
    world = World()
    a, b = world.ready("a", "b")
    world.board.switch(Route(a))
    with world.board.change("to b") as change:
        with pytest.raises(NothingToRollBack, match="switch to b is cancelled"):
            world.board.rollback()
        with pytest.raises(Superseded):
            world.board.switch(Route(b), change=change)
    assert world.board.route == Route(a)


def test_a_rollback_does_not_cancel_a_rollback() -> None:
    """A second one during the first gets Busy: two that want the same must not go two back."""
    world = World()
    a, b, c = world.ready("a", "b", "c")
    for version in (a, b, c):
        world.board.switch(Route(version))
    world.clock.now_s += 600
    world.board.sweep()
    seen: list[Busy] = []

    def again() -> None:
        with pytest.raises(Busy, match="rollback") as busy:
            world.board.rollback()
        seen.append(busy.value)

    world.during_load = again
    assert world.board.rollback(who="judge").route == Route(b)
    assert [busy.under_way for busy in seen] == ["rollback by judge"]


def test_cancel_leaves_the_route() -> None:
    """A change can be cancelled without going back; the answer names it."""
    world = World()
    (a,) = world.ready("a")
    with world.board.change("to a") as change:
        assert world.board.cancel(who="ada") == "switch to a"
        with pytest.raises(Superseded, match="cancelled by ada"):
            world.board.switch(Route(a), change=change)
    assert world.board.cancel() == ""


def test_before_anything_serves_a_change_can_be_cancelled() -> None:
    """By a rollback, though there is nowhere to go back to: nobody waits for a first model that never comes. And alone
    where nothing serves yet, if only that is meant."""
    world = World()
    a, b = world.ready("a", "b")
    with world.board.change("to a") as change:
        with pytest.raises(NothingToRollBack, match="nothing serves; switch to a is cancelled"):
            world.board.rollback()
        with pytest.raises(Superseded):
            world.board.switch(Route(a), change=change)
    with world.board.change("to a") as first:
        assert world.board.cancel(first=change) == ""
        assert world.board.cancel(first=first) == "switch to a"
    world.board.switch(Route(a))
    with world.board.change("to b") as change:
        assert world.board.cancel(first=change) == ""
        world.board.switch(Route(b), change=change)
    assert world.board.route == Route(b)


# -- leases --------------------------------------------------------------------------------------------------------


def test_without_a_route_nothing_can_be_leased() -> None:
    """The error says what to do."""
    with pytest.raises(NotReady, match="prepare one and switch"):
        World().board.lease("k")


def test_a_lease_is_measured_once() -> None:
    """Its Released event has version, incarnation, key, outcome, latency and weight; a second release does nothing."""
    world = World()
    (a,) = world.ready("a")
    world.board.switch(Route(a))
    lease = world.board.lease("k")
    lease.weight = 9.0
    world.clock.now_s += 0.25
    assert lease.release()
    assert not lease.release(Outcome.FAILED)
    assert not lease.abandon()
    assert world.events[-1] == Released(a, 1, "k", Outcome.OK, 0.25, 9.0, None, company=1)
    assert sum(isinstance(event, Released) for event in world.events) == 1
    assert world.board.snapshot()[a].leases == 0
    with pytest.raises(LeaseReturned):
        lease.model()


@pytest.mark.parametrize(
    ("error", "outcome"), [(ValueError("x"), Outcome.FAILED), (GeneratorExit(), Outcome.CANCELLED), (None, Outcome.OK)]
)
def test_the_outcome_is_how_the_block_ended(error: BaseException | None, outcome: Outcome) -> None:
    """An Exception is a failure of the version; any other BaseException means that the client went away."""
    world = World()
    (a,) = world.ready("a")
    world.board.switch(Route(a))
    with suppress(ValueError, GeneratorExit), world.board.lease("k"):
        if error is not None:
            raise error
    event = world.events[-1]
    assert isinstance(event, Released)
    assert (event.outcome, event.error) == (outcome, error)


def test_a_version_closes_when_its_last_lease_comes_back() -> None:
    """Drained with two leases out, it stays open through the first release and closes at the second."""
    world = World()
    a, b = world.ready("a", "b")
    world.board.switch(Route(a))
    first, second = world.board.lease("1"), world.board.lease("2")
    world.board.switch(Route(b))
    assert world.board.drain(a, 0) is False
    first.release()
    assert (state(world, a), second.model()) == (State.DRAINING, "a")
    second.release()
    assert state(world, a) is State.CLOSED
    assert [model.name for model in world.open] == ["b"]


def test_a_superseded_version_can_be_leased_by_name() -> None:
    """For a stream that stays, and for a fall-back; a closed one cannot be."""
    world = World()
    a, b = world.ready("a", "b")
    world.board.switch(Route(b))
    with world.board.lease("k", version=a) as lease:
        assert lease.model() == "a"
    world.board.close(a)
    with pytest.raises(VersionNotReady, match="is closed"):
        world.board.lease("k", version=a)


def test_a_hold_keeps_a_version_and_is_not_measured() -> None:
    """Between the chunks of a stream its version stays; no Released event tells of the hold."""
    world = World()
    a, b = world.ready("a", "b")
    world.board.switch(Route(b))
    with world.board.hold(a):
        assert world.board.drain(a, 0) is False
        with world.board.lease("chunk", version=a) as lease:
            assert lease.model() == "a"
    assert state(world, a) is State.CLOSED
    assert [event.key for event in world.events if isinstance(event, Released)] == ["chunk"]


# -- abandoned and failed ------------------------------------------------------------------------------------------


def test_an_abandoned_call_fails_its_version_for_good() -> None:
    """It leaves the route at once for the one before, is never closed, and the snapshot says so."""
    world = World()
    a, b = world.ready("a", "b")
    world.board.switch(Route(a))
    world.board.switch(Route(b))
    stuck, other = world.board.lease("stuck"), world.board.lease("other")
    assert stuck.abandon()
    assert world.board.route == Route(a)
    assert other.model() == "b"
    other.release()
    assert not stuck.release()
    world.clock.now_s += 10_000
    world.board.sweep()
    status = world.board.snapshot()[b]
    assert (status.state, status.leases, status.stranded) == (State.FAILED, 0, 1)
    assert "b" in {model.name for model in world.open}
    assert "memory of 1 cannot come back" in repr(world.board)
    switched = next(event for event in reversed(world.events) if isinstance(event, Switched))
    assert (switched.verb, switched.route) == ("fall back", Route(a))
    assert world.board.prepare(b)
    assert world.board.snapshot()[b].incarnation == 2


def test_an_abandoned_call_that_is_ended_by_force_keeps_no_model() -> None:
    """Its version fails and leaves the route all the same, and closes with its last lease: nothing is stranded."""
    ended: list[str] = []

    def end(model: Model) -> bool:
        assert model.name in {each.name for each in world.open}
        ended.append(model())
        return True

    world = World(end_calls=end)
    a, b = world.ready("a", "b")
    world.board.switch(Route(a))
    world.board.switch(Route(b))
    stuck, other = world.board.lease("stuck"), world.board.lease("other")
    assert stuck.abandon()
    assert (ended, world.board.route, other.model()) == (["b"], Route(a), "b")
    assert not stuck.release()
    assert other.abandon()
    assert [model.name for model in world.open] == ["a"]
    status = world.board.snapshot()[b]
    assert (status.state, status.leases, status.stranded) == (State.FAILED, 0, 0)
    failed = [event for event in world.events if isinstance(event, Transitioned) and event.after is State.FAILED]
    assert [event.why for event in failed] == ["a call passed its deadline and was abandoned"]
    assert world.board.shutdown(0)


def test_a_late_abandon_of_an_older_life_harms_no_newer_one() -> None:
    """A lease from before a failure is abandoned after the version was prepared again: the new life serves on."""
    world = World()
    (a,) = world.ready("a")
    world.board.switch(Route(a))
    stuck, late = world.board.lease("1"), world.board.lease("2")
    stuck.abandon()
    world.board.prepare(a)
    world.board.switch(Route(a))
    assert world.board.snapshot()[a].leases == 1
    late.abandon()
    assert (world.board.route, state(world, a)) == (Route(a), State.READY)
    assert world.board.snapshot()[a].leases == 0


def test_a_failed_version_closes_when_its_last_lease_comes_back() -> None:
    """Without an abandoned call its memory does come back; its state stays FAILED, with the reason."""
    world = World()
    a, b = world.ready("a", "b")
    world.board.switch(Route(a))
    world.board.switch(Route(b))
    lease = world.board.lease("k")
    world.board.fail(b, "three in a row", who="judge")
    assert lease.model() == "b"
    lease.release()
    assert [model.name for model in world.open] == ["a"]
    status = world.board.snapshot()[b]
    assert (status.state, status.failure) == (State.FAILED, "three in a row")


def test_what_serves_answers_for_one_that_has_failed() -> None:
    """Whatever it was in the route; nobody does where nothing serves."""
    world = World()
    a, b, c = world.ready("a", "b", "c")
    for version in (a, b, c):
        world.board.switch(Route(version))
    world.board.fail(a, "its process was killed")
    assert world.board.answers_for(a) == c
    world.board.fail(c, "its process was killed")
    assert world.board.answers_for(c) == world.board.answers_for(a) == b
    world.board.fail(b, "its process was killed")
    assert world.board.answers_for(b) is None


def test_the_nearest_that_is_warm_answers_for_the_primary() -> None:
    """Where the version before it was closed already, as one of too many: what the route would fall back to."""
    world = World()
    a, b, c = world.ready("a", "b", "c")
    for version in (a, b, c):
        world.board.switch(Route(version))
    assert world.board.drain(b, deadline_s=5)
    assert world.board.answers_for(c) == a
    assert world.board.instead_of(c) is None
    assert world.board.drain(a, deadline_s=5)
    assert world.board.answers_for(c) is None


def test_what_serves_answers_for_calls_on_what_the_route_has_left() -> None:
    """Taken back or replaced while a call was in it: if that fails, what serves answers; nobody does for that."""
    world = World()
    a, b = world.ready("a", "b")
    assert world.board.answers_for(a) is None
    world.board.switch(Route(a))
    assert world.board.answers_for(a) is None
    world.board.switch(Route(a, canary=b, canary_share=0.5))
    assert (world.board.answers_for(a), world.board.answers_for(b)) == (None, a)
    world.board.rollback()
    assert world.board.answers_for(b) == a
    world.board.switch(Route(b))
    assert (world.board.answers_for(a), world.board.answers_for(b)) == (b, a)


@pytest.mark.parametrize("role", ["canary", "shadow"])
def test_a_failed_trial_leaves_the_route_and_the_primary_stays(role: str) -> None:
    """A trial that fails is taken out; nobody else notices."""
    world = World()
    a, b = world.ready("a", "b")
    world.board.switch(Route(a))
    world.board.switch(Route(a, **{role: b}))
    world.board.fail(b, "NaN")
    assert world.board.route == Route(a)
    with pytest.raises(NothingToRollBack):
        world.board.rollback()


def test_the_last_version_that_fails_leaves_nothing() -> None:
    """With nothing warm to fall back to the switchboard is not ready, rather than serve what hangs."""
    world = World()
    (a,) = world.ready("a")
    world.board.switch(Route(a))
    world.board.lease("k").abandon()
    assert world.board.route is None
    with pytest.raises(NotReady):
        world.board.lease("k")
    assert repr(world.board).startswith("<Switchboard epoch 2; serves nothing; ")


def test_a_primary_that_fails_beside_a_canary() -> None:
    """The route before is taken if it is warm; else the canary serves rather than nothing."""
    world = World()
    a, b = world.ready("a", "b")
    world.board.switch(Route(a, b, 0.1))
    world.board.fail(a, "hangs")
    assert world.board.route == Route(b)


# -- bake, room, close ---------------------------------------------------------------------------------------------


def test_each_superseded_version_has_its_own_bake_time() -> None:
    """Two superseded at different times are closed at different times, each ten minutes after."""
    world = World()
    a, b, c = world.ready("a", "b", "c")
    world.board.switch(Route(a))
    world.board.switch(Route(b))
    world.clock.now_s += 400
    world.board.switch(Route(c))
    world.clock.now_s += 199
    world.board.sweep()
    assert world.board.snapshot()[a].bake_left_s == 1
    assert (state(world, a), state(world, b)) == (State.READY, State.READY)
    world.clock.now_s += 1
    world.board.sweep()
    assert (state(world, a), state(world, b)) == (State.CLOSED, State.READY)
    world.board.sweep(world.clock.now_s + 400)
    assert (state(world, b), state(world, c)) == (State.CLOSED, State.READY)


def test_beyond_max_resident_the_longest_superseded_goes_first() -> None:
    """Room is made when another is loaded; what serves, what a change wants, and what never served go last."""
    world = World(max_resident=3)
    a, b, c, d = [*world.ready("a", "b", "c"), world.add("d")]
    for version in (a, b, c):
        world.board.switch(Route(version))
    world.clock.now_s += 1
    world.board.switch(Route(b))
    world.board.switch(Route(c))  # superseded since: a first, then b
    world.board.prepare(d)
    assert [state(world, version) for version in (a, b, c, d)] == [
        State.CLOSED,
        State.READY,
        State.READY,
        State.READY,
    ]
    with world.board.change("keep b") as change:
        world.board.prepare(b, change=change)
        world.board.prepare(world.add("e"))
        assert (state(world, b), state(world, d)) == (State.READY, State.CLOSED)


def test_a_lease_by_name_begins_the_bake_time_again() -> None:
    """A batch that names its version does not lose it in the middle; one that leaves it to the route keeps nothing."""
    world = World()
    a, b, c = world.ready("a", "b", "c")
    for version in (a, b, c):
        world.board.switch(Route(version))
    for _ in range(3):
        world.clock.now_s += 599
        world.board.lease("k", version=a).release()
        world.board.lease("k").release()
        world.board.sweep()
    assert (state(world, a), state(world, b)) == (State.READY, State.CLOSED)
    assert world.board.snapshot()[a].bake_left_s == 600
    world.clock.now_s += 600
    world.board.sweep()
    assert state(world, a) is State.CLOSED


def test_a_lease_by_name_gives_no_bake_time_to_what_has_none() -> None:
    """What serves has none while it serves, and what never served waits for its switch however long that takes."""
    world = World()
    a, b = world.ready("a", "b")
    world.board.switch(Route(a))
    for version in (a, b):
        world.board.lease("k", version=version).release()
    assert [world.board.snapshot()[version].bake_left_s for version in (a, b)] == [None, None]
    world.clock.now_s += 100_000
    world.board.sweep()
    assert state(world, b) is State.READY


def test_room_is_made_by_what_was_longest_not_named() -> None:
    """Of the superseded the one that nobody named for the longest time is closed first."""
    world = World(max_resident=3)
    a, b, c = world.ready("a", "b", "c")
    for version in (a, b, c):
        world.clock.now_s += 1
        world.board.switch(Route(version))
    world.clock.now_s += 1
    world.board.lease("k", version=a).release()
    world.board.prepare(world.add("d"))
    assert [state(world, version) for version in (a, b, c)] == [State.READY, State.CLOSED, State.READY]


def test_a_prepared_version_waits_for_its_switch() -> None:
    """What never served has no bake time: prepared in the evening, it is there in the morning."""
    world = World()
    a, b = world.ready("a", "b")
    world.board.switch(Route(a))
    world.clock.now_s += 100_000
    world.board.sweep()
    assert world.board.switch(Route(b)).changed


def test_what_a_change_has_prepared_is_not_taken_from_it() -> None:
    """Whoever drains or closes it meanwhile is told that it is wanted, and the change installs it; then it is free."""
    world = World()
    a, b = world.ready("a", "b")
    world.board.switch(Route(a))
    with world.board.change("to b") as change:
        world.board.prepare(b, change=change)
        for take in (world.board.close, lambda version: world.board.drain(version, 0)):
            with pytest.raises(VersionInUse, match="wanted by the change under way"):
                take(b)
        assert world.board.switch(Route(b), change=change).changed
    with world.board.change("to a") as change:
        world.board.prepare(a, change=change)
    world.board.close(a)


def test_a_cancelled_change_gives_up_only_what_is_its_own() -> None:
    """It ends late, when another one wants the same version: that one keeps it, where room is made and where it is
    drained."""
    world = World(max_resident=1)
    a, b, c = (world.add(name) for name in "abc")
    world.board.prepare(a)
    world.board.switch(Route(a))
    late = world.board.change("to b", who="ada")
    world.board.prepare(b, change=late)
    world.board.cancel()
    with world.board.change("to b", who="bob") as change:
        world.board.prepare(b, change=change)
        with late:
            pass
        world.board.prepare(c)
        world.board.sweep()
        with pytest.raises(VersionInUse):
            world.board.drain(b, 0)
        assert world.board.switch(Route(b), change=change).changed


def test_what_was_prepared_in_vain_bakes_too() -> None:
    """A version whose switch was not to be does not stay for ever: its bake time begins when the change ends."""
    world = World()
    a, b = world.add("a"), world.add("b")
    with world.board.change("to a") as change:
        world.board.prepare(a, change=change)
        world.board.switch(Route(a), change=change)
    with world.board.change("to b") as change:
        world.board.prepare(b, change=change)  # and then, say, the golden clips differ
    world.clock.now_s += 600
    world.board.sweep()
    assert (state(world, a), state(world, b)) == (State.READY, State.CLOSED)


def test_close_is_refused_while_in_use() -> None:
    """Neither what serves nor what is leased can be closed, and the refusal changes nothing."""
    world = World()
    a, b = world.ready("a", "b")
    world.board.switch(Route(a))
    with pytest.raises(VersionInUse, match="serves"):
        world.board.close(a)
    with world.board.lease("k", version=b), pytest.raises(VersionInUse, match="in use by 1"):
        world.board.close(b)
    assert state(world, b) is State.READY
    with pytest.raises(IllegalTransition, match="is new"):
        world.board.close(world.add("new"))
    world.board.close(b)
    world.board.close(b)
    assert state(world, b) is State.CLOSED


def test_a_draining_version_that_is_wanted_again_is_not_loaded_again() -> None:
    """Until its last lease is back it is there: preparing or going back to it revives it."""
    world = World()
    a, b = world.ready("a", "b")
    world.board.switch(Route(a))
    lease = world.board.lease("long")
    world.board.switch(Route(b))
    world.board.drain(a, 0)
    assert world.board.rollback().prepared == ()
    lease.release()
    assert (world.board.route, state(world, a), world.loads["a"]) == (Route(a), State.READY, 1)


def test_a_close_that_raises_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """The request whose release closes the model gets its answer; the version is FAILED and says why."""
    world = World()
    a, b = world.ready("a", "b")
    world.board.switch(Route(a))
    lease = world.board.lease("k")
    world.board.switch(Route(b))
    world.board.drain(a, 0)
    world.close_fault = OSError("stuck")
    lease.release()
    assert world.board.snapshot()[a].failure == "closing it failed: OSError: stuck"
    assert "closing" in caplog.text


def test_what_a_closing_reports_is_why(tmp_path: Path) -> None:
    """What is said about it is the why of the CLOSE step, told and journaled; the state before and after as always."""
    world = World(journal_at(tmp_path))
    (a,) = world.ready("a")
    world.close_report = "3.1 MB came back"
    world.board.close(a)
    assert world.events[-1] == Transitioned(a, 1, State.DRAINING, State.CLOSED, "3.1 MB came back")
    row = world.board.journal.history(1)[0]
    assert (row.kind, row.what, row.why, row.outcome) == (
        Kind.STATE,
        f"{a}#1",
        "3.1 MB came back",
        "draining -> closed",
    )


@pytest.mark.parametrize("report", [None, 0, object()])
def test_a_closing_that_reports_nothing(report: object) -> None:
    """None says nothing; nor does whatever else a function returns that was not made for this."""
    world = World()
    (a,) = world.ready("a")
    world.close_report = report
    world.board.close(a)
    assert world.events[-1] == Transitioned(a, 1, State.DRAINING, State.CLOSED, "")


def test_a_listener_that_raises_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """The switch is done, the other listeners are told, and the log has the traceback."""
    world = World()

    def broken(event: object) -> None:
        raise RuntimeError(f"cannot take {event}")

    world.board.listen(broken)
    told: list[object] = []
    world.board.listen(told.append)
    (a,) = world.ready("a")
    world.board.switch(Route(a))
    with world.board.lease("k"):
        pass
    assert len(told) == 5
    assert "a listener failed at Released" in caplog.text


def test_a_listener_may_use_the_switchboard() -> None:
    """No lock is held when it is told, so it can take a lease, look, and go back."""
    world = World()
    a, b = world.ready("a", "b")
    world.board.switch(Route(a))

    def back(event: object) -> None:
        if isinstance(event, Released) and event.outcome is Outcome.FAILED:
            world.board.rollback(why="it failed")

    world.board.listen(back)
    world.board.switch(Route(b))
    with pytest.raises(ValueError, match="boom"), world.board.lease("k"):
        raise ValueError("boom")
    assert world.board.route == Route(a)


def test_shutdown_closes_all_but_what_never_comes_back(tmp_path: Path) -> None:
    """Nothing is leased any more, everything idle is closed, and the journal still names the route."""
    world = World(journal_at(tmp_path))
    a, b = world.ready("a", "b")
    world.board.switch(Route(b))
    world.board.lease("stuck").abandon()
    world.board.switch(Route(a))
    lease = world.board.lease("k")
    assert world.board.shutdown(0) is False
    lease.release()
    assert world.board.shutdown(0) is True
    assert [model.name for model in world.open] == ["b"]
    with pytest.raises(NotReady):
        world.board.lease("k")
    assert world.board.journal.last_routes()[0].route == Route(a)


# -- the journal ---------------------------------------------------------------------------------------------------


def locked(path: Path) -> sqlite3.Connection:
    """What another process would do: hold the journal's write lock."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other


def test_a_switch_is_in_the_journal_before_and_after(tmp_path: Path) -> None:
    """Intent and done rows carry who, what, why, the digests and the evidence."""
    world = World(journal_at(tmp_path))
    (a,) = world.ready("a")
    with world.board.change("to a@v1", who="ada", why="first", evidence={"clips": 30}) as change:
        world.board.switch(Route(a), change=change)
    done, intent = world.board.journal.history(2)
    assert (intent.kind, done.kind, done.of, done.outcome) == (Kind.INTENT, Kind.DONE, intent.seq, "done")
    for row in (intent, done):
        assert (row.what, row.who, row.why, row.epoch) == ("to a@v1", "ada", "first", 1)
        assert (row.route, row.evidence, row.versions) == (Route(a), {"clips": 30}, {a: resolved("a")})


def test_every_step_says_who_wanted_it(tmp_path: Path) -> None:
    """Preparing, closing and what follows from them, in whatever thread; what the sweep does is nobody's wish."""
    world = World(journal_at(tmp_path))
    a, b, c = world.add("a"), world.add("b"), world.add("c")
    world.board.prepare(a, who="ada", why="for tonight")
    world.board.switch(Route(a), who="bob")
    lease = world.board.lease("k")
    with world.board.change("to b", who="cleo") as change:
        world.board.prepare(b, change=change)
        world.board.switch(Route(b), change=change)
    world.board.drain(a, 0, who="dan")
    lease.release()
    world.board.prepare(c, who="eve")
    world.board.close(c, who="fay")
    world.board.prepare(a, who="gus")
    world.clock.now_s += 600
    world.board.sweep()
    rows = [row for row in reversed(world.board.journal.history(100)) if row.kind is Kind.STATE]
    assert [(row.who, row.outcome.split()[-1]) for row in rows] == [
        *(("ada", "loading"), ("ada", "warming"), ("ada", "ready")),
        *(("cleo", "loading"), ("cleo", "warming"), ("cleo", "ready")),
        *(("dan", "draining"), ("dan", "closed")),
        *(("eve", "loading"), ("eve", "warming"), ("eve", "ready")),
        *(("fay", "draining"), ("fay", "closed")),
        *(("gus", "loading"), ("gus", "warming"), ("gus", "ready")),
        *(("", "draining"), ("", "closed")),
    ]
    assert [row.why for row in rows[:2]] == ["for tonight", ""]


def test_without_the_journal_no_switch_but_a_rollback(tmp_path: Path) -> None:
    """Locked: a switch is refused before the pointer moves, leases go on, a rollback acts and is recorded later."""
    world = World(journal_at(tmp_path))
    a, b, c = world.ready("a", "b", "c")
    world.board.switch(Route(a))
    world.board.switch(Route(b))
    other = locked(tmp_path / "journal.db")
    with pytest.raises(JournalUnavailable, match="locked"):
        world.board.switch(Route(c))
    assert world.board.route == Route(b)
    assert not any(isinstance(event, Switched) and event.route == Route(c) for event in world.events)
    with world.board.lease("k") as lease:
        assert lease.model() == "b"
    switched = world.board.rollback()
    assert (switched.route, switched.recorded) == (Route(a), False)
    assert "journal rows pending" in repr(world.board)
    other.close()
    world.board.sweep()
    assert world.board.snapshot().pending_rows == 0
    newest = world.board.journal.history(1)[0]
    assert (newest.kind, newest.verb, newest.route) == (Kind.DONE, "rollback", Route(a))


def test_a_failure_without_the_journal_still_falls_back(tmp_path: Path) -> None:
    """A hanging version leaves the route though nothing can be written; the row follows."""
    world = World(journal_at(tmp_path))
    a, b = world.ready("a", "b")
    world.board.switch(Route(a))
    world.board.switch(Route(b))
    other = locked(tmp_path / "journal.db")
    world.board.lease("k").abandon()
    assert world.board.route == Route(a)
    other.close()
    world.board.sweep()
    assert world.board.journal.last_routes()[0].route == Route(a)


def test_printing_it_tells_an_operator_all() -> None:
    """What serves, its share, leases out, what is warm, what drains, what is under way."""
    world = World()
    a, b, c = world.ready("a", "b", "c")
    world.board.switch(Route(c))
    held = world.board.lease("k")
    world.board.switch(Route(a, b, 0.25))
    world.board.drain(c, 0)
    with world.board.change("to d", who="ada"):
        assert repr(world.board) == (
            f"<Switchboard epoch 2; serves {a} + 25% {b}; {a} (0 leases); {b} (0 leases); {c} draining (1 leases); "
            "under way: switch to d by ada>"
        )
    held.release()


def test_a_lease_knows_in_what_company_it_was_taken() -> None:
    """Calls in progress on any version, itself among them; what only holds a version is no call."""
    world = World()
    a, b = world.ready("a", "b")
    world.board.switch(Route(a))
    held = world.board.hold(b)
    first, second = world.board.lease("k"), world.board.lease("k", version=b)
    assert (held.company, first.company, second.company, world.board.calls) == (0, 1, 2, 2)
    first.release()
    third = world.board.lease("k")
    assert third.company == 2
    for lease in (held, second, third):
        lease.release()
    assert world.board.calls == 0
