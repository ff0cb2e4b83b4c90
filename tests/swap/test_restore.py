"""What served when the process ended serves again: after a clean end, a failure, and kill -9."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from segue.errors import ModelInvalid, NothingToRollBack, NotReady, RestoreFailed, Superseded
from segue.swap import Kind, Route, State, restore
from segue.swap.entry import Entry
from tests.swap.models import World, journal_at, resolved


def ended(directory: Path, *names: str) -> list[Route]:
    """A process that switched among these versions, and ended without a word."""
    world = World(journal_at(directory))
    routes = [Route(version) for version in world.ready(*dict.fromkeys(names))]
    by_name = dict(zip(dict.fromkeys(names), routes, strict=True))
    for name in names:
        world.board.switch(by_name[name])
    return [by_name[name] for name in names]


def test_a_new_journal_restores_nothing(tmp_path: Path) -> None:
    """The answer is None, and the switchboard is not ready."""
    board = World(journal_at(tmp_path)).board
    assert restore(board) is None
    with pytest.raises(NotReady):
        board.lease("k")


def test_the_last_route_serves_again_with_its_history(tmp_path: Path) -> None:
    """The same version, by the same name, is prepared and serves; rollback still knows the way, epochs go on."""
    a, b, c = ended(tmp_path, "a", "b", "c")
    world = World(journal_at(tmp_path))
    restored = restore(world.board)
    assert restored is not None
    assert (restored.switched.route, restored.switched.verb, restored.failures) == (c, "restore", ())
    assert restored.switched.prepared == (c.primary,)
    assert world.board.epoch == 4
    assert world.loads == {"c": 1}
    assert [world.board.rollback().route for _ in range(2)] == [b, a]


def test_rollbacks_go_on_over_restarts(tmp_path: Path) -> None:
    """With a restart between them each rollback goes one further back, prepares the version again and says so."""
    *earlier, _ = ended(tmp_path, "a", "b", "c", "d")
    for route in reversed(earlier):
        world = World(journal_at(tmp_path))
        restore(world.board)
        status = world.board.snapshot()[route.primary]
        assert (status.state, status.bake_left_s) == (State.NEW, None)
        switched = world.board.rollback()
        assert (switched.route, switched.prepared) == (route, (route.primary,))
    again = World(journal_at(tmp_path))
    restore(again.board)
    with pytest.raises(NothingToRollBack):
        again.board.rollback()
    assert (again.board.route, again.loads) == (earlier[0], {"a": 1})


def test_what_was_warm_beside_the_route_is_known_again(tmp_path: Path) -> None:
    """The version that a rollback left is no way back, and can still be switched to by its name: it is not loaded."""
    world = World(journal_at(tmp_path))
    a, b = world.ready("a", "b")
    for version in (a, b):
        world.board.switch(Route(version))
    world.board.rollback()
    again = World(journal_at(tmp_path))
    restore(again.board)
    assert (again.board.snapshot()[b].state, again.loads) == (State.NEW, {"a": 1})
    again.board.prepare(b)
    assert again.board.switch(Route(b)).previous == Route(a)


def test_a_trial_is_restored_whole(tmp_path: Path) -> None:
    """Canary, share, shadow and salt are as they were."""
    world = World(journal_at(tmp_path))
    a, b = world.ready("a", "b")
    world.board.switch(Route(a))
    trial = Route(a, b, 0.25, shadow=b, salt="rollout 7")
    world.board.switch(trial)
    again = World(journal_at(tmp_path))
    restore(again.board)
    assert again.board.route == trial
    assert again.board.rollback().route == Route(a)


def test_a_trial_that_cannot_be_loaded_does_not_cost_its_primary(tmp_path: Path) -> None:
    """Both shares of the trial name the bad canary; what served before the trial serves."""
    world = World(journal_at(tmp_path))
    a, b = world.ready("a", "b")
    for route in (Route(a), Route(a, b, 0.1), Route(a, b, 0.5)):
        world.board.switch(route)
    again = World(journal_at(tmp_path))

    def not_b() -> None:
        if again.loads["b"]:
            again.loads["b"] = 0
            raise ModelInvalid("b is cut short")

    again.during_load = not_b
    restored = restore(again.board)
    assert restored is not None
    assert (restored.switched.route, len(restored.failures)) == (Route(a), 2)


def test_if_the_newest_cannot_be_prepared_the_one_before_serves(tmp_path: Path) -> None:
    """The answer says why; not ready until then."""
    _, b, c = ended(tmp_path, "a", "b", "c")
    world = World(journal_at(tmp_path))

    def only_b() -> None:
        with pytest.raises(NotReady):
            world.board.lease("k")
        if world.loads["b"] == 0:
            raise ModelInvalid("c is cut short")

    world.during_load = only_b
    restored = restore(world.board)
    assert restored is not None
    assert restored.switched.route == b
    assert restored.failures == (f"{c}: c is cut short",)
    assert world.board.snapshot()[c.primary].state is State.FAILED


def test_if_neither_can_be_prepared_it_says_why(tmp_path: Path) -> None:
    """Both reasons are in the error, and nothing serves."""
    ended(tmp_path, "a", "b")
    world = World(journal_at(tmp_path))
    world.load_fault = ModelInvalid("no such file")
    with pytest.raises(RestoreFailed, match=r"no such file; .* no such file"):
        restore(world.board)
    assert world.board.route is None


def test_an_intent_without_a_done_is_tried_first(tmp_path: Path) -> None:
    """Killed between the intent and the pointer: the route being installed is the one that serves."""
    ended(tmp_path, "a")
    b = resolved("b")
    journal_at(tmp_path).append(Entry(Kind.INTENT, route=Route(b.version), versions={b.version: b}))
    world = World(journal_at(tmp_path))
    restored = restore(world.board)
    assert restored is not None
    assert (restored.switched.route, restored.entry.kind) == (Route(b.version), Kind.INTENT)


def test_a_restore_can_be_cancelled(tmp_path: Path) -> None:
    """A shutdown in the middle ends it as Superseded, and does not go on to older routes."""
    ended(tmp_path, "a", "b")
    world = World(journal_at(tmp_path))
    world.during_load = lambda: world.board.shutdown(0)
    with pytest.raises(Superseded):
        restore(world.board)
    assert (world.loads, world.open) == ({"b": 1}, [])


def test_restarts_do_not_wear_out_the_history(tmp_path: Path) -> None:
    """After ten restarts rollback goes to the same route as before the first."""
    a, _ = ended(tmp_path, "a", "b")
    for _ in range(10):
        world = World(journal_at(tmp_path))
        restore(world.board)
    assert world.board.rollback().route == a


# -- kill -9 -------------------------------------------------------------------------------------------------------

CUT = """
import os, signal, sys
from pathlib import Path
from segue.swap import Journal, Kind, Route
from tests.swap.models import World

directory, verb, moment = sys.argv[1:]
armed = False

class Cut(Journal):
    def die(self, here):
        if armed and moment == here:
            os.kill(os.getpid(), signal.SIGKILL)

    def append(self, entry):
        self.die("before the intent")
        seq = super().append(entry)
        self.die("after the intent")
        return seq

    def flush(self):
        if any(entry.kind is Kind.DONE for entry in self._pending):
            self.die("after the pointer")
        return super().flush()

board = (world := World(Cut(Path(directory) / "journal.db"))).board
a, b, c = world.ready(*"abc")
for version in (a, b) if verb == "switch" else (a, b, c):
    board.switch(Route(version))
armed = True
board.switch(Route(c)) if verb == "switch" else board.rollback()
armed = moment = False
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    ("moment", "is_done"),
    [("before the intent", False), ("after the intent", True), ("after the pointer", True), ("after the done", True)],
)
@pytest.mark.parametrize(("verb", "before", "after"), [("switch", "b", "c"), ("rollback", "c", "b")])
def test_kill_9_at_each_moment_of_a_change(
    tmp_path: Path, verb: str, before: str, after: str, moment: str, is_done: bool
) -> None:
    """Until its intent is written the route before serves again, from then on the new one; and the ways back fit."""
    finished = subprocess.run([sys.executable, "-c", CUT, str(tmp_path), verb, moment], env=with_path(), check=False)
    assert finished.returncode == -signal.SIGKILL
    world = World(journal_at(tmp_path))
    restored = restore(world.board)
    assert restored is not None
    serves = after if is_done else before
    assert restored.switched.route == Route(resolved(serves).version)
    assert (restored.failures, world.loads) == ((), {serves: 1})
    ways = {"a": "", "b": "a", "c": "ba"}[serves]
    gone_to = [world.board.rollback().route for _ in ways]
    assert gone_to == [Route(resolved(way).version) for way in ways]
    with pytest.raises(NothingToRollBack):
        world.board.rollback()


SWITCHER = """
import itertools, sys
from pathlib import Path
from segue.swap import Route
from tests.swap.models import World, journal_at

world = World(journal_at(Path(sys.argv[1])))
versions = world.ready(*"abcde")
say = lambda *words: (sys.stdout.write(" ".join(words) + "\\n"), sys.stdout.flush())
for number in itertools.count():
    route = Route(versions[number % 5])
    say("wants", route.primary)
    world.board.switch(route)
    say("has", route.primary)
    if number % 7 == 6:
        route = world.board.snapshot().back[-1]
        say("wants", route.primary)
        world.board.rollback()
        say("has", route.primary)
"""


def with_path() -> dict[str, str]:
    """The environment of a child that imports what this process does."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def killed_once(directory: Path, moment: random.Random) -> None:
    """Kill a process that switches for ever; then its journal is whole, and what it names is what it may name."""
    command = [sys.executable, "-c", SWITCHER, str(directory)]
    before = [entry.route.primary for entry in journal_at(directory).last_routes() if entry.route][:1]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=with_path()) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(moment.randrange(1, 12))]  # then it is somewhere after that
        deadline = moment.random() * 2e5
        while deadline > 0:  # a random moment within a switch, without a clock
            deadline -= 1
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.readlines()
    words = [line.split() for line in lines if line.endswith("\n")]
    acknowledged = (before + [name for verb, name in words if verb == "has"])[-1:]
    wanted = [words[-1][1]] if words[-1][0] == "wants" else []
    journal = journal_at(directory)
    assert journal.notice == ""
    board = World(journal).board
    restored = restore(board)
    served = [] if restored is None or board.route is None else [board.route.primary]
    assert served in ([acknowledged, wanted] if wanted else [acknowledged]), (served, words[-3:])
    journal.close()


def test_kill_9_in_the_middle_of_switches(tmp_path: Path) -> None:
    """Killed at random moments, a restart serves the last acknowledged route or the one being installed."""
    moment = random.Random(3)
    for number in range(20):
        killed_once(tmp_path / str(number), moment)


@pytest.mark.drill
def test_kill_9_many_times(tmp_path: Path) -> None:
    """The same, 100 times, on one journal that grows."""
    moment = random.Random()
    for _ in range(100):
        killed_once(tmp_path, moment)
