"""Rollouts of the service: a plan, golden clips, copies, and who is told of the end."""

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from uuid import uuid4

from segue.errors import ModelNotFound, NotReady, SegueError, Superseded
from segue.hub import Store, keep
from segue.service import golden, webhook
from segue.service.changes import Changes, check
from segue.service.directories import Directories
from segue.service.engine import Engine
from segue.service.follower import Follower
from segue.service.loading import look
from segue.service.mirror import Mirror
from segue.service.operations import Operation, Operations
from segue.service.patience import Patience
from segue.service.watch import Watch
from segue.settings import Settings
from segue.swap import Change, ModelSpec, Plan, RolloutReport, Runner, Switchboard, VersionId, plan_of


class Releases:
    """The rollouts of one service. Safe for threads."""

    def __init__(
        self,
        board: Switchboard[Engine],
        watch: Watch,
        patience: Patience,
        settings: Settings,
        stopping: threading.Event,
    ) -> None:
        self._board = board
        self._settings = settings
        self._directories = Directories(settings)
        self._stopping = stopping
        self.runner: Runner[Engine] = Runner(board, bake_s=settings.bake_s, ended=self._ended)
        self.mirror = Mirror(board, self.runner, watch, patience)

    def plan(self, given: Mapping[str, object]) -> Plan:
        """A plan in the words of people (see ``plan_of``); the bake time is the service's, if it says none."""
        plan = plan_of({"bake": self._settings.bake_s, **given})
        if plan.golden:
            self._directories.check_clips(plan.golden)
        return plan

    def follower(self, operations: Operations, store: Store, begin: Callable[..., Operation]) -> Follower:
        """What begins rollouts by itself; ``begin`` is ``Service.rollout``."""
        return Follower(
            self._board,
            self.runner,
            operations,
            self._settings.home / "follow.json",
            check=self.check,
            look=partial(look, settings=self._settings),
            keep=partial(keep, store=store),
            begin=begin,
        )

    def check(self, wanted: ModelSpec, given: Mapping[str, object]) -> None:
        """Raise for a model or a plan that can never be: InvalidModelID, InvalidParameter, InvalidPlan, ModelNotFound.

        A directory that is not there can be one day; whoever names it now has most likely mistaken its name.
        """
        check(wanted, self._directories)
        self.plan(given)
        if os.path.isabs(wanted.model_id) and not os.path.isdir(wanted.model_id):
            raise ModelNotFound(f"{wanted.model_id} is not a directory here, where the service runs")

    def begin(
        self, changes: Changes, wanted: ModelSpec | VersionId, plan: Plan, *, who: str, why: str = ""
    ) -> Operation:
        """Prepare a version, let it pass the golden clips, and take the first step; the answer is a RolloutReport.

        Raises as ``Changes.rollout``.
        """

        def examine(operation: Operation, version: VersionId) -> None:
            if plan.golden:
                self._examine(operation, version, plan)

        def begin(version: VersionId, change: Change) -> RolloutReport:
            kept = self._settings.home / "rollouts" / f"{version}-{uuid4().hex[:8]}" if plan.keep else None
            self.mirror.begin(version, keep=plan.keep, directory=kept)
            return self.runner.begin(version, plan, change=change)

        return changes.rollout(wanted, who=who, why=why, examine=examine, begin=begin)

    def _examine(self, operation: Operation, version: VersionId, plan: Plan) -> None:
        """Raises GoldenFailed, InvalidPlan, NotReady."""
        route = self._board.route
        if route is None:
            raise NotReady("nothing serves that the golden clips could be compared with: segue switch serves it")

        def progress(detail: str) -> None:
            if operation.change is not None:
                operation.change.check()  # clips may be many: whoever rolls back need not wait for them
            operation.step("golden", detail)

        with self._board.hold(route.primary) as serving, self._board.hold(version) as wanted:
            found = golden.examine(
                plan.golden,
                serving.model.detector,
                wanted.model.detector,
                margin=plan.golden_margin,
                progress=progress,
            )
        progress(str(found))

    def in_place(self, begin: Callable[[], Operation], why: str, *, who: str) -> Operation:
        """Begin a change in the place of the rollout under way, if one is: that ends first."""
        under_way = self.runner.under_trial
        if under_way is None or not under_way.id:
            return begin()
        with suppress(SegueError):  # it has ended meanwhile, or cannot go back: the change goes on, or says why not
            self.runner.abort(under_way.id, who=who, why=why)
        operation = begin()
        with suppress(Superseded):
            operation.step("abort", f"rollout {under_way.id} of {under_way.version} is over")
        return operation

    def _ended(self, report: RolloutReport) -> None:
        if not report.plan["webhook"]:
            return
        facts = {name: getattr(report, name) for name in ("id", "version", "instead", "phase", "outcome", "who", "why")}
        webhook.tell(report.plan["webhook"], facts | {"figures": dict(report.figures)}, self._stopping)
