"""Places: so many in all, so many a client, and they come back whatever happens."""

import threading
import time
from contextlib import ExitStack

import pytest

from segue.errors import Overloaded, ShuttingDown, TooManyRequests
from segue.service.admission import Admission, admissions
from segue.service.rate import Rate
from segue.settings import read_settings
from tests.swap.threads import PATIENCE_S, crowd, hectic, shaken


def test_no_more_than_the_most_are_taken() -> None:
    """Beyond the limit a request is refused with the time after which to come again; a place given back is free."""
    admission = Admission(most=2, most_per_client=2, what="recordings")
    with admission.place("a"), admission.place("b"):
        with pytest.raises(Overloaded, match="2 recordings are under way") as refused, admission.place("c"):
            pass
        assert refused.value.retry_after_s >= 1
    with admission.place("c"):
        assert admission.taken == 1
    assert (admission.taken, admission.refused) == (0, 1)


def test_one_client_has_a_share_and_others_the_rest() -> None:
    """A client over its share is told so, while another one still gets a place."""
    admission = Admission(most=4, most_per_client=3, what="recordings")
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(admission.place("a"))
        with pytest.raises(TooManyRequests, match="its share of 4"), admission.place("a"):
            pass
        stack.enter_context(admission.place("b"))
    with admission.place("a"):
        pass


def test_who_comes_too_often_is_refused_though_there_is_room() -> None:
    """With a rate that two admissions share, a client's third beginning is refused and counted, and holds no place."""
    rate = Rate(2, clock=lambda: 0.0)
    recordings = Admission(most=9, most_per_client=9, what="recordings", rate=rate)
    streams = Admission(most=9, most_per_client=9, what="streams", rate=rate)
    with recordings.place("a"), streams.place("a"):
        for admission in (recordings, streams):
            with pytest.raises(TooManyRequests, match="more than 2 recordings and streams a second"):
                admission.place("a").__enter__()
        with streams.place("b"):
            pass
    assert [(each.taken, each.refused) for each in (recordings, streams)] == [(0, 1), (0, 1)]


def test_a_batch_takes_no_place_of_a_stream_nor_a_stream_of_a_batch() -> None:
    """Of one client: its share of recordings full, its streams are let in, and the other way round."""
    given = read_settings(max_requests=4, max_requests_per_client=3, max_streams=4, max_streams_per_client=2)
    recordings, streams = admissions(given)
    for full, most, other in ((recordings, 3, streams), (streams, 2, recordings)):
        with ExitStack() as stack:
            for _ in range(most):
                stack.enter_context(full.place("a"))
            with pytest.raises(TooManyRequests):
                full.place("a").__enter__()
            stack.enter_context(other.place("a"))
            stack.enter_context(full.place("b"))


def test_a_place_comes_back_when_the_work_fails() -> None:
    """An exception, of whatever kind, gives the place back."""
    admission = Admission(most=1, most_per_client=1, what="recordings")
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), admission.place("a"):
            raise error
    with admission.place("a"):
        assert admission.taken == 1


def test_a_closed_service_takes_nothing_and_waits_for_what_it_has() -> None:
    """After close every request is told to come again elsewhere; wait_empty ends with the last place, or in time."""
    admission = Admission(most=2, most_per_client=2, what="streams")
    place = admission.place("a")
    place.__enter__()
    admission.close()
    with pytest.raises(ShuttingDown), admission.place("b"):
        pass
    assert not admission.wait_empty(0.01)
    leaving = threading.Timer(0.05, lambda: place.__exit__(None, None, None))
    leaving.start()
    began_s = time.monotonic()
    assert admission.wait_empty(2 * PATIENCE_S)
    assert time.monotonic() - began_s < PATIENCE_S  # it is woken
    leaving.join()


def test_places_are_counted_right_by_many_threads() -> None:
    """Sixteen threads that come and go leave nothing behind, and never more than the most. Guard: the lock."""
    admission, most_seen = Admission(most=5, most_per_client=3, what="recordings"), [0]

    def come_and_go(number: int) -> None:
        for _ in range(60):
            try:
                with admission.place(str(number % 3)):
                    most_seen[0] = max(most_seen[0], admission.taken)
            except (Overloaded, TooManyRequests):
                pass

    with hectic(), shaken(files=("admission.py",)), crowd(16, come_and_go):
        pass
    assert admission.taken == 0
    assert 1 <= most_seen[0] <= 5
    with ExitStack() as stack:
        for client in "aabbb":
            stack.enter_context(admission.place(client))
