"""Threads that meet where it matters: in a hurry, interrupted anywhere, in a crowd, or one letting another go on."""

import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType
from typing import Any

PATIENCE_S = 10.0
SHAKEN = ("switchboard.py", "fleet.py", "current.py", "journal.py", "health.py")


@contextmanager
def hectic() -> Iterator[None]:
    """Threads take turns as often as Python can, so that what is not guarded shows."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


@contextmanager
def shaken(*, every: int = 5, files: tuple[str, ...] = SHAKEN) -> Iterator[None]:
    """In the threads begun in the block, these files may be interrupted between any two bytecodes.

    Without this CPython never changes threads inside of ``count += 1``, and a missing lock would not show.
    """
    dice = random.Random(every)

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if not frame.f_code.co_filename.endswith(files):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and dice.randrange(every) == 0:
            time.sleep(0)  # gives the other threads their turn
        return trace

    threading.settrace(trace)
    try:
        yield
    finally:
        threading.settrace(None)


@contextmanager
def crowd(count: int, work: Callable[[int], object]) -> Iterator[list["Future[object]"]]:
    """``count`` threads that begin together and run beside the block; what one raises is raised at the end."""
    barrier = threading.Barrier(count + 1)

    def begin(number: int) -> object:
        barrier.wait(PATIENCE_S)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        futures = [pool.submit(begin, number) for number in range(count)]
        barrier.wait(PATIENCE_S)
        yield futures
    for future in futures:
        future.result()


class Gate:
    """Something that happens in one thread when another lets it."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()

    def __call__(self) -> None:
        self.reached.set()
        assert self.open.wait(PATIENCE_S)
