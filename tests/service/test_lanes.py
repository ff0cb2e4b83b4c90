"""The threads of versions: order, bounds, company, and that nothing is lost between them."""

import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest

from segue.service.lanes import Company, Lane, Lanes
from segue.swap import VersionId
from tests.swap.threads import Gate, crowd, hectic

PATIENCE_S = 20.0


class Done:
    """What was worked on, job by job, and in what company; waits for counts."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.jobs: list[int] = []
        self.calls: list[list[int]] = []

    def __call__(self, jobs: list[int]) -> None:
        with self._changed:
            self.jobs += jobs
            self.calls.append(jobs)
            self._changed.notify_all()

    def wait(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.jobs) >= count, PATIENCE_S), self.jobs


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread brings about."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen"
        time.sleep(0.001)


def test_one_thread_does_jobs_in_order() -> None:
    """What was put first is done first, each by itself."""
    done = Done()
    lane = Lane(done, name="x", threads=1)
    for job in range(50):
        assert lane.put(job)
    done.wait(50)
    assert done.jobs == list(range(50))
    assert {len(call) for call in done.calls} == {1}


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_as_many_threads_as_there_are_jobs_and_no_more(threads: int) -> None:
    """So many jobs are under way at once, from the first burst on: none waits while a thread may still be begun."""
    gates = [Gate() for _ in range(threads)]
    under_way = iter(gates)
    most, lock, now = 0, threading.Lock(), Counter[str]()

    def work(_: list[int]) -> None:
        nonlocal most
        with lock:
            gate = next(under_way, None)
            now["running"] += 1
            most = max(most, now["running"])
        if gate:
            gate()
        with lock:
            now["running"] -= 1
            now["done"] += 1

    lane = Lane(work, name="x", threads=threads)
    for job in range(3 * threads):
        lane.put(job)
    for gate in gates:
        assert gate.reached.wait(PATIENCE_S)
    assert lane.waiting == 2 * threads
    for gate in gates:
        gate.open.set()
    until(lambda: now["done"] == 3 * threads)
    assert most == threads


def test_an_idle_thread_does_not_keep_a_second_job_waiting() -> None:
    """Two jobs that come at once when one thread is idle are both under way, though the first is never done."""
    gate, done = Gate(), Done()

    def work(jobs: list[int]) -> None:
        if jobs == [1]:
            gate()
        done(jobs)

    lane = Lane(work, name="x", threads=2)
    lane.put(0)
    done.wait(1)
    lane.put(1)
    lane.put(2)
    done.wait(2)
    assert done.jobs == [0, 2]
    gate.open.set()
    done.wait(3)


def test_jobs_that_come_fast_are_done_together_up_to_the_most() -> None:
    """While one call is under way, what comes is gathered, in order, and never more than ``most`` at once."""
    gate, done = Gate(), Done()

    def work(jobs: list[int]) -> None:
        if jobs[0] == 0:
            gate()
        done(jobs)

    lane = Lane(work, name="x", threads=1, company=Company(most=8, gather_s=0.005))
    lane.put(0)
    assert gate.reached.wait(PATIENCE_S)
    for job in range(1, 21):
        lane.put(job)
    gate.open.set()
    done.wait(21)
    assert done.jobs == list(range(21))
    assert [len(call) for call in done.calls] == [1, 8, 8, 4]


def test_a_job_that_comes_alone_waits_for_nobody() -> None:
    """When jobs are rare, a call is not put off for company that will not come: an hour's gathering is not begun."""
    done = Done()
    lane = Lane(done, name="x", threads=1, company=Company(most=8, gather_s=0.05))
    lane.put(0)
    done.wait(1)
    began_s = time.monotonic()
    time.sleep(0.2)  # rare is what is tested
    lane.put(1)
    done.wait(2)
    assert time.monotonic() - began_s < 0.2 + 0.05


def test_gathering_ends_when_it_is_full_or_late() -> None:
    """Whoever gathers goes on at once with the ``most``, and else after ``gather_s``, with whoever is there."""
    done = Done()
    lane = Lane(done, name="x", threads=2, company=Company(most=4, gather_s=30.0))
    lane._interval_s = 0.0  # jobs have come fast
    for job in range(4):
        lane.put(job)
    done.wait(4)  # long before 30 s
    assert done.calls == [[0, 1, 2, 3]]
    short = Lane(done, name="x", threads=2, company=Company(most=4, gather_s=0.01))
    short._interval_s = 0.0
    short.put(4)
    done.wait(5)
    assert done.calls[-1] == [4]


def test_whoever_gathers_is_woken_though_others_are_idle() -> None:
    """The job that makes the company full ends the gathering at once, however many threads wait beside it."""
    done, both = Done(), threading.Barrier(2)

    def work(jobs: list[int]) -> None:
        if jobs[0] < 2:
            both.wait(PATIENCE_S)  # so both threads have begun
        done(jobs)

    lane = Lane(work, name="x", threads=2, company=Company(most=4, gather_s=60.0))
    for job in range(2):
        lane._interval_s = 1000.0  # jobs are rare
        lane.put(job)
    done.wait(2)
    until(lambda: "0 waiting, 0 of 2 at work" in repr(lane))
    lane._interval_s = 0.0  # jobs come fast
    lane.put(10)
    until(lambda: lane._gathering)
    for job in range(11, 14):
        lane.put(job)
    done.wait(6)
    assert done.calls[-1] == [10, 11, 12, 13]


def test_what_is_more_than_the_company_is_done_by_another_thread() -> None:
    """What comes while one gathers, beyond what it takes, waits for no call of it. Guard: who takes wakes another."""
    done, meeting = Done(), threading.Barrier(2)

    def work(jobs: list[int]) -> None:
        meeting.wait(PATIENCE_S)  # the rest is under way as well, or nobody goes on
        done(jobs)

    lane = Lane(work, name="x", threads=2, company=Company(most=4, gather_s=60.0))
    lane._interval_s = 1000.0  # each comes alone, so that both threads begin
    lane.put(0)
    lane.put(1)
    for turn in range(20):
        until(lambda: "0 waiting, 0 of 2 at work" in repr(lane))
        lane._interval_s = 0.0
        lane.put(0)
        until(lambda: lane._gathering)
        with lane._changed:
            lane._interval_s = 1000.0  # who takes the rest waits for nobody
            for job in range(1, 5):
                lane.put(job)
        done.wait(2 + 5 * (turn + 1))
    until(lambda: "0 waiting, 0 of 2 at work" in repr(lane))
    assert sorted(map(len, done.calls)) == [1] * 22 + [4] * 20


@pytest.mark.parametrize("company", [Company(), Company(most=5, gather_s=0.0005)])
def test_no_job_is_lost_or_done_twice(company: Company) -> None:
    """Eight threads put, three work, with a scheduler in a hurry: each job is done once. Guard: the condition."""
    done = Done()
    lane = Lane(done, name="x", threads=3, company=company)

    def put(number: int) -> None:
        for job in range(500):
            lane.put(number * 1000 + job)

    with hectic(), crowd(8, put):
        pass
    done.wait(8 * 500)
    assert sorted(done.jobs) == sorted(number * 1000 + job for number in range(8) for job in range(500))
    assert max(map(len, done.calls)) <= company.most
    assert lane.waiting == 0


def test_a_fault_in_the_work_ends_no_thread(caplog: pytest.LogCaptureFixture) -> None:
    """An exception out of the work is logged, and the same thread does the next job."""
    done = Done()

    def work(jobs: list[int]) -> None:
        done(jobs)
        if jobs == [0]:
            raise RuntimeError("made to fail")

    lane = Lane(work, name="x", threads=1)
    lane.put(0)
    lane.put(1)
    done.wait(2)
    assert "made to fail" in caplog.text


def test_a_closed_lane_gives_back_what_nobody_took_and_ends_its_threads() -> None:
    """Jobs in progress end, those that wait are the caller's again, later ones are refused, no thread stays."""
    gate, done = Gate(), Done()

    def work(jobs: list[int]) -> None:
        gate()
        done(jobs)

    lane = Lane(work, name="a lane that ends", threads=1)
    for job in range(3):
        lane.put(job)
    assert gate.reached.wait(PATIENCE_S)
    assert lane.close() == [1, 2]
    assert not lane.put(3)
    gate.open.set()
    done.wait(1)
    until(lambda: not any(thread.name == "a lane that ends" for thread in threading.enumerate()))
    assert done.jobs == [0]
    idle = Lane(Done(), name="a lane that ends", threads=2)
    idle.put(0)
    idle.put(1)
    until(lambda: "0 waiting, 0 of" in repr(idle))
    assert idle.close() == []
    until(lambda: not any(thread.name == "a lane that ends" for thread in threading.enumerate()))


def test_what_waits_for_a_version_that_is_gone_is_begun_again() -> None:
    """Each version has a lane of its own; dropping one hands what waits in it back, and touches no other."""
    gate, done, again = Gate(), Done(), list[int]()

    def work(version: VersionId, jobs: list[int]) -> None:
        if version == "v1":
            gate()
        done(jobs)

    lanes: Lanes[int] = Lanes(work, again.append, name="x", threads=1)
    one, two = VersionId("v1"), VersionId("v2")
    for job in range(3):
        lanes.of(one).put(job)
    assert gate.reached.wait(PATIENCE_S)
    lanes.of(two).put(9)
    done.wait(1)
    assert lanes.waiting == 2
    lanes.drop(one)
    lanes.drop(one)  # again is once
    assert again == [1, 2]
    gate.open.set()
    done.wait(2)
    assert sorted(done.jobs) == [0, 9]
    assert lanes.of(one).put(4)  # a version that is prepared again has a new one
    done.wait(3)
