"""The threads of each version: what is asked of it waits here, so that a version that hangs holds up no other.

A lane takes jobs in order of arrival. Where a job can be done together with others (chunks of many live streams, scored
in one inference), it gathers for a few milliseconds, but only while jobs come so fast that somebody would join.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from segue.swap import VersionId

J = TypeVar("J")

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Company:
    """How many jobs are done in one call, and how long the first of them waits for the others."""

    most: int = 1
    gather_s: float = 0.0


class Lane(Generic[J]):
    """A bounded number of daemon threads for the jobs of one version. Threads begin with the first job.

    ``work`` is given a list of jobs and answers for each of them; an exception out of it is a fault of ours, logged.
    """

    def __init__(
        self, work: Callable[[list[J]], None], *, name: str, threads: int, company: Company = Company()
    ) -> None:
        self._work = work
        self._name = name
        self._most_threads = threads
        self._company = company
        self._changed = threading.Condition()  # guards all below
        self._jobs: deque[J] = deque()
        self._threads = 0
        self._idle = 0
        self._gathering = False
        self._closed = False
        self._put_at_s = 0.0
        self._interval_s = 1.0  # between two jobs, smoothed

    def __repr__(self) -> str:
        return (
            f"<Lane {self._name}: {len(self._jobs)} waiting, {self._threads - self._idle} of {self._threads} at work>"
        )

    @property
    def waiting(self) -> int:
        """Jobs that no thread has taken."""
        return len(self._jobs)

    def put(self, job: J) -> bool:
        """Leave a job; False when the lane is closed, and the job is still the caller's. Never waits."""
        now_s = time.monotonic()
        with self._changed:
            if self._closed:
                return False
            self._jobs.append(job)
            self._interval_s += 0.1 * (min(now_s - self._put_at_s, 1.0) - self._interval_s)
            self._put_at_s = now_s
            if self._gathering and len(self._jobs) < self._company.most:
                return True  # whoever gathers looks at the clock, not at every job
            if len(self._jobs) <= self._idle * self._company.most or self._threads == self._most_threads:
                self._wake()
                return True
            self._threads += 1
        threading.Thread(target=self._run, name=self._name, daemon=True).start()
        return True

    def close(self) -> list[J]:
        """Take no more jobs; those that no thread has taken yet. The threads end when they are done."""
        with self._changed:
            self._closed = True
            left = list(self._jobs)
            self._jobs.clear()
            self._changed.notify_all()
        return left

    def _wake(self) -> None:
        """Under the lock: wake one who can do it. Where one gathers only that one can, and it may not be the first."""
        if self._gathering:
            self._changed.notify_all()
        else:
            self._changed.notify()

    def _run(self) -> None:
        while jobs := self._take():
            try:
                self._work(jobs)
            except BaseException:  # noqa: BLE001 -- the thread serves others
                _LOG.exception("%s: a fault in Segue", self._name)
            del jobs  # or what they hold lives until the next ones come

    def _take(self) -> list[J]:
        """The next jobs, as many as go together; none when the lane is closed."""
        with self._changed:
            self._idle += 1
            try:
                while (not self._jobs or self._gathering) and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return []
                self._gather()
                return [self._jobs.popleft() for _ in range(min(self._company.most, len(self._jobs)))]
            finally:
                self._idle -= 1
                if self._jobs:
                    self._changed.notify()

    def _gather(self) -> None:
        """Under the lock: wait for company, if it is likely to come in time."""
        deadline_s = time.monotonic() + self._company.gather_s
        if self._interval_s >= self._company.gather_s:
            return
        self._gathering = True
        while len(self._jobs) < self._company.most and not self._closed:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                break
            self._changed.wait(left_s)
        self._gathering = False


class Lanes(Generic[J]):
    """A lane for each version, made when the first job comes. Safe for threads."""

    def __init__(
        self,
        work: Callable[[VersionId, list[J]], None],
        again: Callable[[J], None],
        *,
        name: str,
        threads: int,
        company: Company = Company(),
    ) -> None:
        self._work = work
        self._again = again
        self._name = name
        self._threads = threads
        self._company = company
        self._lock = threading.Lock()  # guards _lanes
        self._lanes: dict[VersionId, Lane[J]] = {}

    @property
    def waiting(self) -> int:
        """Jobs that no thread has taken."""
        with self._lock:
            return sum(lane.waiting for lane in self._lanes.values())

    def of(self, version: VersionId) -> Lane[J]:
        """The lane of a version."""
        with self._lock:
            if version not in self._lanes:
                work, name = partial(self._work, version), f"{self._name} {version}"
                self._lanes[version] = Lane(work, name=name, threads=self._threads, company=self._company)
            return self._lanes[version]

    def drop(self, version: VersionId) -> None:
        """The version is gone: its threads end with what they do; what waits is begun ``again``, elsewhere."""
        with self._lock:
            lane = self._lanes.pop(version, None)
        for job in lane.close() if lane else ():
            self._again(job)
