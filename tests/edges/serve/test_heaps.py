"""How many heaps the C library keeps."""

import os
import subprocess
import sys

import pytest

from segue.edges.serve import heaps

THREADS_THAT_ALLOCATE = """
import ctypes, sys, threading
from segue.edges.serve import heaps
if sys.argv[1] == "bound":
    heaps.bound()
libc, meeting = ctypes.CDLL(None), threading.Barrier(8)
def allocate():
    meeting.wait()
    kept = [libc.malloc(5000) for _ in range(100)]
    meeting.wait()
threads = [threading.Thread(target=allocate) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc.fdopen.restype = ctypes.c_void_p
libc.malloc_info(0, ctypes.c_void_p(libc.fdopen(1, b"w")))
libc.fflush(None)
"""


def heaps_of(argument: str, **environment: str) -> int:
    """How many heaps a process has whose eight threads have allocated."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    finished = subprocess.run(
        [sys.executable, "-c", THREADS_THAT_ALLOCATE, argument],
        env=inherited | environment,
        capture_output=True,
        check=True,
    )
    return finished.stdout.count(b"<heap nr=")


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_threads_share_few_heaps() -> None:
    """However many threads allocate; without it there are more. Who runs the server may have set another number."""
    assert heaps_of("bound") <= heaps.MOST < heaps_of("not")
    assert heaps_of("bound", MALLOC_ARENA_MAX="4") > heaps.MOST
