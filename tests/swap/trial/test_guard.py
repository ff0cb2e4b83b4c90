"""What takes a version back at once."""

import random

import pytest

from segue.swap.trial.evidence import Evidence, Fault, Side
from segue.swap.trial.guard import Guard


def trial(item: str = "", fault: Fault | None = None, *, key: str = "", excused: bool = False) -> Evidence:
    return Evidence(Side.TRIAL, key, 0.0, fault, excused, input=item)


def primary(*, fault: Fault | None = None, key: str = "", excused: bool = False) -> Evidence:
    return Evidence(Side.PRIMARY, key, 0.0, fault, excused)


def failures_needed(guard: Guard, *, key: str = "", most: int = 60) -> int:
    """How many in a row it takes, from here on."""
    for number in range(1, most):
        guard.accept(trial(f"input {number}", Fault.RAISED, key=key))
        if guard.reason:
            return number
    return most


def with_base(requests: int, *, one_in: int = 0) -> Guard:
    """Having seen the primary answer so many, failing at every so manieth."""
    guard = Guard()
    for number in range(1, requests + 1):
        failed = one_in > 0 and number % one_in == 0
        guard.accept(primary(fault=Fault.RAISED if failed else None))
    return guard


def test_three_in_a_row_on_three_inputs_are_enough() -> None:
    """Even when nothing was seen of the primary; and the reason says what the primary's rate is."""
    for seen in (0, 10, 1000):
        guard = with_base(seen)
        assert failures_needed(guard) == 3
        assert guard.reason == (
            f"3 failures in a row on as many inputs that the primary answered; its own rate is 0 of {seen:,}"
        )


def test_the_number_is_settable() -> None:
    """From 1 up."""
    assert failures_needed(Guard(in_a_row=5)) == 5
    with pytest.raises(ValueError, match="1 or more"):
        Guard(in_a_row=0)


def test_the_same_input_counts_once() -> None:
    """A caller that tries again and again is one failure, and does not end the run."""
    guard = Guard()
    for item in ("a", "a", "b", "a", "b"):
        guard.accept(trial(item, Fault.RAISED))
    assert (guard.run, guard.reason) == (2, "")
    guard.accept(trial("c", Fault.RAISED))
    assert guard.reason


def test_an_answer_ends_the_run() -> None:
    """In a row means in a row."""
    guard = Guard()
    for item in "abcdef":
        guard.accept(trial(item, Fault.RAISED))
        guard.accept(trial(item * 2, Fault.RAISED))
        guard.accept(trial("good"))
    assert guard.reason == ""


def test_a_failure_that_the_primary_shared_neither_counts_nor_ends_the_run() -> None:
    """It says nothing of the trial."""
    guard = Guard()
    for item in "abcdef":
        guard.accept(trial(item, Fault.HUNG, excused=True))
    assert (guard.run, guard.reason) == (0, "")
    for item in "ab":
        guard.accept(trial(item, Fault.RAISED))
        guard.accept(trial("bad", Fault.RAISED, excused=True))
    assert guard.run == 2


@pytest.mark.parametrize(
    ("one_in", "answered", "needed"),
    [(1000, 0, 3), (1000, 9000, 3), (100, 0, 3), (100, 1000, 4), (20, 0, 5), (20, 9000, 6), (5, 0, 9), (5, 9000, 11)],
)
def test_the_more_the_primary_fails_the_longer_a_run_it_takes(one_in: int, answered: int, needed: int) -> None:
    """At 0.1 % three, at 5 % five or six: longer too, the more requests on trial had the chance of one."""
    guard = with_base(4500, one_in=one_in)
    for _ in range(answered):
        guard.accept(trial())
    assert failures_needed(guard) == needed


def test_an_incident_of_the_last_minute_counts_more_than_a_good_past() -> None:
    """When half of all fails, three in a row are nothing."""
    guard = with_base(20_000)
    for _ in range(30):
        guard.accept(primary(fault=Fault.RAISED))
        guard.accept(primary())
    assert failures_needed(guard) > 6


def test_failures_of_one_key_are_less_surprising_where_failures_come_together() -> None:
    """As the primary's keys have shown it."""
    guard = with_base(2000)
    for number in range(20):
        for _ in range(10):
            guard.accept(primary(fault=Fault.RAISED, key=f"bad {number}"))
        guard.accept(primary(key=f"bad {number}"))
    for _ in range(20_000):
        guard.accept(primary())
    assert failures_needed(guard, key="one") > 20
    assert failures_needed(with_base(2000), key="one") == 3


def test_a_key_on_trial_may_be_worse_than_those_of_the_primary() -> None:
    """Of twenty keys that fail in 1 of 10: of one key it takes seven in a row, of as many keys six."""
    needed = []
    for key in ("one", ""):
        guard, draw = Guard(), random.Random(1)
        for number in range(4000):
            guard.accept(primary(fault=Fault.RAISED if draw.random() < 0.1 else None, key=f"{number % 20}"))
        needed.append(failures_needed(guard, key=key))
    assert needed == [7, 6]


@pytest.mark.parametrize(
    ("fault", "word"), [(Fault.HUNG, "hung"), (Fault.DIED, "died"), (Fault.MALFORMED, "malformed")]
)
def test_a_hang_or_a_malformed_answer_is_enough(fault: Fault, word: str) -> None:
    """Unless the primary has had one: then it is a failure like others."""
    guard = with_base(100)
    guard.accept(trial("a", fault))
    assert word in guard.reason
    guard = with_base(100)
    guard.accept(primary(fault=fault))
    guard.accept(trial("a", fault))
    assert (guard.run, guard.reason) == (1, "")


def test_an_alarm_is_told_and_stays() -> None:
    """The first is the reason."""
    guard = Guard()
    guard.alarm("memory 2.1 GB, 1.5 GB are allowed")
    guard.alarm("another")
    assert failures_needed(guard) == 1
    assert guard.reason == "memory 2.1 GB, 1.5 GB are allowed"


def test_memory_is_bounded() -> None:
    """A primary that fails with ever new keys, and a run that never ends."""
    guard = Guard()
    for number in range(3000):
        guard.accept(primary(fault=Fault.RAISED, key=f"key {number}"))
    for number in range(3000):
        guard.accept(trial(f"input {number}", Fault.RAISED))
    assert guard.run <= 256
    assert guard.reason == ""
