"""What the controls say -> what is asked."""

import pytest

from segue.edges.ui.detect.asked import NUMBERS, asked, presets
from segue.speech.presets import PRESETS
from segue.speech.rules import Rules


def test_what_is_left_open_is_the_versions_own() -> None:
    """Nothing is asked for but the probabilities, which the picture shows; each recording has its own key."""
    ask = asked()
    assert (dict(ask.asked), ask.split, ask.probabilities, ask.version) == ({}, False, True, None)
    assert ask.key != asked().key


@pytest.mark.parametrize(
    ("mode", "names"),
    [
        ("", set(NUMBERS)),
        ("classic", {"speech_noise_thres", "max_end_silence_time"}),
        ("tight", {"threshold", "neg_threshold", "min_silence_duration_ms"}),
        ("nonsense", set(NUMBERS)),
    ],
)
def test_only_what_decides_in_the_mode_is_asked(mode: str, names: set[str]) -> None:
    """A number that stayed in a field of another mode is no mistake."""
    numbers = ("0.5", "700", " 0.6 ", "0.5", "200")
    ask = asked(mode=mode, numbers=numbers, channels="split", preset="noisy")
    assert set(ask.asked) == names | {"preset"} | ({"mode"} if mode else set())
    assert ask.split
    if mode != "nonsense":
        Rules.of({}).asking(ask.asked)


def test_an_empty_field_is_left_open() -> None:
    """And 0 is a number."""
    assert dict(asked(mode="classic", numbers=("0", " ", "", None, "")).asked) == {
        "mode": "classic",
        "speech_noise_thres": "0",
    }


def test_every_preset_can_be_chosen() -> None:
    """And none of them."""
    assert set(presets()) == {"none", *PRESETS}
