"""How the versions are doing: counted over a window, by life, in bounded memory, from any thread."""

import math
import time
import timeit
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.swap import Outcome, Released, Route, State, Transitioned, VersionId
from segue.swap.health import Figures, Health
from tests.swap.models import Clock, World
from tests.swap.threads import crowd, shaken

A, B = VersionId("a"), VersionId("b")


def back(outcome: Outcome = Outcome.OK, ms: float = 10.0, *, version: VersionId = A, life: int = 1) -> Released:
    """A lease that came back, of 2 s of audio."""
    return Released(version, life, "k", outcome, ms / 1000, 2.0, None)


def step(after: State, life: int = 1) -> Transitioned:
    return Transitioned(A, life, State.NEW, after, "")


def heard(*events: Released | Transitioned) -> Health:
    health = Health(clock=Clock())
    for event in events:
        health.hear(event)
    return health


def test_of_nothing_the_figures_are_zero() -> None:
    """A version that nobody used, or that is not known, has no latency, and no error either."""
    assert Health().figures(A) == Figures(0, 0.0, None, None, 0, 0.0)


def test_what_counts() -> None:
    """OK, failed and abandoned are requests, the last two errors; only OK has a latency; cancelled counts nowhere."""
    events = [back(), back(Outcome.FAILED, ms=0), back(Outcome.ABANDONED, ms=30_000), back(Outcome.CANCELLED, ms=77)]
    assert heard(*events).figures(A) == Figures(3, 3.0, 10.0, 10.0, 2, 6.0, 0.005)
    assert heard(back(Outcome.CANCELLED)).figures(A) == Figures()


def test_versions_are_counted_apart() -> None:
    """What comes back of one says nothing of another."""
    health = heard(back(), back(Outcome.FAILED, version=B))
    assert (health.figures(A).errors, health.figures(B).errors) == (0, 1)


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=300))
def test_percentiles_are_by_nearest_rank(latencies_ms: list[int]) -> None:
    """Each is a latency that somebody had: at least that share of all are no greater, and fewer are smaller."""
    figures = heard(*(back(ms=ms) for ms in latencies_ms)).figures(A)
    for percent, ms in ((50, figures.p50_ms), (99, figures.p99_ms)):
        assert ms is not None
        assert round(ms) in latencies_ms
        assert sum(other <= round(ms) for other in latencies_ms) * 100 >= percent * len(latencies_ms)
        assert sum(other < round(ms) for other in latencies_ms) * 100 < percent * len(latencies_ms)


def test_what_is_older_than_the_window_is_forgotten() -> None:
    """A minute later only the number of requests is left; half of it later, what came in the second half."""
    clock = Clock()
    health = Health(clock=clock)
    health.hear(back(Outcome.FAILED))
    clock.now_s += 40
    health.hear(back(ms=50))
    assert (health.figures(A).errors, health.figures(A).weight) == (1, 4.0)
    clock.now_s += 21
    assert health.figures(A) == Figures(2, 1 / 60, 50.0, 50.0, 0, 2.0, 0.025)
    clock.now_s += 60
    assert health.figures(A) == Figures(requests=2)
    clock.now_s += 1000
    health.hear(back())
    assert health.figures(A) == Figures(3, 1 / 60, 10.0, 10.0, 0, 2.0, 0.005)


@pytest.mark.parametrize("per_s", [0.5, 10, 300])
@pytest.mark.parametrize("for_s", [10, 59, 60, 61.5, 200])
def test_the_rate_is_right(per_s: float, for_s: float) -> None:
    """In a young version and an old one, far below and far above what is kept singly."""
    clock = Clock()
    health = Health(clock=clock)
    began_s, count = clock.now_s, math.floor(for_s * per_s)
    for number in range(count):
        clock.now_s = began_s + number / per_s
        health.hear(back())
    clock.now_s = began_s + for_s
    figures = health.figures(A)
    assert figures.rate_per_s == pytest.approx(per_s, abs=1 / min(for_s, 59) + 1e-9)  # one more or less
    assert figures.requests == count
    assert figures.weight == pytest.approx(2 * figures.rate_per_s * min(for_s, 60), abs=2 * (1 + per_s))


def test_memory_is_bounded() -> None:
    """An hour at 100 a second: at most a minute of seconds and 4,096 latencies are there, the newest."""
    clock = Clock()
    health = Health(clock=clock)
    for number in range(360_000):
        clock.now_s = 1000 + number / 100
        health.hear(back(ms=number))
    window = health._windows[A]
    assert len(window.seconds) <= 61
    assert len(window.latencies) == 4096
    figures = health.figures(A)
    assert (round(figures.p50_ms or 0), figures.requests) == (360_000 - 2049, 360_000)


# -- lives ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("begins", [back(life=2), step(State.LOADING, 2)])
def test_a_new_life_begins_anew(begins: Released | Transitioned) -> None:
    """Nothing of the life before counts, neither what came back before, nor what comes back late."""
    health = heard(back(Outcome.FAILED), begins, back(Outcome.ABANDONED), back(life=2, ms=5))
    figures = health.figures(A)
    assert (figures.errors, figures.p50_ms, figures.requests) == (0, 5.0, 1 + isinstance(begins, Released))


def test_of_a_closed_version_nothing_is_kept() -> None:
    """Nor does it begin again with what another thread tells late; a CLOSED told late ends no later life."""
    health = heard(back(), step(State.CLOSED), back())
    assert health.figures(A) == Figures()
    for event in (step(State.LOADING, 2), back(life=2), step(State.CLOSED, 1)):
        health.hear(event)
    assert health.figures(A).requests == 1


def test_a_failed_version_shows_why_until_it_is_prepared_again() -> None:
    """FAILED keeps its figures. Prepared again, board and health speak of the same new life, whatever comes late."""
    world = World()
    health = Health(clock=world.clock)
    world.board.listen(health.hear)
    a, b = world.ready("a", "b")
    world.board.switch(Route(b))
    world.board.switch(Route(a))
    late, later = world.board.lease("k"), world.board.lease("k")
    world.board.lease("k").release(Outcome.FAILED)
    world.board.fail(a, "told so")
    assert world.board.snapshot()[a].state is State.FAILED
    late.release()
    assert (health.figures(a).requests, health.figures(a).errors) == (2, 1)
    world.board.prepare(a)
    assert health.figures(a) == Figures()
    world.board.switch(Route(a))
    with world.board.lease("k"):
        assert later.release(Outcome.FAILED)
    assert (health.figures(a).requests, health.figures(a).errors) == (1, 0)
    status = world.board.snapshot()[a]
    assert (status.state, status.incarnation, status.leases) == (State.READY, 2, 0)
    world.board.switch(Route(b))
    world.board.close(a)
    assert (health.figures(a), health.figures(b).requests) == (Figures(), 0)


# -- threads and cost ----------------------------------------------------------------------------------------------


def test_counts_are_exact_from_16_threads() -> None:
    """Each that came back is counted once, whoever looks meanwhile and whatever lives begin.

    Guard: the lock around the windows.
    """
    clock = Clock()
    health = Health(clock=clock, window_s=5)
    told = Counter[int]()

    def tell(number: int) -> None:
        for round_ in range(20):
            health.hear(back(Outcome.FAILED if number % 2 else Outcome.OK, version=VersionId(str(round_ % 2))))
            if number == 0:
                clock.now_s += 0.05
                health.figures(VersionId("0"))
            told[number] += 1

    with shaken(), crowd(16, tell):
        pass
    both = [health.figures(VersionId(name)) for name in "01"]
    assert [figures.requests for figures in both] == [160, 160]
    assert [(figures.errors, figures.weight) for figures in both] == [(80, 320.0), (80, 320.0)]
    assert set(told.values()) == {20}


@pytest.mark.drill
def test_what_hearing_costs() -> None:
    """At most 2 µs: it is in the way of every request."""
    health, event = Health(clock=time.monotonic), back()
    took_us = min(timeit.repeat(lambda: health.hear(event), number=100_000, repeat=5)) / 100_000 * 1e6
    print(f"hear: {took_us:.2f} µs")
    assert took_us < 2
