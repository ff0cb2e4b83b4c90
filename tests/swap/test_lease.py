"""A lease alone; what it does to its version is in test_switchboard."""

import pytest

from segue.errors import LeaseReturned
from segue.swap.events import Outcome
from segue.swap.lease import Lease
from segue.swap.version import Version
from tests.swap.models import resolved


def lease(settled: list[Outcome]) -> Lease[str]:
    life = Version[str](resolved("a")).current
    life.load("model")

    def settle(lease: Lease[str], outcome: Outcome, _: BaseException | None) -> bool:
        settled.append(outcome)
        lease.outcome = outcome
        return True

    return Lease(life, "key", 0.0, settle)


def test_the_model_is_there_until_the_lease_came_back() -> None:
    """Afterwards asking for it is an error that says what to do."""
    settled: list[Outcome] = []
    with lease(settled) as out:
        assert out.model == "model"
        assert repr(out).endswith("#1: out>")
    assert settled == [Outcome.OK]
    with pytest.raises(LeaseReturned, match="inside of the with block"):
        _ = out.model


def test_an_abandoned_call_still_has_its_model() -> None:
    """The thread that hangs in it must not fall over: the version is never closed."""
    out = lease([])
    out.abandon()
    assert out.model == "model"


@pytest.mark.parametrize(
    ("error", "outcome"), [(RuntimeError(), Outcome.FAILED), (KeyboardInterrupt(), Outcome.CANCELLED)]
)
def test_an_error_passes_through(error: BaseException, outcome: Outcome) -> None:
    """The lease notes it and swallows nothing."""
    settled: list[Outcome] = []
    with pytest.raises(type(error)), lease(settled):
        raise error
    assert settled == [outcome]
