"""The process of a model: ``python -m segue.models.isolated.child PARENT_PID DESCRIPTOR …``, started by host.py.

The first descriptor is the control connection: it brings what to load, takes the answer, and its end means that nobody
waits any more. Each other one is a line on which calls come one at a time, each line with a thread of its own.
"""

import ctypes
import faulthandler
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from importlib import import_module
from typing import Any

from segue.errors import SegueError, one_line
from segue.models.isolated import wire

_PR_SET_PDEATHSIG = 1
_MOST_WORDS = 2_000


def main(arguments: list[str]) -> None:
    """Load, and answer until the other side is gone."""
    parent, *descriptors = map(int, arguments)
    _belong_to(parent)
    faulthandler.enable(all_threads=False)  # a crash says where it was, for the log
    control, *lines = (_connection(descriptor) for descriptor in descriptors)
    order = wire.receive(control)
    sys.path[:] = order["path"]
    try:
        resident = _named(order["loader"])(*order["arguments"])
        answer: dict[str, Any] = {"value": None}
    except BaseException as error:  # noqa: BLE001 -- whatever it is, the other side is told
        resident, answer = None, _failure(error)
    wire.send(control, wire.pack(answer))
    for line in lines:
        threading.Thread(target=_serve, args=(line, resident), daemon=True).start()
    with suppress(OSError):
        control.recv(1)
    _leave()


def _belong_to(parent: int) -> None:
    """Hear no signal that is meant for the service, end with it, and be the first whom the system ends for memory."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # Ctrl-C or a service manager: the parent drains first
        signal.signal(name, signal.SIG_IGN)
    with suppress(AttributeError, OSError):  # not Linux: then the end of the control connection alone says it
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")


def _connection(descriptor: int) -> socket.socket:
    connection = socket.socket(fileno=descriptor)
    connection.set_inheritable(False)  # what the model starts must not hold it open
    return connection


def _named(loader: str) -> Any:
    module, _, attribute = loader.partition(":")
    found: Any = import_module(module)
    for name in attribute.split("."):
        found = getattr(found, name)
    return found


def _serve(line: socket.socket, resident: Any) -> None:
    """Answer the calls of one line, one after the other."""
    try:
        while True:
            call = wire.receive(line)
            try:
                answer = wire.pack({"value": getattr(resident, call["name"])(*call["arguments"], **call["named"])})
            except BaseException as error:  # noqa: BLE001 -- a model that exits has failed, and its caller is told
                answer = wire.pack(_failure(error))
            wire.send(line, answer)
            del call, answer  # or the line would hold them until the next one comes
    except (OSError, EOFError, wire.MalformedFrame):
        _leave()


def _failure(error: BaseException) -> dict[str, str]:
    """An error as data: its class by name, if it is one of ours, and what it says."""
    kind = type(error).__name__
    is_ours = isinstance(error, SegueError)
    return {"error": kind, "said": one_line(error)[:_MOST_WORDS], "ours": "yes" if is_ours else ""}


def _leave() -> None:
    """End now: threads may be in the model for ever."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
