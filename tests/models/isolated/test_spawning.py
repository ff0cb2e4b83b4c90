"""How a model's process begins: in one thread, and as a new program."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from segue.models.isolated.spawning import spawn


def test_one_thread_begins_them_all_and_stays() -> None:
    """Whoever asks, from however many threads at once; what begins has the output that it was given."""
    reading, writing = os.pipe()
    with ThreadPoolExecutor(4) as pool:
        children = list(pool.map(lambda _: spawn([], writing), range(4)))
    os.close(writing)
    with os.fdopen(reading, "rb") as output:
        said = output.read().decode()
    assert [child.wait(30) for child in children] == [1] * 4
    assert said.count("ValueError") == 4  # no connection was given: that is all that these have to say
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("begins processes") == 1


def test_an_error_is_that_of_who_asked() -> None:
    """And the thread goes on."""
    with pytest.raises(OSError, match="Bad file descriptor"):
        spawn([], 10**6)
    with pytest.raises(OSError, match="Bad file descriptor"):
        spawn([], 10**6)
