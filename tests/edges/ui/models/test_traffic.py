"""What came back, moment by moment."""

import threading

import pytest

from segue.edges.ui.models.traffic import MOMENTS, STEP_S, Traffic
from segue.swap import Outcome, Released, Switched, VersionId

ONE, TWO = VersionId("one"), VersionId("two")


class Clock:
    """Seconds, as they are set."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def released(version: VersionId, latency_ms: float, outcome: Outcome = Outcome.OK) -> Released:
    return Released(version, 1, "key", outcome, latency_ms / 1000, 1.0, None)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def traffic(clock: Clock) -> Traffic:
    return Traffic(clock)


def test_each_moment_has_its_own_figures(traffic: Traffic, clock: Clock) -> None:
    """Rate, latency and errors are of the moment that they fell into; the one under way is not told yet."""
    for latency_ms in (10, 10, 10, 400):
        traffic.hear(released(ONE, latency_ms))
    traffic.hear(released(ONE, 5000, Outcome.FAILED))
    assert not any(course.rate_per_s[-1] for course in traffic.courses(6))
    clock.now_s += STEP_S
    traffic.hear(released(TWO, 20))
    (course,) = traffic.courses(6)
    assert len(course.rate_per_s) == len(course.p50_ms) == len(course.errors) == MOMENTS
    assert (course.version, course.rate_per_s[-1], course.errors[-1]) == (ONE, 5 / STEP_S, 1)
    assert course.p50_ms[-1] == pytest.approx(10, rel=0.05)
    assert course.p99_ms[-1] == pytest.approx(400, rel=0.05)
    assert (course.rate_per_s[-2], course.p50_ms[-2]) == (0.0, None)
    clock.now_s += STEP_S
    one, two = traffic.courses(6)
    assert (one.rate_per_s[-1], one.rate_per_s[-2], two.rate_per_s[-1]) == (0.0, 5 / STEP_S, 1 / STEP_S)


def test_latencies_are_right_to_a_twentieth(traffic: Traffic, clock: Clock) -> None:
    """From a tenth of a millisecond to a minute; what is beyond is held at the ends."""
    for latency_ms in (0.1, 0.33, 1, 7.7, 99, 1234, 60_000):
        traffic.hear(released(ONE, latency_ms))
        clock.now_s += STEP_S
        assert traffic.courses(1)[0].p50_ms[-1] == pytest.approx(latency_ms, rel=0.05)
    traffic.hear(released(ONE, 0))
    clock.now_s += STEP_S
    assert traffic.courses(1)[0].p50_ms[-1] == pytest.approx(0.05, rel=0.05)


def test_what_says_nothing_of_a_version_is_not_counted(traffic: Traffic, clock: Clock) -> None:
    """Neither what was cancelled, nor other facts."""
    traffic.hear(released(ONE, 1, Outcome.CANCELLED))
    traffic.hear(Switched("switch", None, None, 1, "", ""))
    clock.now_s += STEP_S
    assert traffic.courses(6) == ()


def test_where_all_failed_there_is_no_latency(traffic: Traffic, clock: Clock) -> None:
    """Errors are told, a percentile of nothing is none."""
    traffic.hear(released(ONE, 1, Outcome.ABANDONED))
    clock.now_s += STEP_S
    (course,) = traffic.courses(6)
    assert (course.errors[-1], course.p50_ms[-1], course.p99_ms[-1]) == (1, None, None)


def test_the_busiest_are_told_by_name_and_the_old_are_forgotten(traffic: Traffic, clock: Clock) -> None:
    """No more versions than are wanted; after five minutes nothing is left of them."""
    for number in range(9):
        for _ in range(number + 1):
            traffic.hear(released(VersionId(f"v{9 - number}"), 1))
    clock.now_s += STEP_S
    assert [course.version for course in traffic.courses(3)] == ["v1", "v2", "v3"]
    clock.now_s += MOMENTS * STEP_S
    assert traffic.courses(6) == ()


def test_memory_is_bounded(traffic: Traffic, clock: Clock) -> None:
    """However long it hears and however much the latencies differ, it keeps five minutes of a few hundred lines."""
    for number in range(20_000):
        traffic.hear(released(ONE, 1 + number % 5000))
        clock.now_s += 0.1
    (course,) = traffic.courses(6)
    assert sum(course.rate_per_s) * STEP_S == pytest.approx(MOMENTS * STEP_S / 0.1, rel=0.02)
    moments = traffic._moments
    assert len(moments) == MOMENTS + 1
    assert max(len(cell.lines) for _, cells in moments for cell in cells.values()) < 300


def test_many_threads_lose_nothing(traffic: Traffic, clock: Clock) -> None:
    """It is told by the threads of the requests, all at once."""

    def tell() -> None:
        for _ in range(2000):
            traffic.hear(released(ONE, 3))

    threads = [threading.Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    clock.now_s += STEP_S
    assert traffic.courses(1)[0].rate_per_s[-1] == 8000 / STEP_S
