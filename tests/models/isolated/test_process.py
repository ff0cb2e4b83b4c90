"""The process of a model: it begins clean, ends with the service however that ends, and says why."""

import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from segue.errors import ModelDied
from segue.models.isolated.host import Host
from tests.models.isolated.faults import HERE
from tests.models.isolated.waiting import is_gone, until

AT_ONCE_S = 1.0


@pytest.fixture
def host() -> Iterator[Host]:
    with closing(Host(f"{HERE}:Anything", name="it")) as host:
        yield host


def open_files() -> int:
    return psutil.Process().num_fds()


@pytest.mark.parametrize(
    ("method", "argument", "why"),
    [
        ("leave", 3, "ended by itself, with exit status 3"),
        ("leave", 0, "ended by itself, with exit status 0"),
        ("signal", signal.SIGSEGV, "was killed by SIGSEGV"),
        ("signal", signal.SIGABRT, "was killed by SIGABRT"),
        ("signal", signal.SIGKILL, "was killed by SIGKILL (by the system, out of memory, or by hand)"),
        ("signal", 40, "was killed by signal 40"),
        ("crash", None, "was killed by SIGSEGV"),
    ],
)
def test_who_waits_for_an_answer_is_told_how_it_died(host: Host, method: str, argument: int, why: str) -> None:
    """At once, not after a time-out, in one line; and so is whoever comes later."""
    died_at_s = time.monotonic()
    with pytest.raises(ModelDied) as death:
        host.call(method, *([argument] if argument is not None else []))
    assert time.monotonic() - died_at_s < AT_ONCE_S
    assert str(death.value).startswith(f"it: its process (pid {host.process.pid}) {why}; ")
    assert "\n" not in str(death.value)
    with pytest.raises(ModelDied) as later:
        host.call("echo", 1)
    assert str(later.value) == str(death.value)
    assert host.process.fate == why
    assert host.process.resident_bytes == 0


def test_everybody_who_waits_is_told(host: Host) -> None:
    """Forty calls that hang, more than there are lines: killed, all of them end with the reason."""
    with ThreadPoolExecutor(40) as pool:
        calls = [pool.submit(host.call, "hang") for _ in range(40)]
        until(lambda: host.process.calls == min(16, 2 * (os.cpu_count() or 1) + 2))
        host.process.kill("made no progress")
        killed_at_s = time.monotonic()
        deaths = [call.exception(5) for call in calls]
    assert time.monotonic() - killed_at_s < AT_ONCE_S
    assert all(isinstance(death, ModelDied) and "made no progress" in str(death) for death in deaths)


@pytest.mark.parametrize("method", ["hang", "hang_whole"])
def test_what_hangs_can_be_closed(host: Host, method: str) -> None:
    """Though it holds the interpreter's own lock, and no thread in there runs any more."""
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(host.call, method)
        until(lambda: host.process.calls == 1)
        host.close()
        assert isinstance(call.exception(5), ModelDied)
    assert not psutil.pid_exists(host.process.pid)
    assert host.process.fate == "was closed"


def test_closing_gives_everything_back() -> None:
    """What it took is reported; no process is left, no zombie, no descriptor, no thread; again changes nothing."""
    gc.collect()
    before, threads = open_files(), threading.active_count()
    host = Host(f"{HERE}:Anything", name="it")
    host.call("eat", 100)
    assert host.process.resident_bytes > 100e6
    assert 100e6 < host.close() < 300e6
    assert not psutil.pid_exists(host.process.pid)
    assert host.close() == 0
    assert open_files() == before
    assert threading.active_count() == threads
    assert psutil.Process().children() == []


def test_one_that_nobody_has_any_more_ends() -> None:
    """Collected without being closed: it goes, and is reaped."""
    host = Host(f"{HERE}:Anything", name="it")
    pid = host.process.pid
    del host
    gc.collect()
    until(lambda: not psutil.pid_exists(pid))


def test_it_takes_no_more_memory_than_it_may() -> None:
    """Over its limit it is killed, and the reason says both figures; under it, it works."""
    limit = 400_000_000
    with closing(Host(f"{HERE}:Anything", name="it", most_memory_bytes=limit)) as host:
        host.call("eat", 50)
        assert host.call("echo", 1) == 1
        with pytest.raises(ModelDied, match=r"was killed: it took \d+ MB of memory, and may take 400 MB"):
            host.call("eat_on")


def test_it_goes_first_when_the_system_has_no_memory(host: Host) -> None:
    """The kernel takes the model rather than the service."""
    assert int(Path(f"/proc/{host.process.pid}/oom_score_adj").read_text(encoding="ascii")) == 1000


def test_it_inherits_nothing() -> None:
    """No file and no socket of the service is open in it: a port would stay taken for as long as it lives."""
    with socket.create_server(("127.0.0.1", 0)) as listening, closing(Host(f"{HERE}:Anything", lines=3)) as host:
        listening.set_inheritable(True)  # whatever the service's own care
        found = host.call("descriptors")
    assert sorted(target.partition(":")[0] for target in found.values() if not target.startswith("/proc/")) == [
        "/dev/null",
        *["pipe"] * 2,
        *["socket"] * 4,
    ]


def test_what_it_prints_goes_to_the_log(
    host: Host, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Both of its outputs, with its name; never to those of the service."""
    with caplog.at_level(logging.INFO):
        host.call("say", "loading\nweights\n")
        host.call("say", "beware\n", to=2)
        host.close()
    said = [message.partition(" says: ")[2] for message in caplog.messages if " says: " in message]
    assert said == ["loading", "weights", "beware"]
    assert all(message.startswith("it (pid ") for message in caplog.messages if " says: " in message)
    assert capfd.readouterr() == ("", "")


def test_last_words_are_in_the_log(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    """Of a crash, where in the model it was; and what became of it."""
    with caplog.at_level(logging.INFO):
        with pytest.raises(ModelDied):
            host.call("crash")
        host.close()
    assert any("Fatal Python error: Segmentation fault" in message for message in caplog.messages)
    assert any("in crash" in message for message in caplog.messages)
    assert any(message.endswith("was killed by SIGSEGV") for message in caplog.messages)


def test_what_it_has_started_goes_with_it(host: Host) -> None:
    """A model that keeps workers leaves none behind."""
    pid = host.call("start")
    assert psutil.pid_exists(pid)
    with pytest.raises(ModelDied):
        host.call("leave", 1)
    until(lambda: is_gone(pid))


def test_one_that_leaves_its_connections_is_ended(host: Host) -> None:
    """It lives and will never answer: that is told as soon as a death is, and it is one."""
    began_s = time.monotonic()
    with pytest.raises(ModelDied, match="has left its connections"):
        host.call("hang_up")
    assert time.monotonic() - began_s < 2 * AT_ONCE_S
    assert not psutil.pid_exists(host.process.pid)


def test_it_outlives_the_thread_that_began_it() -> None:
    """A version is loaded in a thread that ends with the change; the system would kill what such a thread has begun."""
    hosts: list[Host] = []
    thread = threading.Thread(target=lambda: hosts.append(Host(f"{HERE}:Anything")))
    thread.start()
    thread.join()
    with closing(hosts.pop()) as host:
        time.sleep(0.1)  # it would be gone by now: without a fault there is nothing to wait for
        assert host.call("echo", 1) == 1


PARENT = """
import sys, threading
from segue.models.isolated.host import Host
host = Host("tests.models.isolated.faults:Anything")
print(host.process.pid, flush=True)
for method in sys.argv[1:]:
    threading.Thread(target=host.call, args=(method,), daemon=True).start()
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("name", "busy_with"),
    [
        (signal.SIGKILL, []),
        (signal.SIGKILL, ["hang"]),
        (signal.SIGKILL, ["hang_whole"]),
        (signal.SIGTERM, ["hang_whole"]),
        (None, ["hang_whole"]),
        (None, []),
    ],
)
def test_it_ends_with_the_service(name: signal.Signals | None, busy_with: list[str]) -> None:
    """Within a second of kill -9, of any other death, and of an orderly end, whatever it does at that moment."""
    root = str(Path(__file__).parents[3])
    environment = os.environ | {"PYTHONPATH": root}
    arguments = [sys.executable, "-c", PARENT, *busy_with]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not is_gone(pid)
        if name is None:
            parent.stdin.close()
        else:
            parent.send_signal(name)
        parent.wait(10)
    assert until(lambda: is_gone(pid)) < AT_ONCE_S


def test_a_process_that_cannot_begin_is_an_error_of_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreter that is not there: nothing stays open."""
    before = open_files()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ModelDied, match=r"it: no process can begin: .*/nowhere/python"):
        Host("x:y", name="it")
    assert open_files() == before
