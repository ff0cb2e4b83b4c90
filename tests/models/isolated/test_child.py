"""The program of a model's process: whose it is, what it hears, and what it makes of errors."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from segue.errors import InferenceFailed, InvalidParameter, ModelInvalid
from segue.models.isolated.host import Host
from tests.models.isolated.faults import HERE


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with closing(Host(f"{HERE}:Anything", name="it")) as host:
        yield host


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_for_the_service_are_not_for_it(host: Host, name: signal.Signals) -> None:
    """Ctrl-C, or a service manager that signals every process: the service ends what is in flight first."""
    os.kill(host.call("pid"), name)
    assert host.call("echo", 1) == 1


def test_it_has_a_session_of_its_own(host: Host) -> None:
    """What a terminal sends to its foreground does not reach it."""
    assert host.call("of_python")["session"] == host.process.pid


def test_it_finds_the_modules_that_the_service_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same path, and so the same third parties; libraries get one thread a call; no token is in it."""
    monkeypatch.setenv("SEGUE_TOKEN", "secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    with closing(Host(f"{HERE}:Anything")) as other:
        found = other.call("of_python")
    assert found["path"] == sys.path
    environment = found["environment"]
    assert (environment["OPENBLAS_NUM_THREADS"], environment["OMP_NUM_THREADS"]) == ("1", "3")
    assert "SEGUE_TOKEN" not in environment


def test_errors_of_ours_come_as_themselves(host: Host) -> None:
    """By class and text; what has more to it than a text, and all others, are failed inferences. On one line."""
    with pytest.raises(InvalidParameter, match=r"^x=3: at most 2$"):
        host.call("refuse")
    with pytest.raises(InferenceFailed, match=r"^it: ValueError: what fails says so$"):
        host.call("fail")
    with pytest.raises(InferenceFailed, match=r"^it: Busy: another change$"):
        host.call("is_busy")


def test_a_model_that_exits_has_failed(host: Host) -> None:
    """``sys.exit`` ends a call, not the process."""
    with pytest.raises(InferenceFailed, match="it: SystemExit: the model has had enough"):
        host.call("exit")
    assert host.call("echo", 1) == 1


def test_an_answer_that_is_no_data_is_a_failure(host: Host) -> None:
    """And so is a method that there is not."""
    with pytest.raises(InferenceFailed, match=r"it: TypeError: .* cannot be sent"):
        host.call("unsendable")
    with pytest.raises(InferenceFailed, match=r"it: AttributeError: .*no_such"):
        host.call("no_such")


@pytest.mark.parametrize(
    ("loader", "arguments", "error", "said"),
    [
        ("no.such.module:x", (), ModelInvalid, "it: ModuleNotFoundError: No module named 'no'"),
        (f"{HERE}:NoSuch", (), ModelInvalid, "it: AttributeError: .*NoSuch"),
        ("", (), ModelInvalid, "it: ValueError: Empty module name"),
        (f"{HERE}:load_fails", ("ours",), ModelInvalid, "^w.pt: cut short$"),
        (f"{HERE}:load_fails", ("foreign",), ModelInvalid, "it: KeyError: 'weights'"),
        (f"{HERE}:load_fails", (), ModelInvalid, "it: TypeError: .*argument"),
        (
            f"{HERE}:load_leaves",
            (4,),
            ModelInvalid,
            "^it cannot be loaded: its process ended by itself, with exit status 4$",
        ),
    ],
)
def test_what_cannot_be_loaded_is_told(loader: str, arguments: tuple[object, ...], error: type, said: str) -> None:
    """An error of ours as itself, any other as a model that is none; and the process is gone."""
    with pytest.raises(error, match=said) as failure:
        Host(loader, *arguments, name="it")
    assert type(failure.value) is error


def test_it_serves_nobody_but_who_began_it() -> None:
    """One whose parent is another by the time it runs leaves, and says nothing."""
    ours, its = socket.socketpair()
    with closing(ours), closing(its):
        command = [sys.executable, "-m", "segue.models.isolated.child", "1", str(its.fileno())]
        finished = subprocess.run(command, pass_fds=[its.fileno()], capture_output=True, timeout=30, check=False)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, b"", b"")
