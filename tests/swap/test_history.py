"""The history that rollback walks."""

import itertools

from segue.swap.history import LONGEST, after_switch, ways_back
from segue.swap.route import Route
from segue.swap.spec import VersionId

A, B, C = (Route(VersionId(name)) for name in "abc")
TRIAL = Route(VersionId("a"), VersionId("b"), 0.1)
MORE = Route(VersionId("a"), VersionId("b"), 0.5)


def walk(*routes: Route) -> tuple[Route, ...]:
    back: tuple[Route, ...] = ()
    for left, entered in itertools.pairwise(routes):
        back = after_switch(back, left, entered)
    return back


def test_settled_routes_are_remembered() -> None:
    """Each settled route that was left is remembered, the last one last, also when it comes twice."""
    assert walk(A, B, C) == (A, B)
    assert walk(A, B, A, C) == (A, B, A)
    assert after_switch((), None, A) == ()


def test_trials_are_passed_through() -> None:
    """In the middle of a trial, and after its promotion, the way back is to what served before it."""
    assert walk(A, TRIAL, MORE) == (A,)
    assert walk(A, TRIAL, MORE, B) == (A,)


def test_a_trial_that_ends_where_it_began_leaves_no_trace() -> None:
    """After an aborted trial the way back is the one that was there before it."""
    assert walk(C, A, TRIAL, MORE, A) == (C,)


def test_a_second_rollback_goes_one_further_back() -> None:
    """Going back forgets the route left: never forth and back."""
    route, back = next(ways_back((A, B), lambda _: True))
    assert (route, back) == (B, (A,))
    assert next(ways_back(back, lambda _: True)) == (A, ())
    assert list(ways_back((), lambda _: True)) == []


def test_a_way_with_an_unusable_version_is_passed_over() -> None:
    """The nearest route whose versions are all usable is taken, and those passed over are forgotten."""
    assert next(ways_back((A, B, C), lambda version: version in ("a", "b"))) == (B, (A,))


def test_it_is_bounded() -> None:
    """The oldest routes are forgotten."""
    assert walk(*([A, B] * LONGEST))[-1] == A
    assert len(walk(*([A, B] * LONGEST))) == LONGEST
