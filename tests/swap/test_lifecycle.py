"""The table of states."""

import itertools

import pytest

from segue.errors import IllegalTransition
from segue.swap.lifecycle import TABLE, State, Step, advance, diagram


@pytest.mark.parametrize(("state", "step"), list(itertools.product(State, Step)))
def test_advance_is_the_table(state: State, step: Step) -> None:
    """Every pair of state and step goes where the table says, or is illegal."""
    if step in TABLE[state]:
        assert advance(state, step) is TABLE[state][step]
    else:
        with pytest.raises(IllegalTransition, match=f"v1 is {state.value}"):
            advance(state, step, subject="v1")


def test_every_state_is_reached_and_left() -> None:
    """Each state but NEW can be reached, each can be left, and each step is of use."""
    assert {after for steps in TABLE.values() for after in steps.values()} == set(State) - {State.NEW}
    assert all(TABLE[state] for state in State)
    assert {step for steps in TABLE.values() for step in steps} == set(Step)


def test_nothing_is_ready_without_warming() -> None:
    """READY comes from WARMING, or back from DRAINING, and from nowhere else."""
    assert {state for state in State if State.READY in TABLE[state].values()} == {State.WARMING, State.DRAINING}


def test_failed_is_never_closed() -> None:
    """From FAILED only a new life begins."""
    assert TABLE[State.FAILED] == {Step.LOAD: State.LOADING}


def test_an_illegal_step_says_what_can_be_next() -> None:
    """The error names the subject, its state, the step and the legal ones."""
    with pytest.raises(IllegalTransition, match=r"^v1 is new: not 'drain' but 'prepare' can be next$"):
        advance(State.NEW, Step.DRAIN, subject="v1")


def test_the_diagram_has_a_line_for_each_transition() -> None:
    """The diagram is the table: one arrow a transition, in Mermaid."""
    lines = diagram().splitlines()
    assert lines[:2] == ["stateDiagram-v2", "    [*] --> NEW"]
    assert len(lines) == 2 + sum(map(len, TABLE.values()))
    assert "    DRAINING --> CLOSED: last lease back" in lines
