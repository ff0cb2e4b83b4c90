"""A version and its lives. Plain mutable records: all that they hold is guarded by the switchboard's lock."""

from typing import Generic, TypeVar, cast

from segue.swap.lifecycle import State, Step, advance
from segue.swap.spec import Resolved, VersionId

T = TypeVar("T")


class Incarnation(Generic[T]):
    """One life of a version: from a load until the model is closed."""

    __slots__ = ("abandoned", "closing", "leases", "loaded", "model", "number", "state", "version")

    def __init__(self, version: "Version[T]", number: int, state: State) -> None:
        self.version = version
        self.number = number
        self.state = state
        self.model: T | None = None
        self.loaded = False  # whether ``model`` is one: a T may be None
        self.closing = False  # the model was taken out and is being closed, with no lock held
        self.leases = 0
        self.abandoned = 0  # calls that never came back; the model is then never closed

    @property
    def can_serve(self) -> bool:
        """Whether it may be leased, and be in a route once revived."""
        return self.loaded and self.state in (State.READY, State.DRAINING)

    @property
    def is_idle(self) -> bool:
        """Whether nobody uses it and nobody may be in it for ever."""
        return not self.leases and not self.abandoned

    @property
    def is_ending(self) -> bool:
        """Whether the model is closed as soon as it is idle."""
        return self.state in (State.DRAINING, State.FAILED)

    def load(self, model: T) -> None:
        """It has a model now."""
        self.model, self.loaded = model, True

    def unload(self) -> T:
        """Take its model out: nobody can reach it any more through here."""
        model, self.model, self.loaded = self.model, None, False
        return cast(T, model)

    def __str__(self) -> str:
        return f"{self.version.id}#{self.number}"


class Version(Generic[T]):
    """Everything known of a version, over all its lives."""

    __slots__ = (
        "bake_s",
        "failure",
        "id",
        "lives",
        "resolved",
        "serving",
        "stranded",
        "superseded_at_s",
        "wanted",
        "who",
    )

    def __init__(self, resolved: Resolved) -> None:
        self.id: VersionId = resolved.version
        self.resolved = resolved
        self.lives: list[Incarnation[T]] = [
            Incarnation(self, 1, State.NEW)
        ]  # the current one last; earlier ones in use
        self.failure = ""  # why it is FAILED
        self.stranded = 0  # lives with abandoned calls: their memory cannot come back
        self.who = ""  # who wanted the last step
        self.serving = False  # whether the current route names it
        self.wanted = False  # whether the change under way has prepared it: not to be closed
        # Since when it is READY, in no route, and wanted by nobody by name; None: it never served.
        self.superseded_at_s: float | None = None
        self.bake_s = 0.0  # how long it stays warm from then on, if that is longer than the others

    @property
    def current(self) -> Incarnation[T]:
        """Its newest life."""
        return self.lives[-1]

    @property
    def state(self) -> State:
        """That of its current life."""
        return self.current.state

    @property
    def is_preparing(self) -> bool:
        """Whether some thread is loading or warming it."""
        return self.state in (State.LOADING, State.WARMING)

    @property
    def is_gone(self) -> bool:
        """Whether nothing of its current life is loaded, nor ever will be."""
        return self.state in (State.CLOSED, State.FAILED) and not self.current.loaded and not self.current.closing

    def take(self, step: Step, *, failure: str = "") -> None:
        """Take a step of the table. Raises IllegalTransition. A second LOAD begins the next incarnation."""
        before, after = self.state, advance(self.state, step, subject=self.id)
        if step is Step.LOAD and before is not State.NEW:
            lives = [life for life in self.lives if life.leases or life.loaded or life.closing]
            self.lives = [*lives, Incarnation(self, self.current.number + 1, after)]
        self.current.state = after
        self.failure = failure
