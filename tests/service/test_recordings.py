"""Recordings: each answered once, by the version that it names, whatever becomes of versions and clients."""

import threading
import time
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest

from segue.errors import (
    AudioUndecodable,
    InferenceFailed,
    InvalidParameter,
    ModelDied,
    NotReady,
    UnknownVersion,
    VersionNotReady,
)
from segue.service.fall import item_of
from segue.service.lanes import Lane
from segue.service.patience import Patience
from segue.service.recordings import Answer, Ask, Call, Recordings
from segue.service.watch import Watch
from segue.swap import Health, Outcome, Route, State, VersionId
from tests.service.boards import PATIENCE_S, Board, recording
from tests.swap.threads import Gate, crowd, hectic, shaken


class World(Board):
    """A board with recordings; ``watch`` gives up what has stalled when it is told to look."""

    def __init__(self, *names: str, threads: int = 2, **board: Any) -> None:
        super().__init__(*names, **board)
        self.watch = Watch(stall_s=-1.0)  # whatever runs has stalled, when somebody looks
        self.recordings = Recordings(
            self.board, self.watch, Patience(self.board, Health(), self.watch), threads=threads
        )

    def begin(self, source: bytes | Path = b"", **ask: Any) -> Call:
        call = Call(source or recording(), Ask(**({"key": "k"} | ask)))
        self.recordings.begin(call)
        return call

    def outcomes(self) -> list[Outcome]:
        return [event.outcome for event in self.released]


def until_released(world: World, count: int) -> None:
    """Wait for leases to come back: what a call's caller may hear a moment earlier."""
    released = threading.Event()
    world.board.listen(lambda _: released.set() if len(world.released) >= count else None)
    assert len(world.released) >= count or released.wait(PATIENCE_S)


def until_gone(name: str) -> None:
    """Wait for threads of that name to end."""
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


def test_a_recording_is_answered_by_the_version_that_serves() -> None:
    """The answer names the version, and its lease was taken and given back in a thread of that version's lane."""
    world = World("a")
    answer = world.begin().future.result(PATIENCE_S)
    (found,) = answer.detections
    assert [(s.start_ms, s.end_ms) for s in found.segments]
    assert found.model.version == world.versions["a"]
    until_released(world, 1)
    assert world.outcomes() == [Outcome.OK]
    assert world.released[0].weight == 4.0
    assert world.threads == [f"recordings {world.versions['a']}"]
    assert world.leases == 0


def test_what_is_asked_for_reaches_the_detector() -> None:
    """Mode, parameters, channels and probabilities are the request's."""
    world = World("a")
    asked = {"mode": "dynamic", "max_single_segment_time": "5000"}
    (found,) = world.begin(asked=asked, probabilities=True, split=True).future.result(PATIENCE_S).detections
    assert (found.mode, found.rules.max_single_segment_time, found.channel) == ("dynamic", 5000, 0)
    assert found.probabilities is not None


def test_a_call_says_how_far_it_is() -> None:
    """Nothing before it begins; all of its audio, and what its header promised, when it is answered."""
    call = Call(recording(), Ask("k"))
    assert (call.heard_ms, call.promised_ms) == (0, None)
    world = World("a")
    world.recordings.begin(call)
    call.future.result(PATIENCE_S)
    assert (call.heard_ms, call.promised_ms) == (4000, 4000)


@pytest.mark.parametrize("on_disk", [False, True], ids=["in memory", "on disk"])
def test_a_recording_that_keeps_its_decoder_busy_harms_no_version(on_disk: bool, tmp_path: Path) -> None:
    """Millions of empty chunks before any audio: it is refused when it stalls, its thread is free at once, and the
    version serves on, its lease back as cancelled."""
    world = World("a", threads=1)
    endless = b"RIFF\xff\xff\xff\x7fWAVE" + b"LIST\x04\0\0\0abcd" * 4_000_000
    path = tmp_path / "endless"
    path.write_bytes(endless)
    world.watch.stall_s = 0.5
    call, next_one = world.begin(path if on_disk else endless), world.begin()
    began_s = time.monotonic()
    while not call.future.done():
        world.watch.look()
        time.sleep(0.02)
    with pytest.raises(AudioUndecodable, match=r"gave no audio for 0.5 s"):
        call.future.result()
    assert next_one.future.result(PATIENCE_S).detections
    assert time.monotonic() - began_s < 5  # it would take ten and more
    until_released(world, 2)
    assert world.outcomes() == [Outcome.CANCELLED, Outcome.OK]
    assert world.board.snapshot()[world.versions["a"]].state is State.READY


def test_a_bad_recording_counts_neither_for_nor_against_the_version() -> None:
    """What is no audio, and what cannot be asked, is its caller's error; the lease came back as cancelled."""
    world = World("a")
    with pytest.raises(AudioUndecodable):
        world.begin(b"no audio at all").future.result(PATIENCE_S)
    with pytest.raises(InvalidParameter):
        world.begin(asked={"mode": "fast"}).future.result(PATIENCE_S)
    until_released(world, 2)
    assert world.outcomes() == [Outcome.CANCELLED] * 2


@pytest.mark.parametrize("kind", [RuntimeError, SystemExit, KeyboardInterrupt])
def test_a_model_that_raises_counts_against_it_and_its_caller_is_told(kind: type[BaseException]) -> None:
    """Whatever a model raises is inference_failed to the caller and a failed lease, and ends no thread."""
    world = World("a", threads=1)

    def fail(_: object) -> None:
        raise kind("out of luck")

    world.during["a"] = fail
    with pytest.raises(InferenceFailed, match=f"{kind.__name__}: out of luck"):
        world.begin().future.result(PATIENCE_S)
    until_released(world, 1)
    assert world.outcomes() == [Outcome.FAILED]
    world.during.clear()
    world.begin().future.result(PATIENCE_S)


def test_nothing_serves() -> None:
    """Without a route a recording is refused before it waits anywhere."""
    with pytest.raises(NotReady):
        World().begin()


def test_a_recording_whose_version_goes_before_its_turn_is_answered_by_the_one_that_serves() -> None:
    """What waits for a version that is switched away from and closed is begun on the next one."""
    world, gate = World("a", "b", threads=1), Gate()
    world.during["a"] = lambda _: gate()
    first = world.begin()
    assert gate.reached.wait(PATIENCE_S)
    second = world.begin()  # waits behind the first
    assert world.recordings.waiting == 1
    world.serve("b")
    world.board.fail(world.versions["a"], "made to fail")
    world.recordings.drop(world.versions["a"])
    assert second.future.result(PATIENCE_S).detections[0].model.version == world.versions["b"]
    gate.open.set()
    assert first.future.result(PATIENCE_S).detections[0].model.version == world.versions["a"]


def test_a_recording_that_wants_one_version_gets_no_other() -> None:
    """Pinned to a version that is gone, it is refused, also where it waited already."""
    world, gate = World("a", "b", threads=1), Gate()
    world.during["b"] = lambda _: gate()
    version = world.versions["b"]
    begun = world.begin(version=version)
    assert gate.reached.wait(PATIENCE_S)
    waiting = world.begin(version=version)
    world.board.fail(version, "made to fail")
    world.recordings.drop(version)
    gate.open.set()
    assert begun.future.result(PATIENCE_S).detections[0].model.version == version
    for call in (waiting, world.begin(version=version)):
        with pytest.raises(VersionNotReady):
            call.future.result(PATIENCE_S)


def test_a_version_that_nobody_added_leaves_no_thread() -> None:
    """Whatever names requests make up, each is refused, and nothing is kept of it; one that serves is not disturbed."""
    world = World("a")
    made_up = [VersionId(f"v{number}") for number in range(20)]
    for version in made_up:
        with pytest.raises(UnknownVersion):
            world.begin(version=version).future.result(PATIENCE_S)
    for version in made_up:
        until_gone(f"recordings {version}")
    assert world.recordings._lanes._lanes == {}
    assert world.begin().future.result(PATIENCE_S)


def test_no_recording_is_lost_while_versions_come_and_go() -> None:
    """Under a scheduler in a hurry, with versions replaced, dropped and failed, each call is answered, by a version
    that was there. Guard: a call that a closed lane refuses, or gives back, is begun again."""
    world, over = World("a", "b", "c"), threading.Event()
    calls: list[list[Call]] = [[] for _ in range(4)]
    data = recording(0.1)

    def ask(number: int) -> None:
        for turn in range(60):
            calls[number].append(world.begin(data, key=f"{number}-{turn}"))

    def replace() -> None:
        while not over.is_set():
            for name in "bca":
                version = world.serve(name)
                for other in set(world.versions.values()) - {version}:
                    world.recordings.drop(other)

    replacing = threading.Thread(target=replace)
    replacing.start()
    try:
        with hectic(), shaken(files=("lanes.py", "recordings.py")), crowd(4, ask):
            pass
    finally:
        over.set()
        replacing.join(PATIENCE_S)
    for call in (call for each in calls for call in each):
        assert call.future.result(PATIENCE_S).detections[0].model.version in world.versions.values()
    assert world.leases == 0


def test_a_client_that_goes_before_its_turn_costs_nothing() -> None:
    """A call that was cancelled while it waited is never begun: no lease, no sound of it."""
    world, gate = World("a", threads=1), Gate()
    world.during["a"] = lambda _: gate()
    first, gone = world.begin(), world.begin()
    assert gate.reached.wait(PATIENCE_S)
    gone.cancel()
    gate.open.set()
    first.future.result(PATIENCE_S)
    world.begin().future.result(PATIENCE_S)  # behind it: its turn has come and gone
    with pytest.raises(CancelledError):
        gone.future.result()
    until_released(world, 2)
    assert world.outcomes() == [Outcome.OK] * 2


def test_a_client_that_goes_in_the_middle_ends_the_work() -> None:
    """The work stops at its next block of audio, and its lease counts neither for nor against."""
    world, gate = World("a"), Gate()
    world.during["a"] = lambda _: gate()
    call = world.begin(recording(120))
    assert gate.reached.wait(PATIENCE_S)
    call.cancel()
    blocks: list[object] = []
    world.during["a"] = blocks.append
    gate.open.set()
    until_released(world, 1)
    assert world.outcomes() == [Outcome.CANCELLED]
    assert blocks == []


def test_a_call_that_stalls_is_answered_elsewhere_once_and_its_version_fails() -> None:
    """The version that hangs leaves the route, the one before answers, and the late return changes nothing."""
    world, gate = World("a", "b"), Gate()
    world.serve("b")
    world.during["b"] = lambda _: gate()
    call = world.begin()
    assert gate.reached.wait(PATIENCE_S)
    world.watch.look()
    assert call.future.result(PATIENCE_S).detections[0].model.version == world.versions["a"]
    status = world.board.snapshot()[world.versions["b"]]
    assert (status.state, status.stranded) == (State.FAILED, 1)
    gate.open.set()  # it comes back after all
    until_released(world, 2)
    assert sorted(outcome.value for outcome in world.outcomes()) == ["abandoned", "ok"]


@pytest.mark.parametrize("kind", [RuntimeError, SystemExit, AudioUndecodable])
def test_an_error_that_comes_late_is_nobody_s_answer(kind: type[BaseException]) -> None:
    """A call that was given up and then raises, before another version has answered, does not fail its caller."""
    world, gate, other, hanging = World("a", "b"), Gate(), Gate(), list[threading.Thread]()
    world.serve("b")

    def hang(_: object) -> None:
        hanging.append(threading.current_thread())
        gate()
        raise kind("the device timed out")

    world.during |= {"b": hang, "a": lambda _: other()}
    call = world.begin()
    assert gate.reached.wait(PATIENCE_S)
    world.watch.look()
    assert other.reached.wait(PATIENCE_S)
    world.recordings.drop(world.versions["b"])
    gate.open.set()
    hanging[0].join(PATIENCE_S)
    assert not hanging[0].is_alive()
    assert not call.future.done()
    other.open.set()
    assert call.future.result(PATIENCE_S).detections[0].model.version == world.versions["a"]


def test_a_call_that_stalls_everywhere_is_an_error() -> None:
    """Given up a second time its caller is told: it does not go on to hang every version that there is."""
    world, gate, other = World("c", "a", "b"), Gate(), Gate()
    world.serve("a")
    world.serve("b")
    world.during |= {"b": lambda _: gate(), "a": lambda _: other()}
    call = world.begin()
    for reached in (gate, other):
        assert reached.reached.wait(PATIENCE_S)
        world.watch.look()
    with pytest.raises(InferenceFailed, match="given up"):
        call.future.result(PATIENCE_S)
    assert world.board.route == Route(world.versions["c"])
    assert world.begin().future.result(PATIENCE_S)
    gate.open.set()
    other.open.set()


def test_a_call_that_stalls_with_nowhere_to_go_is_an_error() -> None:
    """The only version hangs, or the one that it must be: its caller is told at once, whatever else serves."""
    world, gate, other = World("a", "b"), Gate(), Gate()
    world.during |= {"b": lambda _: gate(), "a": lambda _: other()}
    pinned = world.begin(version=world.versions["b"])
    assert gate.reached.wait(PATIENCE_S)
    world.watch.look()
    alone = world.begin()
    assert other.reached.wait(PATIENCE_S)
    world.watch.look()
    for call in (pinned, alone):
        with pytest.raises(InferenceFailed, match="given up"):
            call.future.result(PATIENCE_S)
    with pytest.raises(NotReady):
        world.begin()
    gate.open.set()
    other.open.set()


def test_a_call_has_one_outcome_however_many_come() -> None:
    """Answers, errors and a cancellation at once from many threads leave the first, and raise nothing."""
    for _ in range(200):
        call, barrier = Call(b"", Ask("k")), threading.Barrier(3)

        def late(finish: Any, barrier: threading.Barrier = barrier) -> None:
            barrier.wait(PATIENCE_S)
            finish()

        finishers = (lambda c=call: c.answer(Answer(())), lambda c=call: c.fail(NotReady("x")), call.cancel)
        failures: list[BaseException] = []

        def run(finish: Any, failures: list[BaseException] = failures) -> None:
            try:
                late(finish)
            except BaseException as error:  # noqa: BLE001  # the thread's word is the test's
                failures.append(error)

        threads = [threading.Thread(target=run, args=(finish,)) for finish in finishers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert call.future.done()
        assert failures == []


def failing(_: object) -> None:
    raise RuntimeError("broken")


def on_trial(world: World, name: str = "b") -> str:
    """Let every key be the canary's."""
    world.board.switch(Route(world.versions["a"], canary=world.versions[name], canary_share=1.0))
    return world.versions[name]


@pytest.mark.parametrize("place", ["trial", "bake time"])
def test_what_a_new_version_fails_at_is_answered_by_the_old_one(place: str) -> None:
    """Once, and by name: the caller sees no failure, and it counts, for the old version could answer."""
    world = World("a", "b")
    new = on_trial(world) if place == "trial" else world.serve("b")
    world.during["b"] = failing
    answer = world.begin().future.result(PATIENCE_S)
    assert answer.detections[0].model.version == world.versions["a"]
    until_released(world, 2)
    assert world.outcomes() == [Outcome.FAILED, Outcome.OK]
    (fell,) = world.fallen
    assert (fell.version, fell.instead, fell.code, fell.answered) == (
        new,
        world.versions["a"],
        "inference_failed",
        True,
    )
    assert fell.item == item_of(recording())


def test_what_was_in_a_version_that_died_is_answered_by_what_serves_then() -> None:
    """Its calls come back when it has left the route already, and no version has to prove itself any more."""
    world, gate = World("a", "b"), Gate()
    world.serve("b")

    def die(_: object) -> None:
        gate()
        raise ModelDied("its process was killed")

    world.during["b"] = die
    call = world.begin()
    assert gate.reached.wait(PATIENCE_S)
    world.board.fail(world.versions["b"], "its process was killed")
    gate.open.set()
    assert call.future.result(PATIENCE_S).detections[0].model.version == world.versions["a"]
    assert [(fell.version, fell.answered) for fell in world.fallen] == [(world.versions["b"], True)]


@pytest.mark.parametrize("gone", ["taken back", "replaced"])
def test_what_fails_on_a_version_that_the_route_has_left_is_answered_by_what_serves(gone: str) -> None:
    """It was begun before, and its caller sees no failure."""
    world, gate = World("a", "b"), Gate()
    if gone == "taken back":
        on_trial(world)
    else:
        world.serve("b")

    def fail(_: object) -> None:
        gate()
        raise RuntimeError("broken")

    world.during["b"] = fail
    call = world.begin()
    assert gate.reached.wait(PATIENCE_S)
    if gone == "taken back":
        world.board.rollback()
    else:
        world.serve("a")
    gate.open.set()
    assert call.future.result(PATIENCE_S).detections[0].model.version == world.versions["a"]


@pytest.mark.parametrize(("asked", "answered"), [(180, True), (999, False)])
def test_parameters_that_only_the_new_version_refuses_are_answered_by_the_old_one(asked: int, answered: bool) -> None:
    """They go against the new version's own: its fault. What both refuse is the caller's."""
    world = World("a", "b", rules={"b": {"window_size_ms": 150}})
    new = on_trial(world)
    call = world.begin(asked={"sil_to_speech_time_thres": asked})
    if answered:
        assert call.future.result(PATIENCE_S).detections[0].model.version == world.versions["a"]
    else:
        with pytest.raises(InvalidParameter, match=r"at most window_size_ms \(200\)"):
            call.future.result(PATIENCE_S)
    until_released(world, 2)
    assert [(fell.version, fell.code, fell.answered) for fell in world.fallen] == [(new, "invalid_parameter", answered)]


def test_what_falls_back_on_a_version_that_goes_in_that_moment_is_answered_all_the_same() -> None:
    """Its lane is closed between the looking and the putting: whatever serves then is asked."""
    world = World("a", "b", "c")
    on_trial(world)
    put = Lane.put
    world.during["b"] = failing

    def gone(lane: Lane[Any], job: Any) -> bool:
        if job.fall is not None and world.board.route != Route(world.versions["c"]):
            world.serve("c")
            return False
        return put(lane, job)

    Lane.put = gone  # type: ignore[assignment, method-assign]
    try:
        answer = world.begin().future.result(PATIENCE_S)
    finally:
        Lane.put = put  # type: ignore[method-assign]
    assert answer.detections[0].model.version == world.versions["c"]


def test_what_both_fail_at_is_not_blamed_on_the_new_one() -> None:
    """The caller gets the old version's error: the input may be at fault."""
    world = World("a", "b")
    on_trial(world)
    world.during.update(a=failing, b=failing)
    with pytest.raises(InferenceFailed, match=f"{world.versions['a']}: RuntimeError: broken"):
        world.begin().future.result(PATIENCE_S)
    assert [fell.answered for fell in world.fallen] == [False]


def test_who_asks_for_a_version_by_name_gets_its_failure() -> None:
    """That one and no other was wanted."""
    world = World("a", "b")
    new = on_trial(world)
    world.during["b"] = failing
    with pytest.raises(InferenceFailed):
        world.begin(version=new).future.result(PATIENCE_S)
    assert world.fallen == []


def test_a_bad_recording_is_no_failure_of_a_version_on_trial() -> None:
    """It is refused at once, by whichever version had it."""
    world = World("a", "b")
    on_trial(world)
    with pytest.raises(AudioUndecodable):
        world.begin(b"no audio").future.result(PATIENCE_S)
    assert world.fallen == []


def test_a_hang_on_trial_is_given_up_soon() -> None:
    """After a second, not after the time that others have; the old version answers, and the trial is over."""
    world, gate = World("a", "b"), Gate()
    world.watch.stall_s = 100
    on_trial(world)
    world.during["b"] = lambda _: gate()
    call = world.begin()
    assert gate.reached.wait(PATIENCE_S)
    while not call.future.done():
        world.watch.look()
        time.sleep(0.02)
    assert call.future.result(PATIENCE_S).detections[0].model.version == world.versions["a"]
    assert world.board.route == Route(world.versions["a"])
    gate.open.set()
