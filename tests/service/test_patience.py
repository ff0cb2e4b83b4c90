"""How long calls may make no progress."""

from segue.service.patience import Patience
from segue.service.watch import Watch
from segue.swap import Health, Outcome, Released, Route, VersionId
from tests.service.boards import Board
from tests.swap.models import Clock


def patience(world: Board, stall_s: float = 60.0) -> tuple[Patience, Health, Clock]:
    clock, health = Clock(), Health()
    return Patience(world.board, health, Watch(stall_s), clock), health, clock


def took(version: VersionId, latency_s: float, audio_s: float) -> Released:
    return Released(version, 1, "k", Outcome.OK, latency_s, audio_s, None)


def test_a_version_that_nothing_stands_beside_has_all_the_time() -> None:
    """There is nobody else to answer."""
    world = Board("a", "b")
    limits, _, _ = patience(world)
    assert [limits.of(version, 20.0) for version in world.versions.values()] == [60.0, 60.0]


def test_on_trial_it_has_ten_times_what_the_other_takes_and_a_second_at_the_least() -> None:
    """For so much audio, by the 99th percentile of the version it would replace; never more than others have."""
    world = Board("a", "b")
    a, b = world.versions.values()
    world.board.switch(Route(a, canary=b, canary_share=0.1))
    limits, health, clock = patience(world)
    assert limits.of(b, 20.0) == 1.0
    assert limits.of(a, 20.0) == 60.0
    health.hear(took(a, 0.4, 20.0))  # 0.02 s a second
    assert limits.of(b, 20.0) == 1.0  # not measured again yet
    clock.now_s += 2
    assert limits.of(b, 20.0) == 4.0
    assert limits.of(b, 2.0) == 1.0
    health.hear(took(a, 100.0, 20.0))
    clock.now_s += 2
    assert limits.of(b, 20.0) == 60.0


def test_in_its_bake_time_it_is_measured_by_the_one_before() -> None:
    """As long as that one is warm."""
    world = Board("a", "b")
    a, b = world.versions.values()
    world.serve("b")
    limits, _, _ = patience(world)
    assert limits.of(b, 20.0) == 1.0
    world.board.close(a)
    assert limits.of(b, 20.0) == 60.0
