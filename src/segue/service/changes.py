"""From a wish to a serving version: a model's name is resolved, its content kept, the version prepared and switched to.

Every change runs in a thread of its own, as an Operation whose steps can be watched. The first one of a process is its
start: what served last serves again, or else the default model is fetched.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from functools import partial

from segue.errors import Busy, InvalidModelID, SegueError, ShuttingDown
from segue.hub import CATALOG, Store, keep, parse_model
from segue.service.directories import Directories
from segue.service.engine import Engine
from segue.service.isolation import is_isolated, parameters
from segue.service.loading import fetch
from segue.service.operations import Operation, Operations
from segue.settings import Settings
from segue.speech.rules import Rules
from segue.swap import (
    Change,
    ModelSpec,
    Resolved,
    Route,
    Runner,
    Switchboard,
    Switched,
    VersionId,
    last_mark,
    restore,
)

_LOG = logging.getLogger(__name__)

_RETRY_S = (2.0, 60.0)
"""How long the start waits before it tries again: at first, and at most."""

_QUEUE_S = 3600.0
"""How long a change that was asked to wait its turn waits."""


class Changes:
    """Changes of what serves. Safe for threads."""

    def __init__(
        self,
        board: Switchboard[Engine],
        runner: Runner[Engine],
        operations: Operations,
        store: Store,
        settings: Settings,
    ) -> None:
        self._board = board
        self._runner = runner
        self._operations = operations
        self._store = store
        self._settings = settings
        self._directories = Directories(settings)
        self._waits_for = "the service has not been started"
        self._own: Operation | None = None  # the newest change of the start
        self._recovers = False  # a trial serves again, and does not go on yet
        self._is_closed = False

    def close(self) -> None:
        """Begin no change any more; what waits its turn ends when that comes."""
        self._is_closed = True

    @property
    def serving(self) -> bool:
        """Whether a version serves, and no change of the start's own is left for which another would be refused."""
        is_over = self._own is None or self._own.future.done()
        return self._board.route is not None and is_over and not self._recovers

    @property
    def waits_for(self) -> str:
        """Why nothing serves, on one line."""
        own = self._own
        if own is None or own.future.done() or not own.steps:
            return self._waits_for
        step = own.steps[-1]
        return f"{own.what} is being prepared ({' '.join(filter(None, (step.step, step.detail)))})"

    def switch(
        self,
        wanted: ModelSpec | VersionId,
        *,
        who: str,
        why: str,
        queue: bool = False,
        expected_epoch: int | None = None,
    ) -> Operation:
        """Prepare a version and let it serve; the answer is a Switched.

        It takes the place of the start's default, if that is not there yet. Raises InvalidParameter and InvalidModelID
        for what can never be, and Busy when another change is under way and it is not to ``queue``.
        """
        check(wanted, self._directories)
        self._check_open()
        self._make_way(who)
        operation = Operation("switch", str(wanted), who=who, why=why)
        operation.waits = queue
        change = partial(self._board.change, str(wanted), who=who, why=why, expected_epoch=expected_epoch)
        if not queue:
            operation.change = change()

        def work(operation: Operation) -> Switched:
            if operation.change is None:
                operation.step("wait", "for the change under way")
                operation.change = change(wait_s=_QUEUE_S)
            operation.waits = False
            with operation.change as granted:
                self._check_open()  # or a change that waited would follow the one that the end cancels
                version = self._resolve(operation, wanted) if isinstance(wanted, ModelSpec) else wanted
                operation.version = version
                self._board.prepare(version, change=granted)
                operation.step("switch", f"to {version}")
                return self._board.switch(Route(version), change=granted)

        return self._operations.run(operation, work)

    def rollout(
        self,
        wanted: ModelSpec | VersionId,
        *,
        who: str,
        why: str,
        examine: Callable[[Operation, VersionId], None],
        begin: Callable[[VersionId, Change], object],
    ) -> Operation:
        """Prepare a version, ``examine`` it, and let it ``begin`` its rollout; the answer is what that answers.

        The right to change the route is the rollout's from then on. Raises as ``switch``.
        """
        check(wanted, self._directories)
        self._check_open()
        operation = Operation("rollout", str(wanted), who=who, why=why)
        change = operation.change = self._board.change(str(wanted), verb="rollout", who=who, why=why)

        def work(operation: Operation) -> object:
            try:
                version = self._resolve(operation, wanted) if isinstance(wanted, ModelSpec) else wanted
                operation.version = version
                self._board.prepare(version, change=change)
                examine(operation, version)
                operation.step("begin", f"with {version}")
                return begin(version, change)
            except BaseException as error:
                if operation.version:  # who follows a directory must know that these bytes were refused
                    refused = {"version": operation.version, "code": getattr(error, "code", SegueError.code)}
                    change.says(change.why, {**change.evidence, "refused": refused})
                change.give_back(error)
                raise

        return self._operations.run(operation, work)

    def prepare(
        self, wanted: ModelSpec, report: Callable[[VersionId], object], *, who: str, why: str = ""
    ) -> Operation:
        """Prepare a version, and let what serves serve; the answer is the ``report`` of it. Raises as ``switch``."""
        check(wanted, self._directories)
        self._check_open()

        def work(operation: Operation) -> object:
            version = operation.version = self._resolve(operation, wanted)
            self._board.prepare(version, who=who, why=why)
            return report(version)

        return self._operations.run(Operation("prepare", str(wanted), who=who, why=why, of_route=False), work)

    def rollback(self, *, who: str, why: str = "") -> Operation:
        """Go back to what served before, cancelling what is under way; the answer is a Switched."""
        self._check_open()
        operation = Operation("rollback", "", who=who, why=why)
        back = self._board.snapshot().back
        operation.version = back[-1].primary if back else None
        return self._operations.run(operation, lambda _: self._board.rollback(who=who, why=why))

    def begin(self, stopping: threading.Event) -> None:
        """Until something serves or the process ends: serve what served last, or else the default model."""
        wait_s, most_s = _RETRY_S
        while not stopping.is_set() and self._board.route is None:
            self._waits_for = "the model is being prepared"
            try:
                self._begin_once()
            except Busy as error:
                self._waits_for = str(error)
            except SegueError as error:
                self._waits_for = f"{error} (tried again in {wait_s:.0f} s; segue switch MODEL serves another)"
                _LOG.error("nothing serves: %s", self._waits_for)
            if self._board.route is not None or stopping.wait(wait_s):
                return
            wait_s = min(most_s, 2 * wait_s)

    def _check_open(self) -> None:
        if self._is_closed:
            raise ShuttingDown("the service is being stopped: ask again when it is back", retry_after_s=5)

    def _make_way(self, who: str) -> None:
        """Whoever asks for a model need not wait for a default that nobody asked for."""
        own = self._own
        if own is None or own.verb != "switch" or own.change is None:
            return
        if self._board.cancel(who=who, first=own.change):
            self._operations.tend()  # it is over now, though its thread may be waiting for a hub

    def _begin_once(self) -> None:
        epoch = self._board.epoch
        if self._board.route is not None:
            return
        self._own = Operation("restore", "what served last", who="start")
        mark = last_mark(self._board.journal, now=time.time())
        without = mark.version if mark and mark.is_to_be_taken_back else None
        self._recovers = mark is not None and mark.is_trial  # of no other does the right to change the route depend
        try:
            restored = self._operations.run(self._own, lambda _: restore(self._board, without=without)).future.result()
            if restored is not None:
                self._runner.recover(mark)
        finally:
            self._recovers = False
        if restored is None:
            wanted = ModelSpec(_default(self._settings.model))
            self._own = self.switch(
                wanted, who="start", why="the journal names no version that served", expected_epoch=epoch
            )
            self._own.future.result()
            return
        for failure in restored.failures:
            _LOG.error("not served again: %s", failure)
        _LOG.info("what served last serves again: %s", restored.switched.route)

    def _resolve(self, operation: Operation, spec: ModelSpec) -> VersionId:
        """The version that a spec means, its content in the store."""
        operation.step("fetch", str(spec))
        progress = partial(operation.step, "fetch")
        found = keep(fetch(spec.model_id, spec.revision, settings=self._settings, progress=progress), self._store)
        operation.step("verify", f"digest {found.digest[:12]}" + (f"; {found.note}" if found.note else ""))
        return self._board.add(Resolved(ModelSpec(found.model_id, found.revision, spec.options), found.digest))


def check(wanted: ModelSpec | VersionId, directories: Directories) -> None:
    """Raise InvalidParameter for options, and InvalidModelID for a name, that no model can have.

    InvalidModelID too for a directory that may not be named.
    """
    if not isinstance(wanted, ModelSpec):
        return
    is_isolated(wanted.options)
    Rules.of({}, ("options", parameters(wanted.options)))
    name = wanted.model_id
    if os.path.isabs(name):
        directories.check_model(name)
        return
    if name.startswith((".", "~")) or (os.path.isdir(name) and CATALOG.lookup(name) is None):
        raise InvalidModelID(f"{name!r} is a path from where the service runs: give the directory's absolute path")
    parse_model(name)


def _default(model: str) -> str:
    """The model of the settings; a directory is meant from where the service was started."""
    path = os.path.expanduser(model)
    return os.path.abspath(path) if CATALOG.lookup(model) is None and os.path.isdir(path) else model
