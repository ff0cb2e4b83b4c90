"""A live stream by itself: what comes in, who has it, and who is told."""

import threading
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


def test_no_chunk_is_lost_and_none_lies_with_nobody_awake() -> None:
    """Many threads put, one or another works: each chunk is taken once, by one at a time.

    Guard: who has it, and what came, are looked at under one lock.
    """
    for every in (3, 7, 15):
        with shaken(every=every, files=("streams.py",)):
            jobs: deque[LiveStream] = deque()
            come = threading.Condition()
            over, counted = threading.Event(), Counter[str]()

            def wake(live: LiveStream, jobs: deque[LiveStream] = jobs, come: threading.Condition = come) -> None:
                if live.claim():
                    with come:
                        jobs.append(live)
                        come.notify()

            live = LiveStream(StreamAsk("key"), lambda _: None, wake)

            def act(
                number: int,
                live: LiveStream = live,
                jobs: deque[LiveStream] = jobs,
                come: threading.Condition = come,
                over: threading.Event = over,
                counted: Counter[str] = counted,
            ) -> None:
                if number < 4:
                    for _ in range(60):
                        live.put(CHUNK)
                    return
                while True:
                    with come:
                        come.wait_for(lambda: bool(jobs) or over.is_set())
                        if not jobs:
                            return
                        mine = jobs.popleft()
                    counted["at once"] += 1
                    assert counted["at once"] == 1
                    counted["taken"] += len(mine.taken()[0])
                    counted["at once"] -= 1
                    if mine.release():
                        live._wake(mine)

            with crowd(7, act) as doing:
                for future in doing[:4]:
                    future.result(PATIENCE_S)
                while live._busy:
                    pass
                over.set()
                with come:
                    come.notify_all()
        assert (counted["taken"], live.waiting_chunks, live.waiting_samples) == (240, 0, 0)
