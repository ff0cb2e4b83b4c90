"""What is asked of one of the two."""

import pytest

from segue.edges.ui.compare.side import Side
from segue.errors import InvalidParameter


def test_what_is_left_open_is_not_asked() -> None:
    """The version that serves, with its own rules; else what was chosen and typed."""
    ask = Side().ask("key")
    assert (ask.key, ask.version, ask.asked, ask.probabilities) == ("key", None, {}, True)
    ask = Side("v1", "tight", "noisy", "threshold=0.6, min_silence_duration_ms=200").ask("key")
    assert ask.version == "v1"
    assert ask.asked == {"mode": "tight", "preset": "noisy", "threshold": "0.6", "min_silence_duration_ms": "200"}
    assert Side("", "", "", "threshold=0.6，neg_threshold=0.5").ask("k").asked == {
        "threshold": "0.6",
        "neg_threshold": "0.5",
    }


@pytest.mark.parametrize("text", ["threshold", "threshold=", "=0.6", "a = 1"])
def test_what_is_no_pair_is_refused(text: str) -> None:
    """With what is accepted."""
    with pytest.raises(InvalidParameter, match="NAME=VALUE"):
        Side(parameters=text).ask("key")
