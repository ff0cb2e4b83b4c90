"""Daemon threads that do a list of jobs; their answers come out in the order of the jobs."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeAlias, TypeVar

J = TypeVar("J")
R = TypeVar("R")


class Stopped(Exception):  # a signal, not an error
    """Raised by a checkpoint after ``Crew.stop``, through the work: the job has no answer."""


Checkpoint: TypeAlias = Callable[[], None]
"""Work calls it now and then."""


class Crew(Generic[J, R]):
    """``threads`` jobs at once, begun in order; at most ``ahead`` answers wait for one before them.

    ``stop`` is safe in a signal handler: it sets a flag and takes no lock. What is waited for is looked at again ten
    times a second for that reason. The threads never keep the process alive.
    """

    def __init__(self, work: Callable[[J, Checkpoint], R], jobs: Sequence[J], *, threads: int, ahead: int) -> None:
        self.stopping = False
        self._work = work
        self._jobs = jobs
        self._ahead = max(ahead, threads)
        self._changed = threading.Condition()  # guards the four below
        self._next = 0  # the next job to begin
        self._given = 0  # answers handed out
        self._answers: dict[int, R] = {}
        self._broken: BaseException | None = None
        self._threads = [threading.Thread(target=self._run, name=f"detect-{n}", daemon=True) for n in range(threads)]

    def __repr__(self) -> str:
        return f"Crew({len(self._threads)} threads, {self._next} of {len(self._jobs)} begun, {self._given} given)"

    def answers(self, *, poll_s: float = 0.1) -> Iterator[R | None]:
        """The answers in order; None at least every ``poll_s`` while waiting. Ends early after ``stop``.

        An exception of the work that is not ``Stopped`` ends it for all, and is raised here.
        """
        for thread in self._threads:
            thread.start()
        while self._given < len(self._jobs):
            with self._changed:
                if self._given not in self._answers and not self._broken and not self.stopping:
                    self._changed.wait(poll_s)
                ready = self._given in self._answers
                answer = self._answers.pop(self._given) if ready else None
                self._given += ready
                self._changed.notify_all()
                broken = self._broken
            if not ready and broken:
                raise broken
            if not ready and self.stopping:
                return
            yield answer

    def rest(self) -> list[R]:
        """After ``answers`` ended early: those finished since or out of turn, in order, each once."""
        with self._changed:
            indices = sorted(self._answers)
            return [self._answers.pop(index) for index in indices]

    def stop(self) -> None:
        """Begin no further job; work in progress ends at its next checkpoint."""
        self.stopping = True

    def join(self, timeout_s: float) -> bool:
        """Wait for the threads; False if some still run after that time."""
        deadline_s = time.monotonic() + timeout_s
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline_s - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self) -> None:
        while (index := self._take()) is not None:
            try:
                answer = self._work(self._jobs[index], self._checkpoint)
            except Stopped:
                return
            except BaseException as error:  # noqa: BLE001  # handed to the thread that waits
                with self._changed:
                    self._broken = self._broken or error
                    self._changed.notify_all()
                self.stop()
                return
            with self._changed:
                self._answers[index] = answer
                self._changed.notify_all()

    def _checkpoint(self) -> None:
        if self.stopping:
            raise Stopped

    def _take(self) -> int | None:
        with self._changed:
            while not self.stopping and self._next < len(self._jobs) and self._next - self._given >= self._ahead:
                self._changed.wait(0.1)
            if self.stopping or self._next >= len(self._jobs):
                return None
            self._next += 1
            return self._next - 1
