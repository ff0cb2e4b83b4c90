"""Whether a process is gone, and waiting for it."""

import time
from collections.abc import Callable

import psutil


def is_gone(pid: int) -> bool:
    """Whether it has ended; who has to reap it is another's affair."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def until(condition: Callable[[], object], *, within_s: float = 10) -> float:
    """Wait until it holds; how long it took."""
    began_s = time.monotonic()
    while not condition():
        assert time.monotonic() - began_s < within_s, f"it did not happen within {within_s:g} s"
        time.sleep(0.005)
    return time.monotonic() - began_s
