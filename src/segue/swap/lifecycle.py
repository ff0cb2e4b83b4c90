"""The life of a version: a table, and the one function that reads it.

1. *Serving is no state*: it is membership of the current route. Only a READY version may be in one.
2. *Nothing is half ready.* From LOADING and WARMING a version becomes READY whole, FAILED with the reason, or
   CLOSED because what wanted it was cancelled. What was loaded is closed in the last two cases.
3. *Superseded is still READY*: warm for its bake time, so that going back is one pointer.
4. *DRAINING waits for its leases* and gets no new ones from the route. It is CLOSED when the last comes back, never
   before; until then it can be wanted again.
5. *FAILED is out of every route.* Leases that are out may finish; its model is closed with the last of them, unless
   a call on it was abandoned: a thread may still be in it, so it is never closed and its memory cannot come back.
   Where calls can be ended by force they are, and it is closed like any other.
6. *Again.* A CLOSED or FAILED version may be prepared again: same name, next incarnation.
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from segue.errors import IllegalTransition


class State(Enum):
    """Where a version is in its life."""

    NEW = "new"
    LOADING = "loading"
    WARMING = "warming"
    READY = "ready"
    DRAINING = "draining"
    CLOSED = "closed"
    FAILED = "failed"


class Step(Enum):
    """What moves it on."""

    LOAD = "prepare"
    WARM = "loaded"
    FINISH = "warmed"
    DRAIN = "drain"
    REVIVE = "wanted again"
    CLOSE = "last lease back"
    CANCEL = "cancelled"
    FAIL = "fail"


TABLE: Mapping[State, Mapping[Step, State]] = MappingProxyType(
    {
        State.NEW: {Step.LOAD: State.LOADING},
        State.LOADING: {Step.WARM: State.WARMING, Step.CANCEL: State.CLOSED, Step.FAIL: State.FAILED},
        State.WARMING: {Step.FINISH: State.READY, Step.CANCEL: State.CLOSED, Step.FAIL: State.FAILED},
        State.READY: {Step.DRAIN: State.DRAINING, Step.FAIL: State.FAILED},
        State.DRAINING: {Step.REVIVE: State.READY, Step.CLOSE: State.CLOSED, Step.FAIL: State.FAILED},
        State.CLOSED: {Step.LOAD: State.LOADING},
        State.FAILED: {Step.LOAD: State.LOADING},
    }
)


def advance(state: State, step: Step, *, subject: str = "a version") -> State:
    """The state after ``step``. Raises IllegalTransition, naming the ``subject`` and what it could do instead."""
    try:
        return TABLE[state][step]
    except KeyError:
        legal = ", ".join(repr(legal.value) for legal in TABLE[state])
        raise IllegalTransition(f"{subject} is {state.value}: not {step.value!r} but {legal} can be next") from None


def diagram() -> str:
    """The table as a Mermaid state diagram, for docs/operating.md."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.NEW.name}"]
    lines += [
        f"    {state.name} --> {after.name}: {step.value}"
        for state, steps in TABLE.items()
        for step, after in steps.items()
    ]
    return "\n".join(lines) + "\n"
