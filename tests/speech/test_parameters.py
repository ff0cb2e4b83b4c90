"""Which parameter decides in which mode."""

import pytest

from segue.errors import InvalidParameter
from segue.speech.parameters import (
    FUNASR_SCHEDULE,
    MODE_DEFAULTS,
    MODES,
    PARAMETERS,
    check_decides,
    parameters_of,
    range_of,
    schedule_text,
    validated,
)


def test_each_mode_has_its_parameters() -> None:
    """Every one decides in some mode; three in all of them; those of tight mode and FunASR's window in no other."""
    assert {name for mode in MODES for name in parameters_of(mode)} == set(PARAMETERS)
    assert parameters_of("classic") == parameters_of("dynamic")
    shared = set(parameters_of("classic")) & set(parameters_of("tight"))
    assert shared == {"detect_mode", "max_start_silence_time", "max_single_segment_time"}


def test_a_mode_s_defaults_are_of_its_own_parameters() -> None:
    """None of them would rest."""
    assert MODE_DEFAULTS.keys() == set(MODES)
    for mode, values in MODE_DEFAULTS.items():
        assert values.keys() <= set(parameters_of(mode))


def test_the_refusal_says_where_it_would_decide() -> None:
    """One line, with the modes in which it does."""
    with pytest.raises(InvalidParameter) as caught:
        check_decides("do_extend", "tight", "--set")
    assert str(caught.value) == (
        "do_extend (--set) decides nothing in mode tight, only in classic and dynamic: "
        "leave it out, or ask for such a mode"
    )


@pytest.mark.parametrize("schedule", [FUNASR_SCHEDULE, ((1_234_567.0, 500), (float("inf"), 100)), ()])
def test_a_schedule_as_text_is_that_schedule_again(schedule: tuple[tuple[float, int], ...]) -> None:
    """Whatever its limits: none is rounded."""
    assert validated("silence_schedule", schedule_text(schedule), "test") == schedule


@pytest.mark.parametrize("value", [True, False, "true", "False"])
def test_true_and_false_are_for_what_is_either(value: object) -> None:
    """A threshold or a time is a number: true is not taken for 1 (found by schemathesis)."""
    assert validated("do_extend", value, "test") == int(str(value).lower() == "true")
    for name in ("threshold", "speech_noise_thres", "max_end_silence_time"):
        with pytest.raises(InvalidParameter, match=f"{name}=.* a number from"):
            validated(name, value, "test")


def test_what_is_accepted_can_be_asked_for() -> None:
    """Of every number, its kind and bounds; a schedule has none."""
    assert range_of("threshold") == (float, 0.0, 1.0)
    assert [name for name in PARAMETERS if range_of(name) is None] == ["silence_schedule"]
