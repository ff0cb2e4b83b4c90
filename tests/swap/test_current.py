"""The pointer: between its two rows, and only if nothing has changed meanwhile."""

from collections.abc import Callable
from pathlib import Path

import pytest

from segue.errors import Superseded, VersionNotReady
from segue.swap import Entry, Journal, Kind, Route
from tests.swap.models import World


class Watched(Journal):
    """A journal that lets something happen at each durable row."""

    def __init__(self, path: Path) -> None:
        self.before: Callable[[], object] = lambda: None
        self.after: Callable[[], object] = lambda: None
        super().__init__(path, busy_s=0.0)

    def append(self, entry: Entry) -> int:
        self.before()
        seq = super().append(entry)
        self.after()
        return seq


@pytest.fixture
def journal(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "journal.db")


def test_the_pointer_moves_after_the_intent(journal: Watched) -> None:
    """While the intent is being written the old route serves; when switch returns its done row is durable."""
    world = World(journal)
    a, b = world.ready("a", "b")
    world.board.switch(Route(a))
    seen: list[Route | None] = []
    journal.before = journal.after = lambda: seen.append(world.board.route)
    world.board.switch(Route(b))
    assert seen == [Route(a), Route(a)]
    assert journal.pending == 0
    assert journal.history(1)[0].kind is Kind.DONE


def test_a_version_that_fails_while_the_intent_is_written(journal: Watched) -> None:
    """It is not installed, and the journal says that the intent was refused, so no restart tries it."""
    world = World(journal)
    a, b = world.ready("a", "b")
    world.board.switch(Route(a))
    journal.after = lambda: world.board.fail(b, "died")
    with pytest.raises(VersionNotReady, match="died"):
        world.board.switch(Route(b))
    assert world.board.route == Route(a)
    assert [entry.route for entry in journal.last_routes()] == [Route(a)]
    refused = [entry for entry in journal.history() if entry.kind is Kind.REFUSED]
    assert [journal.history()[-entry.of].route for entry in refused if entry.of] == [Route(b)]


def test_a_fall_back_while_the_intent_is_written(journal: Watched) -> None:
    """What serves fails in that moment: the route moves at once, and the switch, decided on the old one, is refused."""
    world = World(journal)
    a, b, c = world.ready("a", "b", "c")
    world.board.switch(Route(a))
    world.board.switch(Route(b))
    journal.after = lambda: world.board.fail(b, "died")
    with pytest.raises(Superseded, match="nothing was installed"):
        world.board.switch(Route(c))
    assert world.board.route == Route(a)
    assert journal.last_routes()[0].route == Route(a)


def test_a_cancel_while_the_intent_is_written(journal: Watched) -> None:
    """Up to the pointer a change can be cancelled."""
    world = World(journal)
    a, b = world.ready("a", "b")
    world.board.switch(Route(a))
    journal.after = lambda: world.board.cancel(who="bob")
    with pytest.raises(Superseded, match="cancelled by bob"):
        world.board.switch(Route(b))
    assert world.board.route == Route(a)
    assert journal.last_routes()[0].route == Route(a)


def test_epochs_go_on_over_restarts(tmp_path: Path) -> None:
    """An epoch remembered from before a restart does not fit by chance."""
    world = World(Watched(tmp_path / "journal.db"))
    a, b = world.ready("a", "b")
    for version in (a, b):
        world.board.switch(Route(version))
    assert World(Watched(tmp_path / "journal.db")).board.epoch == world.board.epoch == 2
