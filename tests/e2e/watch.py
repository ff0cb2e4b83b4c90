"""What a real server's process takes, looked at again and again."""

import statistics
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType

import psutil

from tests.e2e.drill import report
from tests.e2e.server import Server

WARM_UP_S = 600
MOST_GROWTH_MB = 20
MOST_MORE_DESCRIPTORS = 10
MOST_MORE_THREADS = 5


def isolated_processes(server: Server) -> list[psutil.Process]:
    """Those that versions have for themselves."""
    found = []
    for child in psutil.Process(server.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "segue.models.isolated.child" in child.cmdline():
                found.append(child)
    return found


@dataclass(slots=True)
class Looks:
    """What was seen, look by look."""

    at_s: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    descriptors: list[float] = field(default_factory=list)
    threads: list[float] = field(default_factory=list)
    processes_mb: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)


class Watch:
    """Looks at the server's process, while the block lasts."""

    def __init__(self, server: Server, look_s: float) -> None:
        self.looks = Looks()
        self._server = server
        self._look_s = look_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def last(self) -> Mapping[str, object]:
        """What was seen last."""
        seen = self.looks
        return {name: f"{getattr(seen, name)[-1]:.0f}" for name in ("memory_mb", "descriptors", "threads")}

    def check(self) -> None:
        """Assert that nothing grows, after the warm-up; there is one where it lasts twice as long and longer."""
        seen = self.looks
        long_enough = seen.at_s[-1] >= 2 * WARM_UP_S
        first = next(at for at, at_s in enumerate(seen.at_s) if at_s >= WARM_UP_S) if long_enough else 0
        grown: dict[str, float] = {}
        for name in ("memory_mb", "descriptors", "threads"):
            values = getattr(seen, name)[first:]
            part = max(1, len(values) // 5)
            before, after = statistics.median(values[:part]), statistics.median(values[-part:])
            slope, _ = statistics.linear_regression(seen.at_s[first:], values)
            report(
                name,
                first_fifth=before,
                last_fifth=after,
                most=max(values),
                an_hour_by_regression=f"{3600 * slope:.2f}",
            )
            grown[name] = after - before
        cores = (seen.cpu_s[-1] - seen.cpu_s[0]) / (seen.at_s[-1] - seen.at_s[0])
        report("The server's own process", cores_used=f"{cores:.2f}", looks=len(seen.at_s))
        report("memory of processes of their own", MB=f"{min(seen.processes_mb):.0f} to {max(seen.processes_mb):.0f}")
        if long_enough:
            assert grown["memory_mb"] < MOST_GROWTH_MB
            assert grown["descriptors"] < MOST_MORE_DESCRIPTORS
            assert grown["threads"] < MOST_MORE_THREADS

    def _run(self) -> None:
        process, began_s = psutil.Process(self._server.pid), time.monotonic()
        while not self._stop.wait(self._look_s):
            seen = self.looks
            seen.at_s.append(time.monotonic() - began_s)
            seen.memory_mb.append(process.memory_info().rss / 1e6)
            seen.descriptors.append(process.num_fds())
            seen.threads.append(process.num_threads())
            seen.cpu_s.append(sum(process.cpu_times()[:2]))
            children = 0.0
            for child in isolated_processes(self._server):
                with suppress(psutil.NoSuchProcess):
                    children += child.memory_info().rss / 1e6
            seen.processes_mb.append(children)
