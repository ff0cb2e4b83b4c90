"""Two answers on one recording."""

import pytest

from segue.edges.ui.compare.compared import compared
from segue.speech.detection import Detection, ModelIdentity
from segue.speech.rules import Rules
from segue.speech.segmenter import Segment

IDENTITY = ModelIdentity("test/model", None, "0" * 64, "v1")


def answer(*pairs: tuple[int, int], duration_ms: int = 1000) -> Detection:
    return Detection(tuple(Segment(*pair) for pair in pairs), duration_ms, Rules.of(), IDENTITY)


def test_what_one_alone_holds_is_named() -> None:
    """Stretches of either, how much is decided alike, and how far the boundaries of the second are from the first's."""
    found = compared(answer((100, 300), (600, 700)), answer((150, 350)))
    assert found.only == ([Segment(100, 150), Segment(600, 700)], [Segment(300, 350)])
    assert found.same_share == pytest.approx(0.8)
    assert found.agreement.iou == pytest.approx(150 / 350)
    assert (found.start_shift_ms, found.end_shift_ms) == (50, 50)
    assert found.as_clean is None


def test_silence_agrees_with_silence() -> None:
    """Nothing on either side, and an empty recording: all alike, no shifts."""
    for duration_ms in (0, 1000):
        found = compared(answer(duration_ms=duration_ms), answer(duration_ms=duration_ms))
        assert (found.same_share, found.only, found.start_shift_ms) == (1.0, ([], []), None)


def test_each_side_is_held_against_itself_without_noise() -> None:
    """IoU of a side with its own answer on the clean recording, where there is one."""
    sides = answer((0, 500)), answer((0, 100))
    found = compared(*sides, (answer((0, 250)), sides[1]))
    assert found.as_clean == (0.5, 1.0)


def test_the_shorter_recording_counts() -> None:
    """Two decoders may differ by a block at the end."""
    assert compared(answer((900, 1000)), answer((900, 980), duration_ms=980)).only == ([], [])
