"""What was heard: the facts of audio, which the switchboard's events, of any model, do not have."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from segue.swap import VersionId

_LOG = logging.getLogger(__name__)

RECORDING, STREAM = "recording", "stream"
"""What a lease is for: a whole recording, or a round of a live stream."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A version found so much speech: in a recording, or with the events of a round of a live stream.

    ``events`` were told to the client's connection ``delay_s`` after the oldest chunk came that was not decided then.
    """

    version: VersionId
    use: str
    speech_s: float
    events: int = 0
    delay_s: float = 0.0


class Hearing:
    """Tells listeners, in the thread that heard, with no lock held. One that raises is logged and harms nobody."""

    def __init__(self) -> None:
        self._listeners: tuple[Callable[[Heard], None], ...] = ()  # replaced whole, so that ``tell`` needs no lock

    def listen(self, listener: Callable[[Heard], None]) -> None:
        """Tell this one too from now on. One thread at a time."""
        self._listeners = (*self._listeners, listener)

    def tell(self, heard: Heard) -> None:
        """Give the fact to all."""
        for listener in self._listeners:
            try:
                listener(heard)
            except Exception:  # noqa: BLE001 -- whatever a listener raises, the others and the audio go on
                _LOG.exception("a listener failed at what was heard")
