"""What one mode hands to another, for both walks."""

import pytest

from segue.speech.tight import Tight
from segue.speech.walk import Heard, Walk
from segue.speech.windowed import Windowed
from tests.speech.frames import rules_of


@pytest.mark.parametrize("mode", ["classic", "dynamic", "tight"])
@pytest.mark.parametrize(
    "heard",
    [
        Heard(),
        Heard(100, None, 0, True),
        Heard(100, 40, 40, False, (True,) * 15 + (False,) * 5),
        Heard(100, None, 90, False, (False,) * 3 + (True,) * 7),
    ],
)
def test_what_was_handed_over_is_handed_on(heard: Heard, mode: str) -> None:
    """Frame, open utterance, what is taken and what was decided: none is lost before a frame has come."""
    rules = rules_of(mode=mode, detect_mode=0)
    walk: Walk = Tight(heard) if mode == "tight" else Windowed(heard)
    walk.change_rules(rules)
    on = walk.heard
    assert (on.frame, on.start, on.free, on.done) == (heard.frame, heard.start, heard.free, heard.done)
    since = heard.frame - heard.free
    assert on.decisions[-since:][-len(heard.decisions) or len(on.decisions) :] == heard.decisions[-since:] or not since
    assert walk.is_open == (heard.start is not None)
