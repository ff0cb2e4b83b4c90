"""(silence probabilities, rules) -> events: the only segment state machine.

It holds state only and sees each frame once, so its events do not depend on how the frames were grouped into calls,
and the rules may change between two frames (``Rules`` come with every call).

The rules of the modes are at the top of ``windowed`` (classic and dynamic) and of ``tight``. When the mode changes
between two frames:

1. What is open stays open, with its start. A new utterance may take any frame that none has taken.
2. The decisions of the last frames are handed on: the window of classic and dynamic mode has them, and tight mode goes
   on with the speech that they end with.
3. In tight mode all frames of an utterance that another mode opened count as voiced, and it is cut at no pause that
   only the other mode heard. In classic and dynamic mode the window counts as speech while an utterance is open; its
   blocks are counted from its start.
"""

from segue.speech.events import Event, Segment, SpeechEnded, SpeechStarted
from segue.speech.rules import Rules
from segue.speech.scorer import SilenceProbs
from segue.speech.tight import Tight
from segue.speech.walk import Heard, Walk
from segue.speech.windowed import Windowed

__all__ = ["Event", "Segment", "Segmenter", "SpeechEnded", "SpeechStarted"]


class Segmenter:
    """One audio stream's segment state. Not thread-safe: one thread at a time."""

    def __init__(self) -> None:
        self._walk: Walk = Windowed(Heard())
        self._rules: Rules | None = None  # those of the last frame, to notice a change

    @property
    def is_open(self) -> bool:
        """Whether an utterance is open."""
        return self._walk.is_open

    @property
    def frame(self) -> int:
        """The next frame to decide."""
        return self._walk.frame

    def accept(self, p_silence: SilenceProbs, rules: Rules) -> list[Event]:
        """Decide the next frames. ``p_silence``: float32 (frames,), in time order."""
        if rules is not self._rules:
            walk: type[Tight] | type[Windowed] = Tight if rules.mode == "tight" else Windowed
            if not isinstance(self._walk, walk):
                self._walk = walk(self._walk.heard)
            self._walk.change_rules(rules)
            self._rules = rules
        return self._walk.accept(p_silence, rules)

    def finish(self) -> list[Event]:
        """No frame follows: the open utterance ends."""
        return [] if self._rules is None else self._walk.finish(self._rules)
