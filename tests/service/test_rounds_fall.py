"""Live streams over random histories of versions that fail, are tried, taken back, replaced and die."""

import random
from collections.abc import Callable
from contextlib import suppress

import pytest

from segue.errors import SegueError
from segue.service.streams import Failed, Finished, Policy
from segue.swap import Route, State
from tests.service.lives import Ear, World, three
from tests.service.voices import talk


class History:
    """One of them, by its number."""

    def __init__(self, number: int) -> None:
        self.dice = random.Random(number)
        self.world = World(bake_s=600)
        self.good, self.new, self.older = three(self.world)
        self.versions = (self.good, self.new, self.older)
        self.world.serve(self.older)
        self.world.serve(self.good)
        self.world.board.prepare(self.new.id)
        self.open: list[Ear] = []
        self.all: list[Ear] = []

    def step(self) -> None:
        """Something happens, and some of the work that waits is done."""
        acts: list[tuple[int, Callable[[], object]]] = [
            (6, self.listen),
            (20, self.say),
            (2, self.leave),
            (4, self.change_the_route),
            (5, self.break_it),
            (2, self.heal),
            (2, lambda: self.world.pass_by(self.dice.choice([0.3, 6.0]))),
            (4, self.prepare),
        ]
        act = self.dice.choices([act for _, act in acts], [weight for weight, _ in acts])[0]
        with suppress(SegueError):  # what cannot be done now is refused
            act()
        for _ in range(self.dice.randrange(8)):
            self.world.lanes.step()

    def listen(self) -> None:
        if len(self.all) < 6:
            self.all.append(self.world.listen(policy=self.dice.choice(list(Policy))))
            self.open.append(self.all[-1])

    def say(self) -> None:
        if self.open:
            self.dice.choice(self.open).say(talk(self.dice.randrange(9), self.dice.choice([0.2, 0.5, 1.0])))

    def leave(self) -> None:
        if self.open:
            live = self.open.pop(self.dice.randrange(len(self.open))).live
            self.dice.choice([live.finish, live.close])()

    def change_the_route(self) -> None:
        board, act = self.world.board, self.dice.randrange(5)
        if act < 2:
            board.switch(Route(self.good.id, canary=self.new.id, canary_share=1.0))
        elif act == 2:
            board.rollback()
        elif act == 3:
            board.switch(Route(self.dice.choice(self.versions).id))
        else:
            board.fail(self.dice.choice([self.new, self.older]).id, "it died")

    def break_it(self) -> None:
        version = self.new if self.dice.random() < 0.8 else self.good
        setattr(version.trouble, self.dice.choice(["raising", "answering_nan"]), self.dice.choice([1, 2, 10**6]))

    def heal(self) -> None:
        for version in self.versions:
            version.trouble.heal()

    def prepare(self) -> None:
        for version in self.versions:
            if self.world.state(version) is not State.READY:
                self.world.board.prepare(version.id)

    def end(self) -> None:
        """All versions work again, and every stream has said all that it will."""
        self.heal()
        self.prepare()
        self.world.board.switch(Route(self.good.id))
        for ear in self.open:
            ear.live.finish()
        for _ in range(6):
            steps = 0
            while self.world.lanes.step():
                steps += 1
                assert steps < 3000, "a stream goes round and round"
            self.world.pass_by(6.0)


@pytest.mark.parametrize("number", range(40))
def test_whatever_becomes_of_versions_a_stream_is_told_all_and_nothing_twice(number: int) -> None:
    """Each that is not closed ends, with the very events of the versions that had it; every lease comes back."""
    history = History(number)
    for _ in range(60):
        history.step()
    history.end()
    for ear in history.all:
        assert ear.live.is_closed or ear.of(Finished) or any(failed.final for failed in ear.of(Failed))
        if ear.of(Finished):
            ear.check()
    history.world.check_all_is_back()
