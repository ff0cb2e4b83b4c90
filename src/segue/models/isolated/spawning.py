"""How the process of a model begins: a new program, in a session of its own, with the descriptors that it is given.

In a thread that lives as long as the service: the system takes the *thread* that began a process for its parent, and
kills the process when that ends (``PR_SET_PDEATHSIG``), and versions are loaded in threads that end with the change.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeAlias

_MODULE = "segue.models.isolated.child"

Child: TypeAlias = "subprocess.Popen[bytes]"
_Asked: TypeAlias = tuple[Sequence[int], int, Future[Child]]

_lock = threading.Lock()  # guards that there is one thread
_asked: SimpleQueue[_Asked] | None = None


def spawn(connections: Sequence[int], output: int) -> Child:
    """Begin one with these connections, what it prints going to ``output``. Raises OSError."""
    global _asked
    with _lock:
        if _asked is None:
            _asked = SimpleQueue()
            threading.Thread(target=_begin, args=(_asked,), name="begins processes", daemon=True).start()
    future: Future[Child] = Future()
    _asked.put((connections, output, future))
    return future.result()


def _begin(asked: SimpleQueue[_Asked]) -> None:
    while True:
        connections, output, future = asked.get()
        try:
            future.set_result(_spawned(connections, output))
        except BaseException as error:  # noqa: BLE001 -- it is that of who asked
            future.set_exception(error)
        del future


def _spawned(connections: Sequence[int], output: int) -> Child:
    environment = {name: value for name, value in os.environ.items() if name != "SEGUE_TOKEN"}
    # Calls bring the threads, as in the service itself; and see edges/serve/heaps.py.
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        environment.setdefault(name, "1")
    environment.setdefault("MALLOC_ARENA_MAX", "2")
    # -P: no module of the working directory.
    return subprocess.Popen(
        [sys.executable, "-P", "-m", _MODULE, str(os.getpid()), *map(str, connections)],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        pass_fds=connections,
        start_new_session=True,
        env=environment,
    )
