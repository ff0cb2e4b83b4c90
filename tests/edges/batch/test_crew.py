"""Threads that do jobs, answers in order."""

import threading

import pytest

from segue.edges.batch.crew import Checkpoint, Crew


def test_answers_come_in_the_order_of_the_jobs() -> None:
    """A slow first job holds back the answers of those behind it, and none is lost or doubled."""
    others_done = threading.Event()

    def work(job: int, _: Checkpoint) -> int:
        if job == 0:
            assert others_done.wait(30)
        if job == 9:
            others_done.set()
        return job * job

    crew = Crew(work, range(10), threads=2, ahead=10)
    assert [answer for answer in crew.answers(poll_s=0.01) if answer is not None] == [n * n for n in range(10)]
    assert crew.join(30)


def test_no_more_than_ahead_are_begun() -> None:
    """While the first job waits, no more than ``ahead`` jobs are begun, however many there are."""
    release, begun, filled = threading.Event(), [], threading.Event()

    def work(job: int, _: Checkpoint) -> int:
        begun.append(job)
        if len(begun) == 5:
            filled.set()
        if job == 0:
            assert release.wait(30)
        return job

    crew = Crew(work, range(100), threads=2, ahead=5)
    answers = crew.answers(poll_s=0.01)
    assert next(answers) is None
    assert filled.wait(30)
    assert next(answers) is None
    assert len(begun) == 5
    release.set()
    assert [answer for answer in answers if answer is not None] == list(range(100))


def test_after_a_stop_what_was_done_out_of_turn_is_there() -> None:
    """Answers behind a job that never ended are not lost: ``rest`` has them in order, once."""
    release, done = threading.Event(), threading.Event()

    def work(job: int, checkpoint: Checkpoint) -> int:
        if job == 0:
            assert release.wait(30)
            checkpoint()
        if job == 4:
            done.set()
            assert release.wait(30)
        return job

    crew = Crew(work, range(9), threads=2, ahead=9)
    answers = crew.answers(poll_s=0.01)
    assert next(answers) is None
    assert done.wait(30)
    crew.stop()
    assert list(answers) == []
    release.set()
    assert crew.join(30)
    assert crew.rest() == [1, 2, 3, 4]
    assert crew.rest() == []


def test_never_more_than_threads_at_once() -> None:
    """With three threads, three jobs run at once and never four."""
    lock, together, running, most = threading.Lock(), threading.Barrier(3), 0, 0

    def work(job: int, _: Checkpoint) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        together.wait(30)
        with lock:
            running -= 1
        return job

    crew = Crew(work, range(9), threads=3, ahead=9)
    assert len([answer for answer in crew.answers() if answer is not None]) == 9
    assert most == 3


def test_stop_ends_work_at_its_next_checkpoint() -> None:
    """After stop no job is begun, those under way end at a checkpoint without an answer, and the answers end."""
    begun = threading.Event()

    def work(job: int, checkpoint: Checkpoint) -> int:
        while job:
            begun.set()
            checkpoint()
        return job

    crew = Crew(work, range(10), threads=1, ahead=10)
    answers = crew.answers(poll_s=0.01)
    assert next(answer for answer in answers if answer is not None) == 0
    assert begun.wait(30)
    crew.stop()
    assert list(answers) == []
    assert crew.join(30)
    assert repr(crew) == "Crew(1 threads, 2 of 10 begun, 1 given)"


def test_what_work_raises_ends_all_and_is_raised() -> None:
    """An exception of the work reaches who reads the answers, after the answers before it."""

    def work(job: int, _: Checkpoint) -> int:
        if job == 2:
            raise OSError("the disk is full")
        return job

    crew = Crew(work, range(1000), threads=1, ahead=1)
    with pytest.raises(OSError, match="full"):
        list(crew.answers(poll_s=0.01))
    assert crew.join(30)


def test_no_jobs_no_answers() -> None:
    """Without jobs the answers end at once."""
    assert list(Crew(lambda job, _: job, [], threads=1, ahead=1).answers()) == []
