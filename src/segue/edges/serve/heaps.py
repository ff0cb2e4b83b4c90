"""How many heaps the C library keeps (``M_ARENA_MAX`` of glibc's mallopt)."""

import ctypes
import os

MOST = 2
_M_ARENA_MAX = -8


def bound() -> None:
    """Keep few heaps; to be called while there is but one thread. Where that cannot be set, nothing happens.

    glibc gives threads heaps of their own, up to eight a core. Versions are loaded, run and closed in ever new threads,
    and what is left here and there keeps each heap from shrinking: over 1,000 switches the process grew by 50 MB, with
    two heaps by 14, and answered as many requests. Threads cache small pieces themselves, so few of them meet.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None and "MALLOC_ARENA_MAX" not in os.environ:
        mallopt(_M_ARENA_MAX, MOST)
