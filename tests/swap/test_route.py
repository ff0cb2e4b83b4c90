"""Routes: immutable, and each key's side."""

import dataclasses
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.errors import InvalidRoute
from segue.swap.route import Route
from segue.swap.spec import VersionId

A, B, C = VersionId("a"), VersionId("b"), VersionId("c")
shares = st.floats(0, 1)


@given(st.text(), shares, shares, st.text(max_size=80))
def test_a_key_never_goes_back_as_the_share_grows(key: str, one: float, other: float, salt: str) -> None:
    """A key that has the canary at some share has it at every greater one."""
    small, large = sorted((one, other))
    if Route(A, B, small, salt=salt).choose(key) == B:
        assert Route(A, B, large, salt=salt).choose(key) == B


@given(st.text())
def test_the_ends_of_the_share(key: str) -> None:
    """At share 0 nobody has the canary, at 1 everybody; without canary all have the primary."""
    assert Route(A).choose(key) == Route(A, B, 0.0).choose(key) == A
    assert Route(A, B, 1.0).choose(key) == B


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5])
def test_the_share_is_the_share(share: float) -> None:
    """Of many keys, the share that is asked for has the canary, within four standard deviations."""
    route, n = Route(A, B, share), 20_000
    hits = sum(route.choose(f"user-{i}") == B for i in range(n))
    assert abs(hits - n * share) < 4 * (n * share * (1 - share)) ** 0.5


def test_a_salt_draws_anew() -> None:
    """With another salt other keys have the canary, so not always the same users try everything."""
    one, other = Route(A, B, 0.5, salt="r1"), Route(A, B, 0.5, salt="r2")
    differ = sum(one.choose(str(i)) != other.choose(str(i)) for i in range(1000))
    assert 400 < differ < 600


def test_a_key_has_the_same_side_in_every_process() -> None:
    """The hash is not Python's own, which is seeded anew in each process."""
    code = "from segue.swap import Route; r = Route('a', 'b', 0.5); print(''.join(r.choose(str(i)) for i in range(64)))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    outs = {
        subprocess.run(
            [sys.executable, "-c", code], env={**environment, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    here = "".join(Route(A, B, 0.5).choose(str(i)) for i in range(64))
    assert outs == {here.encode() + b"\n"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"canary": B, "canary_share": 1.1}, "from 0 to 1"),
        ({"canary": B, "canary_share": -0.1}, "from 0 to 1"),
        ({"canary": B, "canary_share": float("nan")}, "from 0 to 1"),
        ({"canary": B, "canary_share": "10"}, "from 0 to 1"),
        ({"canary_share": 0.1}, "has none"),
        ({"salt": "r1"}, "has none"),
        ({"canary": A, "canary_share": 0.1}, "beside itself"),
        ({"shadow": A}, "beside itself"),
        ({"primary": ""}, "needs a primary"),
    ],
)
def test_a_route_that_contradicts_itself(arguments: dict[str, VersionId], says: str) -> None:
    """Each contradiction is refused in words."""
    with pytest.raises(InvalidRoute, match=says):
        Route(**({"primary": A} | arguments))  # type: ignore[arg-type]


def test_a_route_is_immutable() -> None:
    """It is replaced, not changed."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Route(A).primary = B  # type: ignore[misc]


def test_without() -> None:
    """A trial can be taken out of a route; its primary cannot."""
    route = Route(A, B, 0.5, shadow=B, salt="r1")
    assert route.without(B) == Route(A)
    assert Route(A, B, 0.5, shadow=C).without(B) == Route(A, shadow=C)
    assert Route(A, B, 0.5, shadow=C).without(C) == Route(A, B, 0.5)
    assert route.without(A) is None
    assert route.without(C) == route


def test_what_is_in_it() -> None:
    """Its versions are named once each; a trial says so; and it reads as an operator would say it."""
    route = Route(A, B, 0.025, shadow=B)
    assert route.versions == (A, B)
    assert (route.is_trial, Route(A).is_trial) == (True, False)
    assert str(route) == "a + 2.5% b + shadow b"
