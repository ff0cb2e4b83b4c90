"""What has happened: frozen facts, and the listeners that are told, in the thread that did it, with no lock held.

Facts of different threads may reach a listener in another order than they happened; ``epoch`` orders the routes and
``incarnation`` the lives of a version.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from segue.swap.lifecycle import State
from segue.swap.route import Route
from segue.swap.spec import VersionId

_LOG = logging.getLogger(__name__)


class Outcome(Enum):
    """How a lease ended."""

    OK = "ok"
    FAILED = "failed"
    CANCELLED = "cancelled"
    """The client went away: counts neither for nor against the version."""
    ABANDONED = "abandoned"
    """The call passed its deadline and may never come back."""


@dataclass(frozen=True, slots=True)
class Transitioned:
    """A version took a step. ``why`` is empty, or the reason."""

    version: VersionId
    incarnation: int
    before: State
    after: State
    why: str


@dataclass(frozen=True, slots=True)
class Switched:
    """A route was installed: also the answer of ``switch`` and ``rollback``.

    ``changed`` is False when the route served already: then nothing happened, and no listener hears of it.
    ``recorded`` is False when the journal could not be written: it will be told later. ``prepared`` names the versions
    that had to be prepared again to go back. ``route`` is None when the last version that could serve has failed.
    """

    verb: str
    route: Route | None
    previous: Route | None
    epoch: int
    who: str
    why: str
    changed: bool = True
    recorded: bool = True
    prepared: tuple[VersionId, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A change ended in an error and installed nothing. ``code`` is that of the error."""

    verb: str
    what: str
    who: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Released:
    """A lease came back, once. ``weight`` is what the holder said: seconds of audio, say.

    ``company``: how many calls were in progress when it was taken, on any version, this one among them. ``use``: what
    it was for, in the holder's word.
    """

    version: VersionId
    incarnation: int
    key: str
    outcome: Outcome
    latency_s: float
    weight: float
    error: BaseException | None
    company: int = 0
    use: str = ""


@dataclass(frozen=True, slots=True)
class FellBack:
    """What a version failed at was begun again on ``instead``, the one it would replace, and has ended there.

    ``answered``: whether that one could. Only then does the failure count against the version: else the input may be at
    fault. ``item`` names the input: failures of one stream, or at the same bytes, are of one. ``code`` is the error's.
    """

    version: VersionId
    incarnation: int
    instead: VersionId
    key: str
    item: str
    code: str
    answered: bool


Event: TypeAlias = Transitioned | Switched | Refused | Released | FellBack


class Listeners:
    """The listeners, in the order in which they came. One that raises is logged and harms nobody."""

    def __init__(self, listeners: Iterable[Callable[[Event], None]] = ()) -> None:
        self._listeners = tuple(listeners)  # replaced whole, so that ``tell`` needs no lock

    def __bool__(self) -> bool:
        return bool(self._listeners)

    def add(self, listener: Callable[[Event], None]) -> None:
        """Tell this one too from now on. One thread at a time."""
        self._listeners = (*self._listeners, listener)

    def tell(self, event: Event) -> None:
        """Give the event to all."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:  # noqa: BLE001 -- whatever a listener raises, the others and the request go on
                _LOG.exception("a listener failed at %s", type(event).__name__)
