"""How often a client may begin something."""

import threading

import pytest

from segue.errors import TooManyRequests
from segue.service import rate
from segue.service.rate import Rate
from tests.swap.threads import crowd, hectic


class Clock:
    """Stands until it is set."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def taken(bucket: Rate, client: str, *, tries: int) -> int:
    """How many of so many tries were let in."""
    count = 0
    for _ in range(tries):
        try:
            bucket.take(client)
            count += 1
        except TooManyRequests:
            pass
    return count


def test_a_client_may_begin_a_seconds_worth_at_once_and_then_at_the_rate() -> None:
    """Five at once, then one each fifth of a second; whoever waits long has no more than a second's worth."""
    clock = Clock()
    bucket = Rate(5, clock=clock)
    assert taken(bucket, "a", tries=9) == 5
    for _ in range(10):
        clock.now_s += 0.2
        assert taken(bucket, "a", tries=3) == 1
    clock.now_s += 3600
    assert taken(bucket, "a", tries=9) == 5


def test_less_than_one_a_second_lets_one_in() -> None:
    """One in ten seconds; the refusal says how long to wait, and it is let in then."""
    clock = Clock()
    bucket = Rate(0.1, clock=clock)
    bucket.take("a")
    clock.now_s += 2.5
    with pytest.raises(TooManyRequests, match=r"more than 0\.1 recordings") as refused:
        bucket.take("a")
    assert refused.value.retry_after_s == 8
    clock.now_s += 8
    bucket.take("a")


def test_a_client_does_not_use_up_anothers() -> None:
    """Each has a bucket of its own."""
    bucket = Rate(2, clock=Clock())
    assert [taken(bucket, client, tries=5) for client in "aba"] == [2, 2, 0]


def test_without_a_rate_there_is_no_bound() -> None:
    """None, the default, lets everything in and remembers nobody."""
    bucket = Rate(None)
    assert taken(bucket, "a", tries=10_000) == 10_000
    assert not bucket._free_at_s


def test_clients_that_are_gone_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many addresses come, no more are held than the bound and those of the last second."""
    monkeypatch.setattr(rate, "_MOST_KNOWN", 100)
    clock = Clock()
    bucket = Rate(10, clock=clock)
    for number in range(10_000):
        bucket.take(str(number))
        clock.now_s += 0.01
    assert len(bucket._free_at_s) <= 101


def test_many_threads_get_no_more_than_the_rate() -> None:
    """What sixteen threads take together is what one would get. Guard: the lock."""
    bucket, counts, lock = Rate(50, clock=Clock()), [], threading.Lock()

    def take(_: int) -> None:
        count = taken(bucket, "a", tries=20)
        with lock:
            counts.append(count)

    with hectic(), crowd(16, take):
        pass
    assert sum(counts) == 50
