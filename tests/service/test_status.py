"""The service at one moment, as it is reported."""

from segue.service.status import route_report, version_report
from segue.swap import Figures, Route
from tests.swap.models import World


def test_roles_and_shares_follow_the_route() -> None:
    """Primary and canary have what the route gives them, a shadow and what is warm have nothing."""
    world = World()
    primary, canary, shadow, warm = world.ready("a", "b", "c", "d")
    assert route_report(world.board.snapshot()) is None
    world.board.switch(Route(primary, canary=canary, canary_share=0.25, shadow=shadow))
    snapshot = world.board.snapshot()
    found = {
        each.version: version_report(each, snapshot, Figures(requests=3, errors=1), memory_bytes=5, streams=2)
        for each in snapshot.versions
    }
    assert {version: (report.role, report.share) for version, report in found.items()} == {
        primary: ("primary", 0.75),
        canary: ("canary", 0.25),
        shadow: ("shadow", 0.0),
        warm: ("", 0.0),
    }
    route = route_report(snapshot)
    assert route is not None
    assert (route.primary, route.canary, route.canary_share, route.shadow) == (primary, canary, 0.25, shadow)
    report = found[primary]
    assert (report.model.id, report.model.revision, report.model.digest) == ("test/a", "v1", "a")
    assert (report.requests, report.errors, report.memory_bytes, report.streams) == (3, 1, 5, 2)
    assert (report.state, report.leases, report.incarnation, report.failure) == ("ready", 0, 1, "")


def test_a_version_that_failed_says_why() -> None:
    """State and failure are the switchboard's; what is superseded says how long it stays warm."""
    world = World(bake_s=60)
    first, second = world.ready("a", "b")
    world.board.switch(Route(first))
    world.board.switch(Route(second))
    world.clock.now_s += 20
    world.board.fail(second, "made to fail")
    snapshot = world.board.snapshot()
    reports = {
        each.version: version_report(each, snapshot, Figures(), memory_bytes=None, streams=0)
        for each in snapshot.versions
    }
    assert (reports[second].state, reports[second].failure) == ("failed", "made to fail")
    assert reports[first].role == "primary"  # it fell back
