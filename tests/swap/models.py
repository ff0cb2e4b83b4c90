"""Models that know when they are misused, and a clock that is set by hand."""

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from segue.swap import Event, Journal, ModelSpec, Resolved, Switchboard


class UsedAfterClose(AssertionError):
    """A model was used, or closed, after it was closed."""


class Model:
    """Answers with its own name while it is open."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_warm = False
        self.is_closed = False

    def __call__(self) -> str:
        if self.is_closed:
            raise UsedAfterClose(self.name)
        return self.name


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class World:
    """A switchboard of such models, with its clock, its events, and the faults to come."""

    def __init__(self, journal: Journal | None = None, **options: Any) -> None:
        self.clock = Clock()
        self.events: list[Event] = []
        self.loads: Counter[str] = Counter()
        self.open: list[Model] = []  # loaded and not closed
        self.load_fault: BaseException | None = None
        self.warm_fault: BaseException | None = None
        self.close_fault: BaseException | None = None
        self.close_report: Any = None
        self.during_load: Callable[[], object] = lambda: None
        self._lock = threading.Lock()  # guards ``open``
        options = {"clock": self.clock, "listeners": [self.events.append], "journal": journal, **options}
        self.board: Switchboard[Model] = Switchboard(self._load, self._warm, self._close, **options)

    def add(self, name: str, **options: str | float) -> Any:
        return self.board.add(resolved(name, **options))

    def ready(self, *names: str) -> list[Any]:
        """Versions of these names, prepared."""
        versions = [self.add(name) for name in names]
        for version in versions:
            self.board.prepare(version)
        return versions

    def _load(self, wanted: Resolved) -> Model:
        self.loads[wanted.digest] += 1
        self.during_load()
        _raise(self.load_fault)
        model = Model(wanted.digest)
        with self._lock:
            self.open.append(model)
        return model

    def _warm(self, model: Model) -> None:
        _raise(self.warm_fault)
        model.is_warm = True

    def _close(self, model: Model) -> Any:
        if model.is_closed:
            raise UsedAfterClose(model.name)
        model.is_closed = True
        with self._lock:
            self.open.remove(model)
        _raise(self.close_fault)
        return self.close_report


def resolved(name: str, **options: str | float) -> Resolved:
    return Resolved(ModelSpec(f"test/{name}", "v1", options), digest=name)


def journal_at(directory: Path, **options: Any) -> Journal:
    return Journal(directory / "journal.db", **({"busy_s": 0.0} | options))


def _raise(fault: BaseException | None) -> None:
    if fault is not None:
        raise fault
