"""What is evaluated, and the other one."""

from pathlib import Path

import pytest

from segue.edges.eval.setups import labels, other, setup
from segue.errors import InvalidParameter, SegueError


def nothing(_: str) -> None:
    pass


def test_the_other_is_the_same_but_for_the_change(model_directory: Path) -> None:
    """What was asked for holds in both; the detector is shared, unless the model is what changes."""
    asked = {"max_end_silence_time": "500"}
    first = setup(str(model_directory), asked, say=nothing)
    second = other(first, asked, {"mode": "dynamic", "chunk_size": "200"}, say=nothing)
    assert (first.rules.mode, second.rules.mode, second.rules.chunk_size) == ("classic", "dynamic", 200)
    assert first.rules.max_end_silence_time == second.rules.max_end_silence_time == 500
    assert second.detector is first.detector
    change = {"model": str(model_directory)}
    assert other(first, asked, change, say=nothing).detector is not first.detector


def test_both_are_called_after_what_they_differ_in(model_directory: Path) -> None:
    """The name of what changes, with the value that is in effect."""
    first = setup(str(model_directory), {}, say=nothing)
    change = {"mode": "dynamic", "speech_noise_thres": "0.70"}
    second = other(first, {}, change, say=nothing)
    assert labels(first, second, change) == (
        "mode=classic, speech_noise_thres=0.6",
        "mode=dynamic, speech_noise_thres=0.7",
    )


def test_what_decides_nothing_is_refused(model_directory: Path) -> None:
    """Else both would be alike, and nobody would know why."""
    first = setup(str(model_directory), {}, say=nothing)
    with pytest.raises(InvalidParameter, match=r"threshold .*decides nothing in mode classic"):
        other(first, {}, {"threshold": "0.5"}, say=nothing)
    with pytest.raises(SegueError):
        other(first, {}, {"model": "no/such/directory"}, say=nothing)
