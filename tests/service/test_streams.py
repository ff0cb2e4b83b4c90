"""A live stream by itself: what comes in, who has it, and who is told."""

import threading
import time
from collections import Counter, deque
from typing import Any

import numpy as np
import pytest

from segue.errors import InferenceFailed
from segue.service.streams import DEADLINES_S, Failed, Finished, LiveStream, Message, Policy, StreamAsk
from tests.swap.models import Clock
from tests.swap.threads import PATIENCE_S, crowd, shaken

CHUNK = np.zeros(160, np.int16)


def stream(**ask: Any) -> tuple[LiveStream, list[list[Message]], list[LiveStream]]:
    """One that nobody has; what it tells, and how often it wakes somebody."""
    told: list[list[Message]] = []
    woken: list[LiveStream] = []
    return LiveStream(StreamAsk("key", **ask), told.append, woken.append, Clock()), told, woken


def test_whatever_comes_wakes_somebody() -> None:
    """Audio, the end, and that nobody listens."""
    live, _, woken = stream()
    live.put(CHUNK)
    live.finish()
    live.close()
    assert woken == [live, live, live]


def test_one_has_it_at_a_time() -> None:
    """Who claims it has it until the release; once it is over nobody has it."""
    live, *_ = stream()
    assert live.claim()
    assert not live.claim()
    live.release()
    assert live.claim()
    live.place.is_over = True
    live.release()
    assert not live.claim()


def test_who_lets_go_is_told_what_waits() -> None:
    """Audio, the end of it unless the model has had that, and that nobody listens; nothing of one that is over."""
    live, *_ = stream()
    assert not live.release()
    live.put(CHUNK)
    assert live.release()
    live.taken()
    assert not live.release()
    live.finish()
    assert live.release()
    live.place.has_ended = True
    assert not live.release()
    live.close()
    assert live.release()
    live.place.is_over = True
    assert not live.release()


def test_what_came_is_taken_once_and_in_order() -> None:
    """With the word that it is all; and it is known how much waits."""
    live, *_ = stream()
    chunks = [np.full(size, size, np.int16) for size in (1, 160, 3)]
    for chunk in chunks:
        live.put(chunk)
    assert (live.waiting_samples, live.waiting_chunks) == (164, 3)
    assert "164 samples waiting" in repr(live)
    taken, ending = live.taken()
    assert [len(chunk) for chunk in taken] == [1, 160, 3]
    assert not ending
    assert (live.waiting_samples, live.waiting_chunks) == (0, 0)
    live.finish()
    assert live.taken() == ([], True)


def test_after_its_end_nothing_is_kept() -> None:
    """Neither after finish, nor when it is over: nobody would take it."""
    live, *_ = stream()
    live.finish()
    live.put(CHUNK)
    assert live.waiting_samples == 0
    live, *_ = stream()
    live.place.is_over = True
    live.put(CHUNK)
    assert live.waiting_samples == 0


def test_nobody_is_told_who_does_not_listen() -> None:
    """After close; and a listener that raises is asked no second time, but the stream must end: it counts as closed."""
    live, told, _ = stream()
    live.tell([Finished(0)])
    live.close()
    live.tell([Finished(1)])
    assert told == [[Finished(0)]]

    def deaf(_: list[Message]) -> None:
        raise RuntimeError("made to fail")

    live = LiveStream(StreamAsk("key"), deaf, lambda _: None)
    live.tell([Failed(InferenceFailed("x"))])
    assert live.is_closed
    assert live.release()


def test_idle_is_a_second_without_audio() -> None:
    """From its opening, or from the last chunk."""
    live, *_ = stream()
    clock: Any = live._clock
    clock.now_s += 1.0
    assert not live.is_idle()
    clock.now_s += 0.1
    assert live.is_idle()
    live.put(CHUNK)
    assert not live.is_idle()


@pytest.mark.parametrize("policy", Policy)
def test_a_policy_has_its_deadline_unless_the_stream_says(policy: Policy) -> None:
    """Follow at once, at-silence a minute, pin ten; 0 is a deadline too."""
    assert StreamAsk("key", policy=policy).patience_s == DEADLINES_S[policy]
    assert StreamAsk("key", policy=policy, deadline_s=0.0).patience_s == 0.0
    assert DEADLINES_S == {Policy.FOLLOW: 0.0, Policy.AT_SILENCE: 60.0, Policy.PIN: 600.0}


class _Workers:
    """Threads that put and threads that work, at one stream."""

    def __init__(self) -> None:
        self.jobs: deque[LiveStream] = deque()
        self.come = threading.Condition()
        self.is_over = False
        self.counted = Counter[str]()
        self.live = LiveStream(StreamAsk("key"), lambda _: None, self.wake)

    def wake(self, live: LiveStream) -> None:
        if live.claim():
            with self.come:
                self.jobs.append(live)
                self.come.notify()

    def put(self) -> None:
        """One or a few, when those before were taken: so that none wakes anybody for another."""
        for number in range(200):
            for _ in range(1 + number % 3):
                self.live.put(CHUNK)
            deadline_s = time.monotonic() + 2.0
            while self.live.waiting_chunks:
                assert time.monotonic() < deadline_s, "it lies there, and nobody is awake"

    def work(self) -> None:
        while True:
            with self.come:
                self.come.wait_for(lambda: bool(self.jobs) or self.is_over)
                if not self.jobs:
                    return
                live = self.jobs.popleft()
            self.counted["begun"] += 1
            together = self.counted["begun"] - self.counted["done"]
            self.counted["at once"] = max(together, self.counted["at once"])
            self.counted["taken"] += len(live.taken()[0])
            self.counted["done"] += 1
            if live.release():
                self.wake(live)

    def end(self) -> None:
        with self.come:
            self.is_over = True
            self.come.notify_all()


@pytest.mark.parametrize("every", [3, 6])
def test_no_chunk_is_lost_and_none_lies_with_nobody_awake(every: int) -> None:
    """Many threads put, one or another works: each chunk is taken once, by one at a time.

    Guard: who has it, and what came, are looked at under one lock.
    """
    with shaken(every=every, files=("streams.py",)):
        workers = _Workers()
        with crowd(5, lambda number: workers.put() if number < 2 else workers.work()) as doing:
            try:
                for future in doing[:2]:
                    future.result(PATIENCE_S)
                deadline_s = time.monotonic() + 1.0
                while workers.live._busy and time.monotonic() < deadline_s:
                    pass
            finally:
                workers.end()
    counted = workers.counted
    assert (counted["taken"], counted["at once"]) == (2 * 399, 1)
    assert (workers.live.waiting_chunks, workers.live.waiting_samples) == (0, 0)


def test_a_chunk_that_comes_while_it_is_let_go_wakes_somebody() -> None:
    """Either who lets go sees it, or who brings it may claim the stream.

    Guard: what waits is looked at, and the stream let go of, under the lock under which a chunk comes in.
    """
    claimed: list[bool] = []
    live = LiveStream(StreamAsk("key"), lambda _: None, lambda live: claimed.append(live.claim()))
    bringing = threading.Thread(target=live.put, args=(CHUNK,))

    class Looked(list[Any]):
        """In the moment in which it is looked at, somebody brings a chunk."""

        def __bool__(self) -> bool:
            if bringing.ident is None:
                bringing.start()
                bringing.join(0.2)  # without the guard it is done by then; with it, it cannot be
                return False
            return len(self) > 0

    assert live.claim()
    live._audio = Looked()
    sees = live.release()
    bringing.join(PATIENCE_S)
    assert sees or claimed == [True]
    assert live.waiting_chunks == 1


def test_how_long_it_waits_counts_from_the_oldest_that_is_not_decided() -> None:
    """Chunks that come later change nothing, nor does a round that takes more before anything was decided."""
    clock = Clock()
    live = LiveStream(StreamAsk("key"), lambda _: None, lambda _: None, clock)
    began_s = clock()
    live.put(CHUNK)
    clock.now_s += 1
    live.put(CHUNK)
    live.taken()
    clock.now_s += 1
    live.finish()
    live.taken()
    assert live.place.undecided_since_s == began_s
    live.place.undecided_since_s = None
    live.taken()
    assert live.place.undecided_since_s is None
