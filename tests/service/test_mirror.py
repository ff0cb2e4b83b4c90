"""Copies for a version on trial: compared off the caller's path, dropped rather than waited for."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from segue.service.mirror import Copy, Mirror, MirrorReport
from segue.service.patience import Patience
from segue.service.recordings import Ask, Call, Recordings
from segue.service.watch import Watch
from segue.swap import Health, Plan, Runner, VersionId
from tests.service.boards import PATIENCE_S, Board, recording
from tests.swap.threads import Gate


class World(Board):
    """``a`` serves; a rollout of ``b`` wants copies of everything."""

    def __init__(self, least_s: float = 60.0, rules: Any = None, **plan: Any) -> None:
        super().__init__("a", "b", rules=rules)
        self.a, self.b = self.versions.values()
        self.watch = Watch(60.0)
        patience = Patience(self.board, Health(), self.watch)
        self.runner = Runner(self.board)
        self.mirror = Mirror(self.board, self.runner, self.watch, patience, least_s=least_s)
        self.recordings = Recordings(self.board, self.watch, patience, self.mirror, threads=2)
        given: dict[str, Any] = {"shadow": 1.0, "step_s": 1e6} | plan
        self.runner.begin(self.b, Plan(**given), change=self.board.change(self.b, verb="rollout"))

    def answer(self, source: bytes | Path = b"", **ask: Any) -> VersionId:
        call = Call(source or recording(), Ask(**({"key": "k"} | ask)))
        self.recordings.begin(call)
        return VersionId(call.future.result(PATIENCE_S).detections[0].model.version or "")

    def until(self, condition: Callable[[MirrorReport], bool]) -> MirrorReport:
        deadline_s = time.monotonic() + PATIENCE_S
        while not condition(report := self.mirror.report(self.b)):
            assert time.monotonic() < deadline_s, report
            threading.Event().wait(0.005)
        return report


def test_what_the_primary_answers_is_answered_by_the_trial_too_and_compared() -> None:
    """Nobody waits for it, and nobody sees it; two equal models agree in everything."""
    world = World()
    assert [world.answer() for _ in range(5)] == [world.a] * 5
    report = world.until(lambda report: report.compared == 5)
    assert (report.iou, report.missed, report.extra, report.dropped, report.failed) == (1.0, 0.0, 0.0, 0, 0)
    assert report.speech_primary == report.speech_trial is not None
    assert report.start_shift_ms == [0.0, 0.0, 0.0]
    progress = world.runner.report()
    assert (progress.compared, progress.disagreement, progress.phase) == (5, 0.0, "shadow")


def test_what_is_asked_for_is_asked_of_both() -> None:
    """The caller's mode and parameters, or the answers could not be compared."""
    world = World()
    world.answer(asked={"max_end_silence_time": 200})
    assert world.until(lambda report: report.compared == 1).iou == 1.0


def test_what_the_trial_fails_at_counts_and_nobody_else_sees_it() -> None:
    """The primary has answered the same input: three such recordings take the version back."""
    world = World()

    def broken(_: object) -> None:
        raise RuntimeError("broken")

    world.during["b"] = broken
    for number in range(4):
        assert world.answer(recording(2.0 + number)) == world.a
    world.until(lambda report: report.failed >= 3)
    assert {fell.version for fell in world.fallen} == {world.b}
    assert all(fell.answered for fell in world.fallen)
    deadline_s = time.monotonic() + PATIENCE_S
    while not world.runner.report().is_over:
        assert time.monotonic() < deadline_s
        world.runner.tend()
    assert world.runner.report().phase == "taken back"


def test_parameters_that_only_the_trial_refuses_count_as_a_failure_of_it() -> None:
    """Else the shadow would wait for ever for comparisons, and the callers would be refused from the promotion on."""
    world = World(rules={"b": {"window_size_ms": 150}})
    assert world.answer(asked={"sil_to_speech_time_thres": 180}) == world.a
    report = world.until(lambda _: bool(world.fallen))
    assert (report.compared, report.failed) == (0, 1)
    assert [(fell.version, fell.code, fell.answered) for fell in world.fallen] == [(world.b, "invalid_parameter", True)]


def test_more_than_it_can_do_is_dropped_and_counted() -> None:
    """While it is busy a bounded number of bytes waits; callers are answered as ever, and what waited comes later."""
    world, gate = World(), Gate()
    answered = Call(recording(), Ask("k"))
    world.recordings.begin(answered)
    answer = answered.future.result(PATIENCE_S).detections[0]
    world.until(lambda report: report.compared == 1)
    world.during["b"] = lambda _: gate()
    world.mirror.offer(Copy(recording(), "k", {}, answer, 0.1))
    assert gate.reached.wait(PATIENCE_S)
    room = 64 * 2**20 // len(recording())
    for _ in range(room + 5):
        world.mirror.offer(Copy(recording(), "k", {}, answer, 0.1))
    assert world.answer(key="k") == world.a
    report = world.mirror.report(world.b)
    assert (report.waiting, report.dropped) == (room, 6)
    del world.during["b"]
    gate.open.set()
    world.until(lambda report: report.compared == room + 2)


def test_the_bytes_that_wait_are_bounded_and_those_of_a_version_that_is_gone_are_not_counted() -> None:
    """Whatever becomes of other versions: what waits for this one counts until it is taken, or it is gone too."""
    world, gate = World(), Gate()
    answered = Call(recording(), Ask("k"))
    world.recordings.begin(answered)
    answer = answered.future.result(PATIENCE_S).detections[0]
    world.until(lambda report: report.compared == 1)
    world.during["b"] = lambda _: gate()
    large = Copy(bytes(30 * 2**20), "k", {}, answer, 0.1)
    world.mirror.offer(Copy(recording(), "k", {}, answer, 0.1))
    assert gate.reached.wait(PATIENCE_S)
    for dropped in (0, 0, 1):
        world.mirror.drop(world.a)
        world.mirror.offer(large)
        assert world.mirror.report(world.b).dropped == dropped
    world.mirror.drop(world.b)
    world.mirror.offer(large)
    assert world.mirror.report(world.b).dropped == 1
    gate.open.set()


def test_a_hang_in_the_mirror_ends_the_trial() -> None:
    """Callers are answered by the primary all the time, and the rollout says why it is over."""
    world, gate = World(least_s=0.2), Gate()
    world.during["b"] = lambda _: gate()
    assert world.answer() == world.a
    assert gate.reached.wait(PATIENCE_S)
    deadline_s = time.monotonic() + PATIENCE_S
    while not world.runner.report().is_over:
        assert time.monotonic() < deadline_s
        world.watch.look()
        threading.Event().wait(0.01)
    assert world.runner.report().outcome == "a call passed its deadline and was abandoned"
    assert world.answer() == world.a
    gate.open.set()


def test_large_recordings_and_what_was_asked_by_name_are_not_mirrored(tmp_path: Path) -> None:
    """A file may be gone before its copy's turn; whoever names a version wanted that one."""
    world = World()
    path = tmp_path / "large.wav"
    path.write_bytes(recording())
    assert world.answer(path) == world.a
    assert world.answer(version=world.a) == world.a
    assert world.answer(version=world.b) == world.b
    report = world.until(lambda report: report.too_large == 1)
    assert (report.compared, report.waiting) == (0, 0)


def test_copies_are_for_a_trial_only() -> None:
    """After the promotion nothing is copied, and another rollout begins with nothing."""
    world = World()
    world.answer()
    world.until(lambda report: report.compared == 1)
    world.runner.promote(None, who="test")
    detection = Call(recording(), Ask("k"))
    world.recordings.begin(detection)
    answered = detection.future.result(PATIENCE_S).detections[0]
    assert answered.model.version == world.b
    world.mirror.offer(Copy(recording(), "k", {}, answered, 0.1))
    assert world.mirror.report(world.b).compared == 1
    world.mirror.begin(world.b)
    assert world.mirror.report(world.b) == MirrorReport(world.b)
