"""A version and its lives."""

import pytest

from segue.errors import IllegalTransition
from segue.swap.lifecycle import State, Step
from segue.swap.version import Version
from tests.swap.models import resolved


def version(*steps: Step) -> Version[str]:
    made: Version[str] = Version(resolved("a"))
    for step in steps:
        made.take(step)
    return made


def test_it_takes_the_steps_of_the_table() -> None:
    """A legal step changes the state of its current life; an illegal one changes nothing and names the version."""
    one = version(Step.LOAD, Step.WARM, Step.FINISH)
    assert (one.state, one.current.number) == (State.READY, 1)
    with pytest.raises(IllegalTransition, match=one.id):
        one.take(Step.LOAD)
    assert one.state is State.READY


@pytest.mark.parametrize("end", [Step.FAIL, Step.CANCEL])
def test_prepared_again_it_keeps_its_name_with_a_new_incarnation(end: Step) -> None:
    """Failed or closed, the next load begins the next life, without the old failure."""
    one = version(Step.LOAD)
    one.take(end, failure="cut short")
    assert one.failure == "cut short"
    one.take(Step.LOAD)
    assert (one.current.number, one.state, one.failure) == (2, State.LOADING, "")


def test_a_life_with_leases_out_is_remembered() -> None:
    """Failed with a lease out and prepared again, both lives count until the older one's lease is back."""
    one = version(Step.LOAD, Step.WARM, Step.FINISH)
    one.current.leases = 1
    one.take(Step.FAIL)
    one.take(Step.LOAD)
    assert [life.number for life in one.lives] == [1, 2]
    one.lives[0].leases = 0
    one.take(Step.FAIL)
    one.take(Step.LOAD)
    assert [life.number for life in one.lives] == [3]


def test_a_model_may_be_none() -> None:
    """What is loaded is known by a flag: None is a model like any other."""
    life = Version[str | None](resolved("a")).current
    seen = [life.loaded]
    life.load(None)
    seen += [life.loaded, life.unload() is not None, life.loaded]
    assert seen == [False, True, False, False]
