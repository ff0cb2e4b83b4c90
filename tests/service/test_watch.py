"""Calls that make no progress are given up, once; the others are left alone."""

import threading
import time

import pytest

from segue.service.watch import Watch
from tests.swap.threads import PATIENCE_S


def test_only_what_has_stalled_is_given_up_and_once() -> None:
    """A call without progress is given up at the next look and never again; one that beats is not."""
    watch, gone = Watch(0.05), list[str]()
    with watch.over(lambda: gone.append("slow")) as slow, watch.over(lambda: gone.append("quick")) as quick:
        watch.look()
        assert gone == []
        slow.beat_at_s -= 1
        quick.beat_at_s -= 1
        quick.beat()
        watch.look()
        watch.look()
        assert gone == ["slow"]


def test_one_that_may_come_back_is_looked_at_again() -> None:
    """Given up with the answer True it has another ``stall_s``, and then is given up for good, unless it is over."""
    watch, gone = Watch(0.05), list[str]()

    def give_up() -> bool:
        gone.append("x")
        return len(gone) < 2

    with watch.over(give_up) as running:
        for seen in (1, 1, 2, 2):
            if len(gone) < seen:
                running.beat_at_s -= 1
            watch.look()
            assert len(gone) == seen
            running.beat_at_s -= 1 if seen == 2 else 0
    assert watch._running == set()


def test_a_process_that_stood_still_has_not_stalled() -> None:
    """Nobody looked for longer than the limit: the machine slept, and each call has its time from then on."""
    watch, gone = Watch(0.05), list[str]()
    with watch.over(lambda: gone.append("x")) as running:
        running.beat_at_s -= 10
        watch._looked_at_s -= 11
        watch.look()
        assert gone == []
        running.beat_at_s -= 5
        watch.look()
        assert gone == ["x"]


def test_a_call_may_have_a_limit_of_its_own() -> None:
    """One that is on trial has less time than the others."""
    watch, gone = Watch(10), list[str]()
    with watch.over(lambda: gone.append("short"), limit_s=0.5) as short, watch.over(lambda: gone.append("x")) as other:
        short.beat_at_s -= 1
        other.beat_at_s -= 1
        watch.look()
    assert gone == ["short"]


def test_a_call_that_is_over_is_not_given_up() -> None:
    """However long it took: after the block nobody looks at it."""
    watch, gone = Watch(0.05), list[str]()
    with watch.over(lambda: gone.append("x")) as running:
        running.beat_at_s -= 1
    watch.look()
    assert gone == []


def test_a_call_that_raises_is_over_too() -> None:
    """An exception out of the block ends the watching."""
    watch, gone = Watch(0.05), list[str]()
    try:
        with watch.over(lambda: gone.append("x")) as running:
            running.beat_at_s -= 1
            raise ValueError
    except ValueError:
        pass
    watch.look()
    assert gone == []


def test_calls_come_and_go_while_somebody_looks() -> None:
    """Threads that begin and end calls disturb no look, and none of theirs is given up. Guard: the lock."""
    watch, gone, over = Watch(60.0), list[str](), threading.Event()

    def call() -> None:
        while not over.is_set():
            with watch.over(lambda: gone.append("x")):
                pass

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    until_s = time.monotonic() + 0.3
    try:
        while time.monotonic() < until_s:
            watch.look()
    finally:
        over.set()
        for thread in threads:
            thread.join(PATIENCE_S)
    assert gone == []


def test_one_that_cannot_be_given_up_keeps_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """What goes wrong in giving up one call is logged, and the others that have stalled are given up all the same."""
    watch, gone = Watch(-1.0), list[str]()

    def fail() -> None:
        gone.append("x")
        raise RuntimeError("made to fail")

    with watch.over(fail), watch.over(fail), watch.over(fail):
        watch.look()
        watch.look()
    assert len(gone) == 3
    assert caplog.text.count("made to fail") >= 3
