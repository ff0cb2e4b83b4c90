"""Modes, parameters, precedence and what is refused."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.errors import InvalidParameter
from segue.speech.rules import FUNASR_SCHEDULE, PARAMETERS, Rules

MODEL = {"max_end_silence_time": 500, "speech_noise_thres": 0.7}


def test_defaults_are_funasr_s() -> None:
    """Without any layer the values are those of FunASR's VADXOptions, in classic mode."""
    rules = Rules.of()
    assert rules.mode == "classic"
    assert (rules.max_end_silence_time, rules.speech_noise_thres, rules.window_size_ms) == (800, 0.6, 200)
    assert rules.silence_schedule == ()


def test_precedence() -> None:
    """The model's config is lowest, then the mode, the version's options, the request."""
    assert Rules.of(MODEL).speech_noise_thres == 0.7
    assert Rules.of(MODEL, ("request", {"mode": "dynamic"})).speech_noise_thres == 0.5
    options = ("options", {"speech_noise_thres": 0.3, "mode": "dynamic"})
    assert Rules.of(MODEL, options).speech_noise_thres == 0.3
    assert Rules.of(MODEL, options, ("request", {"speech_noise_thres": 0.4})).speech_noise_thres == 0.4


def test_a_request_s_mode_wins_over_the_version_s() -> None:
    """Where two layers name a mode the higher one counts, and only its defaults are applied."""
    rules = Rules.of(MODEL, ("options", {"mode": "dynamic"})).asking({"mode": "classic"})
    assert (rules.mode, rules.speech_noise_thres, rules.silence_schedule) == ("classic", 0.7, ())


def test_what_was_asked_for_stays_over_other_rules() -> None:
    """A request laid over another version's rules keeps its own values and takes the rest from that version."""
    asked = {"max_end_silence_time": 1200}
    other = Rules.of({"speech_noise_thres": 0.2}, ("options", {"mode": "dynamic"}))
    assert other.asking(asked).max_end_silence_time == 1200
    assert other.asking(asked).mode == "dynamic"
    assert Rules.of(MODEL).asking(asked).speech_noise_thres == 0.7


def test_asking_for_nothing_gives_the_same_rules() -> None:
    """Left open is left alone: the very same object."""
    rules = Rules.of(MODEL)
    assert rules.asking({"mode": None}) is rules


def test_sources_name_the_layer() -> None:
    """Where each value came from can be told."""
    sources = Rules.of(MODEL, ("options", {"do_extend": 0})).asking({"mode": "dynamic"}).sources()
    assert sources["max_end_silence_time"] == "model"
    assert sources["speech_noise_thres"] == "mode"
    assert sources["do_extend"] == "options"
    assert sources["mode"] == "request"
    assert sources["window_size_ms"] == "default"


def test_text_is_accepted_as_from_a_command_line() -> None:
    """Numbers, true and false, and schedules may come as text."""
    rules = Rules.of(
        {},
        ("request", {"do_extend": "false", "speech_noise_thres": "0.25", "silence_schedule": "10000:2000,inf:100"}),
    )
    assert (rules.do_extend, rules.speech_noise_thres) == (0, 0.25)
    assert rules.silence_schedule == ((10_000, 2_000), (float("inf"), 100))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_end_silence_time", -1),
        ("max_end_silence_time", 1.5),
        ("max_end_silence_time", "soon"),
        ("max_end_silence_time", None),
        ("speech_noise_thres", float("nan")),
        ("speech_noise_thres", 2),
        ("speech_2_noise_ratio", 0),
        ("detect_mode", 2),
        ("silence_schedule", "10000:2000"),
        ("silence_schedule", "20000:1,10000:2,inf:3"),
        ("silence_schedule", 7),
        ("silence_schedule", "inf:-1"),
        ("sil_to_speech_time_thres", 300),
        ("mode", "fast"),
        ("snr_mode", 0),
        ("frame_ms", 20),
        ("max_end_silence_time", 10**400),
        ("silence_schedule", [(float("inf"), float("inf"))]),
        ("silence_schedule", "inf:100.9"),
        ("silence_schedule", "nan:100,inf:800"),
        ("mode", np.array(["classic", "dynamic"])),
        ("threshold", 0.5),
    ],
)
def test_bad_parameters_are_refused_by_name(name: str, value: object) -> None:
    """What cannot be meant is refused with the parameter's name and its source."""
    with pytest.raises(InvalidParameter, match=name) as caught:
        Rules.of({}, ("request", {name: value}))
    assert "\n" not in str(caught.value)


def test_every_parameter_can_be_set() -> None:
    """Each published name is accepted and changes the rules' own field."""
    assert set(PARAMETERS) <= set(Rules.of().parameters())
    for name in PARAMETERS:
        value = Rules.of().parameters()[name]
        assert Rules.of({}, ("request", {name: value})).parameters()[name] == value


@given(st.lists(st.floats(0, 1, width=32), min_size=1), st.floats(0.1, 3), st.floats(-0.5, 0.9))
def test_speech_is_funasr_s_inequality(p: list[float], ratio: float, threshold: float) -> None:
    """A frame is speech exactly when 1 - p0 >= p0 ** ratio + threshold, in double precision."""
    rules = Rules.of({"speech_2_noise_ratio": ratio, "speech_noise_thres": threshold})
    decided = rules.is_speech(np.array(p, dtype=np.float32)).tolist()
    assert decided == [1.0 - x >= np.float64(x) ** ratio + threshold for x in p]


def test_schedule_lookup() -> None:
    """The allowed silence is that of the first limit not passed, less the window's own 150 ms, never negative."""
    rules = Rules.of({"mode": "dynamic"})
    assert rules.silence_schedule == FUNASR_SCHEDULE
    assert [rules.end_silence_ms(ms) for ms in (0, 10_000, 10_001, 60_000, 60_001)] == [1850, 1850, 850, 50, 0]
    assert Rules.of().end_silence_ms(10**9) == 650


def test_rules_travel_between_processes() -> None:
    """Pickled, copied and compared they are the same rules, layers and all."""
    rules = Rules.of(MODEL, ("options", {"do_extend": 0})).asking({"mode": "dynamic"})
    for other in (pickle.loads(pickle.dumps(rules)), copy.deepcopy(rules)):
        assert other == rules
        assert other.sources() == rules.sources()


def test_a_caller_s_mapping_can_change_later() -> None:
    """What was given is copied: rules never change."""
    asked: dict[str, object] = {"max_end_silence_time": 300}
    rules = Rules.of(MODEL).asking(asked)
    asked["max_end_silence_time"] = 900
    assert rules.asking({"do_extend": 0}).max_end_silence_time == 300
