"""Changes in threads of their own: their steps, and their one outcome."""

import threading
from collections.abc import Callable

import pytest

from segue.errors import ModelNotFound, SegueError, Superseded, UnknownChange
from segue.service.operations import Operation, Operations
from segue.swap import State, Transitioned, VersionId
from tests.swap.models import World
from tests.swap.threads import PATIENCE_S, Gate, crowd, hectic, shaken

VERSION = VersionId("v1")


def begun(work: Callable[[Operation], object], *, of_route: bool = True) -> tuple[Operations, Operation]:
    operations = Operations()
    return operations, operations.run(Operation("switch", "x", who="me", of_route=of_route), work)


def test_the_answer_of_the_work_is_the_operation_s() -> None:
    """It runs in another thread; its answer is in the future, its state and time tell that it is over."""
    threads: list[str] = []
    _, operation = begun(lambda _: threads.append(threading.current_thread().name) or 42)  # type: ignore[func-returns-value]
    assert operation.future.result(PATIENCE_S) == 42
    assert operation.state == "done"
    assert operation.took_s == operation.took_s  # it stands still
    assert threads == [f"switch {operation.id}"]


def test_an_error_of_the_work_is_the_operation_s() -> None:
    """Our own errors come as they are; any other is one line that names the change, with its cause."""

    def fail(_: Operation) -> None:
        raise ModelNotFound("there is none")

    def break_down(_: Operation) -> None:
        raise ZeroDivisionError("by\nzero")

    assert isinstance(begun(fail)[1].future.exception(PATIENCE_S), ModelNotFound)
    _, operation = begun(break_down)
    error = operation.future.exception(PATIENCE_S)
    assert isinstance(error, SegueError)
    assert str(error) == "switch x: ZeroDivisionError: by zero"
    assert isinstance(error.__cause__, ZeroDivisionError)
    assert operation.state == "failed"


def test_steps_are_told_in_order_with_their_times() -> None:
    """Each step has a name, a detail and when it began; of a download's counts only the newest stays."""

    def work(operation: Operation) -> None:
        operation.step("fetch", "downloading model.pt")
        operation.step("fetch", "0.5 of 1.7 MB")
        operation.step("fetch", "1.2 of 1.7 MB")
        operation.step("load")

    _, operation = begun(work)
    operation.future.result(PATIENCE_S)
    assert [(step.step, step.detail) for step in operation.steps] == [
        ("fetch", "downloading model.pt"),
        ("fetch", "1.2 of 1.7 MB"),
        ("load", ""),
    ]
    times_s = [step.at_s for step in operation.steps]
    assert times_s == sorted(times_s)


def test_loading_and_warming_are_steps_of_whoever_prepares_that_version() -> None:
    """What the switchboard says of a version reaches the operation that waits for it, and no other."""
    gate, operations = Gate(), Operations()
    mine, other = (Operation("switch", name, who="me") for name in "ab")
    mine.version = VERSION
    for operation in (mine, other):
        operations.run(operation, lambda _: gate.open.wait(PATIENCE_S))
    for before, after in ((State.NEW, State.LOADING), (State.LOADING, State.WARMING), (State.WARMING, State.READY)):
        operations.hear(Transitioned(VERSION, 1, before, after, ""))
    gate.open.set()
    assert [step.step for step in mine.steps] == ["load", "warm"]
    assert other.steps == ()


def test_what_was_cancelled_ends_at_once_though_its_thread_waits() -> None:
    """When the change is taken away, the operation is superseded at the next look; its thread's word counts no more."""
    world, gate = World(), Gate()
    first, second = world.ready("a", "b")
    del first, second
    operations = Operations()
    operation = Operation("switch", "x", who="me")
    operation.change = world.board.change("x", who="me")
    operations.run(operation, lambda _: gate() or "installed")  # type: ignore[func-returns-value]
    assert gate.reached.wait(PATIENCE_S)
    operations.tend()
    assert not operation.future.done()
    world.board.cancel(who="somebody")
    operation.version = VERSION
    operations.hear(Transitioned(VERSION, 1, State.NEW, State.LOADING, ""))  # and raises nothing
    with pytest.raises(Superseded):
        operation.step("load")
    operations.tend()
    assert isinstance(operation.future.exception(0), Superseded)
    gate.open.set()


def test_an_operation_has_one_outcome_however_many_come() -> None:
    """Its own thread and the one that tends may end it at once: the first word counts, the other raises nothing, and
    whoever looks meanwhile sees whole steps. Guard: the lock."""
    for _ in range(40):
        operation, together = Operation("switch", "x", who="me"), threading.Barrier(4)

        def race(number: int, operation: Operation = operation, together: threading.Barrier = together) -> object:
            for count in range(5):
                operation.step("fetch", f"{count}.0 of 9.9 MB")
                assert all(step.step == "fetch" for step in operation.steps)
            together.wait(PATIENCE_S)
            operation.end(number, error=Superseded("x") if number % 2 else None)
            return operation.future.exception() or operation.future.result()

        with hectic(), shaken(files=("operations.py",), every=2), crowd(4, race) as futures:
            pass
        assert len({future.result() for future in futures}) == 1
        assert len(operation.steps) == 1


def test_the_change_of_the_route_that_is_under_way_is_known() -> None:
    """A preparation alone is none; one that is over is none."""
    gate = Gate()
    operations, operation = begun(lambda _: gate())
    assert [operations.under_way] == [operation]
    gate.open.set()
    operation.future.result(PATIENCE_S)
    assert [operations.under_way] == [None]
    waiting = Gate()
    alone, preparing = begun(lambda _: waiting(), of_route=False)
    assert alone.under_way is None
    waiting.open.set()
    preparing.future.result(PATIENCE_S)


def test_what_waits_its_turn_is_not_under_way_while_another_is() -> None:
    """What is named is what the others wait for, though they came later."""
    operations, turn = Operations(), Gate()
    behind = Operation("switch", "y", who="me")
    behind.waits = True
    operations.run(behind, lambda _: turn())
    assert [operations.under_way] == [behind]  # for want of another
    before = operations.run(Operation("switch", "x", who="me"), lambda _: turn())
    operations.run(Operation("prepare", "z", who="me", of_route=False), lambda _: turn())
    assert [operations.under_way] == [before]
    turn.open.set()


def test_changes_begin_while_others_look() -> None:
    """Threads that begin changes, tend them and ask after them disturb nobody, and none is lost. Guard: the lock."""
    operations = Operations()

    def use(number: int) -> None:
        for _ in range(5):
            mine = operations.run(Operation("switch", str(number), who="me"), lambda _: None)
            operations.tend()
            operations.hear(Transitioned(VERSION, 1, State.NEW, State.LOADING, ""))
            seen = operations.under_way  # once: it may be over a moment later
            assert seen is None or seen.verb == "switch"
            assert operations.find(mine.id) is mine

    with hectic(), shaken(files=("operations.py",), every=2), crowd(6, use):
        pass


def test_a_hundred_are_remembered() -> None:
    """The newest can be asked after when they are over; who asks after an older one is told where to look."""
    operations = Operations()
    known = [operations.run(Operation("switch", str(n), who="me"), lambda _: None) for n in range(150)]
    for operation in known:
        operation.future.result(PATIENCE_S)
    operations.run(Operation("switch", "last", who="me"), lambda _: None).future.result(PATIENCE_S)
    assert operations.find(known[-1].id) is known[-1]
    with pytest.raises(UnknownChange, match="see the history"):
        operations.find(known[0].id)
    assert len(operations._known) <= 102
