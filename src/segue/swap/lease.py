"""What a request holds on a version: it is not closed before all of these came back."""

from collections.abc import Callable
from types import TracebackType
from typing import Generic, TypeVar, cast

from segue.errors import LeaseReturned
from segue.swap.events import Outcome
from segue.swap.spec import VersionId
from segue.swap.version import Incarnation

T = TypeVar("T")


class Lease(Generic[T]):
    """The use of a model for one request, measured; from ``Switchboard.lease``, taken already.

    A context manager, to be entered in the thread that runs the inference: an Exception out of it is ``failed``, any
    other BaseException ``cancelled``, else it is ``ok``. It comes back exactly once, whoever is first: later calls
    change nothing and say so. ``weight`` may be set until then (seconds of audio, say).
    """

    __slots__ = (
        "_model",
        "_settle",
        "company",
        "is_measured",
        "key",
        "life",
        "outcome",
        "taken_at_s",
        "use",
        "version",
        "weight",
    )

    def __init__(
        self,
        life: Incarnation[T],
        key: str,
        taken_at_s: float,
        settle: "Callable[[Lease[T], Outcome, BaseException | None], bool]",
        company: int = 0,
    ) -> None:
        self._model = cast(T, life.model)
        self._settle = settle
        self.key = key
        self.life = life
        """Belongs to the switchboard."""
        self.version: VersionId = life.version.id
        self.taken_at_s = taken_at_s
        self.weight = 0.0
        self.use = ""
        """What it is for, in a word of the holder's, for whoever counts; to be set as ``weight``."""
        self.is_measured = True
        self.company = company
        """How many calls were in progress when it was taken, this one among them."""
        self.outcome: Outcome | None = None
        """How it ended; None while it is out. Guarded by the switchboard's lock."""

    @property
    def model(self) -> T:
        """The model. Raises LeaseReturned once the lease came back, for then it may be closed."""
        if self.outcome is not None and self.outcome is not Outcome.ABANDONED:
            raise LeaseReturned(f"the lease on {self.version} came back: use the model inside of the with block")
        return self._model

    @property
    def incarnation(self) -> int:
        """Which life of the version this is."""
        return self.life.number

    def release(self, outcome: Outcome = Outcome.OK, *, error: BaseException | None = None) -> bool:
        """Give it back; False if it was back already. In the thread that ran the inference."""
        return self._settle(self, outcome, error)

    def abandon(self) -> bool:
        """Give up a call past its deadline, from any thread; False if it came back in time.

        The version fails, leaves the route, and is never closed, for the call may be in its model for ever; unless the
        switchboard can end it by force.
        """
        return self._settle(self, Outcome.ABANDONED, None)

    def __enter__(self) -> "Lease[T]":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error is None:
            self._settle(self, Outcome.OK, None)
        else:
            self._settle(self, Outcome.FAILED if isinstance(error, Exception) else Outcome.CANCELLED, error)

    def __repr__(self) -> str:
        return f"<Lease on {self.life}: {self.outcome.value if self.outcome else 'out'}>"
