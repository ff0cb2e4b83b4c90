"""Any object in a process of its own, as its callers see it."""

import gc
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil
import pytest

from segue.errors import ModelDied, ModelInvalid
from segue.models.isolated.host import Host
from tests.models.isolated.faults import HERE
from tests.models.isolated.test_wire import MALFORMED, frame
from tests.models.isolated.waiting import is_gone, until


@pytest.fixture
def host() -> Iterator[Host]:
    with closing(Host(f"{HERE}:Anything", name="it")) as host:
        yield host


def test_what_is_asked_is_answered(host: Host) -> None:
    """Data goes there and comes back, by place and by name; a recording's worth of it too."""
    samples = np.random.default_rng(0).standard_normal(10_000_000, dtype=np.float32)
    np.testing.assert_array_equal(host.call("echo", samples), samples)
    assert host.call("echo", a=1, b=[b"x", None]) == {"a": 1, "b": [b"x", None]}
    assert host.call("pid") == host.process.pid


def test_threads_share_it(host: Host) -> None:
    """Two calls are in there at once; eight threads get their own answers, each of them."""
    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(lambda _: host.call("meet"), range(2))) == [0, 1]
        sizes = [1, 10, 100_000] * 100
        answers = pool.map(lambda size: host.call("echo", np.full(size, size)), sizes)
        assert [(len(answer), int(answer[0])) for answer in answers] == [(size, size) for size in sizes]


def test_more_callers_than_lines_wait() -> None:
    """With one line, calls go one after the other; nobody is lost."""
    with closing(Host(f"{HERE}:Anything", lines=1)) as narrow, ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda i: narrow.call("echo", i), range(50))) == list(range(50))


def test_what_cannot_be_sent_harms_nothing(host: Host) -> None:
    """The error is the caller's, and the next call is answered."""
    with pytest.raises(TypeError, match="cannot be sent"):
        host.call("echo", object())
    assert host.call("echo", 1) == 1


SCRIBBLES = {name: MALFORMED[name] for name in ("text that is too long", "no JSON", "objects", "too deep")} | {
    "an answer that is none": frame({"value": 5, "parts": []}),
    "an answer that is empty": frame({"value": {}, "parts": []}),
}


@pytest.mark.parametrize("data", SCRIBBLES.values(), ids=SCRIBBLES)
def test_garbage_on_its_lines_is_the_end_of_it(host: Host, data: bytes) -> None:
    """A process whose answers are no answers is killed, and its callers are told so at once."""
    began_s = time.monotonic()
    with pytest.raises(ModelDied, match="was killed: it answered") as death:
        host.call("scribble", data)
    assert time.monotonic() - began_s < 1.5
    assert "\n" not in str(death.value)
    assert is_gone(host.process.pid)


def test_garbage_while_it_loads_is_the_end_of_it() -> None:
    """As later: nothing of it is taken for a model."""
    with pytest.raises(ModelInvalid, match="it cannot be loaded: its process was killed: it answered"):
        Host(f"{HERE}:load_says", frame({"value": {}, "parts": []}), name="it")


def test_an_error_of_no_class_is_a_failed_inference(host: Host) -> None:
    """A name that comes from there makes no object here but an error of ours."""
    forged = frame({"value": {"error": "one_line", "said": "x\ny", "ours": "yes"}, "parts": []})
    with pytest.raises(Exception, match=r"^it: one_line: x y$"):
        host.call("scribble", forged)


def test_what_never_loads_is_given_up(tmp_path: Path) -> None:
    """After its time it is killed, and the reason says after how long."""
    began_s = time.monotonic()
    with pytest.raises(ModelInvalid, match=r"was killed: it had not loaded after 1\.5 s"):
        Host(f"{HERE}:slow_to_load", str(tmp_path / "pid"), name="it", start_s=1.5)
    assert time.monotonic() - began_s < 4
    assert is_gone(int((tmp_path / "pid").read_text(encoding="ascii")))


def test_one_that_stands_still_can_be_ended(host: Host) -> None:
    """Stopped, it neither answers nor ends by itself; a call that is too large for it to take ends too."""
    psutil.Process(host.process.pid).send_signal(signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(host.call, "echo", np.zeros(10_000_000))
        host.close()
        assert isinstance(call.exception(5), ModelDied)
    assert is_gone(host.process.pid)


def test_an_interrupted_call_takes_no_answer_of_another(host: Host) -> None:
    """Ctrl-C in the middle of a call: its answer may still come, so the process ends rather than answer the next."""

    class Interrupted(BaseException):
        """As KeyboardInterrupt is one."""

    def interrupt(*_: object) -> None:
        raise Interrupted

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(Interrupted):
            host.call("hang")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    with pytest.raises(ModelDied, match="a call was interrupted"):
        host.call("echo", 1)


def test_what_failed_to_load_leaves_nothing() -> None:
    """No process, no thread."""
    gc.collect()
    threads = threading.active_count()
    for _ in range(3):
        with pytest.raises(Exception, match="cut short"):
            Host(f"{HERE}:load_fails", "ours")
    until(lambda: psutil.Process().children() == [])
    assert threading.active_count() == threads


def test_it_says_what_it_is(host: Host) -> None:
    """Name, process, and whether it lives."""
    assert repr(host) == f"<Host it, <Process {host.process.pid} of it: alive>>"
    host.close()
    assert repr(host) == f"<Host it, <Process {host.process.pid} of it: was closed>>"
