"""Changes that somebody asked for: each runs in a thread of its own, its steps can be watched, its outcome awaited."""

import re
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from segue.errors import SegueError, Superseded, UnknownChange, one_line
from segue.swap import Change, Event, State, Transitioned, VersionId

_REMEMBERED = 100
"""Changes that can be asked after when they are over; the journal has them all."""

_COUNT = re.compile(r"[\d.]+ of [\d.]+ MB")

_STEPS = {State.LOADING: "load", State.WARMING: "warm"}


@dataclass(frozen=True, slots=True)
class Step:
    """What a change was at, ``at_s`` seconds after it began."""

    step: str
    detail: str
    at_s: float


class Operation:
    """A change under way or over. Safe for threads; ``future`` has its answer, or a SegueError."""

    def __init__(self, verb: str, what: str, *, who: str, why: str = "", of_route: bool = True) -> None:
        self.id = uuid.uuid4().hex[:12]
        self.of_route = of_route
        """Whether it is to change what serves."""
        self.verb = verb
        self.what = what
        self.who = who
        self.why = why
        self.began_at = time.time()
        self.future: Future[Any] = Future()
        self.change: Change | None = None
        self.waits = False
        """Whether it waits its turn, behind the one under way."""
        self.version: VersionId | None = None
        """What it prepares, once that is known."""
        self._began_s = time.monotonic()
        self._took_s: float | None = None
        self._lock = threading.Lock()  # guards _steps, and that the future gets one outcome
        self._steps: list[Step] = []

    def __repr__(self) -> str:
        return f"<Operation {self.id}: {self.verb} {self.what}, {self.state}>"

    @property
    def steps(self) -> tuple[Step, ...]:
        """So far, in order."""
        return tuple(self._steps)

    @property
    def state(self) -> Literal["running", "done", "failed"]:
        """Where it is."""
        if not self.future.done():
            return "running"
        return "failed" if self.future.exception() else "done"

    @property
    def took_s(self) -> float:
        """So far, or in all."""
        return time.monotonic() - self._began_s if self._took_s is None else self._took_s

    def step(self, name: str, detail: str = "") -> None:
        """It is at this now. Raises Superseded when it was cancelled."""
        if self.change is not None:
            self.change.check()
        with self._lock:
            if self._steps and (name, detail) == (self._steps[-1].step, self._steps[-1].detail):
                return  # a download that stands still
            if self._steps and _COUNT.fullmatch(detail) and _COUNT.fullmatch(self._steps[-1].detail):
                self._steps.pop()  # how far a download is: the newest will do
            self._steps.append(Step(name, detail, round(time.monotonic() - self._began_s, 3)))

    def end(self, answer: object = None, error: BaseException | None = None) -> None:
        """It is over; the first word counts."""
        with self._lock:
            if self.future.done():
                return
            self._took_s = time.monotonic() - self._began_s
            if error is None:
                self.future.set_result(answer)
            else:
                self.future.set_exception(error)


class Operations:
    """The changes of this process, the newest remembered. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards _known
        self._known: OrderedDict[str, Operation] = OrderedDict()

    def run(self, operation: Operation, work: Callable[[Operation], object]) -> Operation:
        """Do the work in a thread of its own; its answer or error is the operation's."""
        with self._lock:
            self._known[operation.id] = operation
            over = [known.id for known in self._known.values() if known.future.done()]
            for old in over[: max(0, len(self._known) - _REMEMBERED)]:
                del self._known[old]

        def run() -> None:
            try:
                operation.end(work(operation))
            except SegueError as error:
                operation.end(error=error)
            except Exception as error:  # noqa: BLE001 -- whoever waits must hear of it
                told = SegueError(f"{operation.verb} {operation.what}: {type(error).__name__}: {one_line(error)}")
                told.__cause__ = error
                operation.end(error=told)

        threading.Thread(target=run, name=f"{operation.verb} {operation.id}", daemon=True).start()
        return operation

    def find(self, operation_id: str) -> Operation:
        """Raises UnknownChange."""
        with self._lock:
            if operation_id in self._known:
                return self._known[operation_id]
        raise UnknownChange(f"no change {operation_id!r} is remembered: the last {_REMEMBERED} are; see the history")

    @property
    def under_way(self) -> Operation | None:
        """The change of the route that is under way, if one is."""
        with self._lock:
            running = [known for known in self._known.values() if known.of_route and not known.future.done()]
        begun = [known for known in running if not known.waits]
        return next(reversed(begun or running), None)

    def hear(self, event: Event) -> None:
        """A listener of the switchboard: loading and warming are steps of whoever prepares that version."""
        if isinstance(event, Transitioned) and event.after in _STEPS:
            with self._lock:
                running = [known for known in self._known.values() if not known.future.done()]
            for operation in running:
                if operation.version == event.version:
                    with suppress(Superseded):  # cancelled: whoever prepares it notices by itself
                        operation.step(_STEPS[event.after])

    def tend(self) -> None:
        """End what was cancelled, though its thread may be waiting for a hub."""
        with self._lock:
            running = [known for known in self._known.values() if known.change and not known.future.done()]
        for operation in running:
            try:
                if operation.change:
                    operation.change.check()
            except Superseded as error:
                operation.end(error=error)
