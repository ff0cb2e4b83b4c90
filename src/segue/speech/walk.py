"""A mode's walk over frames, and what one walk hands to the next when a stream changes its mode between two frames."""

from dataclasses import dataclass
from typing import Protocol

from segue.speech.events import Event
from segue.speech.rules import Rules
from segue.speech.scorer import SilenceProbs


@dataclass(frozen=True, slots=True)
class Heard:
    """What is so whatever the mode."""

    frame: int = 0
    """The next frame to decide."""
    start: int | None = None
    """First frame of the open utterance; None: none is open."""
    free: int = 0
    """First frame that no utterance has taken."""
    done: bool = False
    """No utterance may follow (``detect_mode`` 0)."""
    decisions: tuple[bool, ...] = ()
    """Speech or not, of the last frames: as many as the mode had in mind."""


class Walk(Protocol):
    """The state of one mode. It sees each frame once; ``change_rules`` comes before the first frame of other rules."""

    frame: int
    """The next frame to decide."""

    @property
    def is_open(self) -> bool:
        """Whether an utterance is open."""
        ...

    @property
    def heard(self) -> Heard:
        """What a walk of another mode needs to go on from here."""
        ...

    def change_rules(self, rules: Rules) -> None:
        """Go on under other rules of the mode: keep what is open and counted."""
        ...

    def accept(self, p_silence: SilenceProbs, rules: Rules) -> list[Event]:
        """Decide the next frames, under the rules of the last ``change_rules``."""
        ...

    def finish(self, rules: Rules) -> list[Event]:
        """No frame follows: end the utterance that is open."""
        ...
