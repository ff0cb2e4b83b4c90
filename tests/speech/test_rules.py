"""Modes, parameters, precedence and what is refused."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.errors import InvalidParameter
from segue.speech.parameters import parameters_of
from segue.speech.presets import PRESETS, Preset
from segue.speech.rules import FUNASR_SCHEDULE, MODES, PARAMETERS, Rules

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
        ("speech_pad_ms", 30),
        ("preset", "no-such"),
        ("preset", None),
        ("threshold", 1.5),
    ],
)
def test_bad_parameters_are_refused_by_name(name: str, value: object) -> None:
    """What cannot be meant is refused with the parameter's name and its source."""
    with pytest.raises(InvalidParameter, match=name) as caught:
        Rules.of({}, ("request", {name: value}))
    assert "\n" not in str(caught.value)


def test_every_parameter_can_be_set() -> None:
    """Each published name is accepted, and is the rules' own field in the modes in which it decides."""
    shown = {name for mode in MODES for name in Rules.of({}, ("request", {"mode": mode})).parameters()}
    assert shown == {*PARAMETERS, "mode", "frame_ms", "schedule_lag_frames"}
    for mode in MODES:
        for name in parameters_of(mode):
            value = Rules.of({}, ("request", {"mode": mode})).parameters()[name]
            asked = Rules.of({}, ("request", {"mode": mode, name: value}))
            assert (asked.parameters()[name], asked.sources()[name]) == (value, "request")


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


# -- presets ---------------------------------------------------------------------------------------------------------

DUSTY = Preset("dusty", "made up", {"classic": {"max_end_silence_time": 300}, "tight": {"threshold": 0.9}})
NEAR = Preset("near", "made up", {"tight": {"threshold": 0.4}}, mode="tight")


def test_a_preset_stands_between_the_mode_and_the_options() -> None:
    """Wherever it is named, its values win over the model's and the mode's, and lose to options and request."""
    rules = Rules.of(MODEL, ("options", {"window_size_ms": 300})).asking({"preset": DUSTY})
    assert (rules.preset, rules.max_end_silence_time, rules.window_size_ms) == ("dusty", 300, 300)
    assert (rules.sources()["max_end_silence_time"], rules.sources()["preset"]) == ("preset", "request")
    assert Rules.of(MODEL, ("options", {"max_end_silence_time": 400})).asking({"preset": DUSTY}).parameters() == {
        **rules.parameters(),
        "max_end_silence_time": 400,
        "window_size_ms": 200,
    }


def test_of_several_presets_the_highest_counts() -> None:
    """And "none", or nothing, takes it away."""
    rules = Rules.of({}, ("options", {"mode": "tight", "preset": DUSTY}))
    assert rules.asking({"preset": NEAR}).threshold == 0.4
    for none in ("none", ""):
        plain = rules.asking({"preset": none})
        assert (plain.preset, plain.threshold) == ("", Rules.of({}, ("options", {"mode": "tight"})).threshold)
        assert "preset" not in plain.parameters()


def test_a_preset_may_mean_a_mode() -> None:
    """Named alone it brings its mode; a mode that is named beside it, or above, counts all the same."""
    rules = Rules.of({}, ("options", {"preset": NEAR}))
    assert (rules.mode, rules.preset, rules.threshold) == ("tight", "near", 0.4)
    above = rules.asking({"mode": "classic"})
    assert (above.mode, above.preset) == ("classic", "")


def test_a_preset_that_sets_nothing_in_the_mode_beside_it_is_refused() -> None:
    """In one breath that is a mistake; over another mode it only rests."""
    with pytest.raises(
        InvalidParameter, match=r"preset=dusty \(request\) sets nothing in mode dynamic; it is for classic"
    ):
        Rules.of().asking({"preset": DUSTY, "mode": "dynamic"})
    resting = Rules.of({}, ("options", {"mode": "dynamic"})).asking({"preset": DUSTY})
    assert (resting.mode, resting.preset) == ("dynamic", "")
    with pytest.raises(InvalidParameter, match="sets nothing in mode dynamic"):
        Rules.of({}, ("options", {"mode": "dynamic"})).asking({"preset": DUSTY}, source="options").settled()


def test_an_unknown_preset_is_refused_with_those_that_are_known() -> None:
    """One line."""
    with pytest.raises(InvalidParameter) as caught:
        Rules.of().asking({"preset": "no-such"})
    assert str(caught.value) == f"preset='no-such' (request): one of {', '.join((*PRESETS, 'none'))}"


def test_a_preset_is_checked_like_any_layer() -> None:
    """A bad value of one's own preset is refused, and says where it came from."""
    with pytest.raises(InvalidParameter, match=r"threshold=3 \(preset\)"):
        Rules.of({}, ("request", {"mode": "tight", "preset": Preset("odd", "", {"tight": {"threshold": 3}})}))


# -- parameters of another mode --------------------------------------------------------------------------------------


def test_what_decides_nothing_rests_until_its_mode_comes() -> None:
    """A version's option, or what a stream asked for, counts under the mode that it belongs to and under no other."""
    version = Rules.of({}, ("options", {"max_end_silence_time": 500}))
    tight = version.asking({"mode": "tight", "threshold": 0.5})
    assert "max_end_silence_time" not in tight.parameters()
    assert tight.asking({"mode": "classic"}).max_end_silence_time == 500
    asked = {"threshold": 0.5}
    assert version.asking(asked) == version
    assert Rules.of({}, ("options", {"mode": "tight"})).asking(asked).threshold == 0.5


@pytest.mark.parametrize(("mode", "name"), [("tight", "max_end_silence_time"), ("classic", "threshold")])
def test_what_decides_nothing_in_the_mode_beside_it_is_refused(mode: str, name: str) -> None:
    """In one breath that is a mistake, whatever version answers."""
    with pytest.raises(InvalidParameter, match=rf"{name} \(request\) decides nothing in mode {mode}, only in"):
        Rules.of().asking({"mode": mode, name: 1})


def test_options_of_a_version_must_decide() -> None:
    """A version's mode is known: an option that does nothing in it is refused, whether or not it was named with it."""
    with pytest.raises(InvalidParameter, match=r"threshold \(options\) decides nothing in mode classic"):
        Rules.of().asking({"threshold": 0.5}, source="options").settled()
    rules = Rules.of(MODEL).asking({"mode": "tight", "threshold": 0.5}, source="options")
    assert rules.settled() is rules


def test_a_bad_value_is_refused_even_where_it_would_rest() -> None:
    """A client learns of it at once, not when a version of that mode comes."""
    with pytest.raises(InvalidParameter, match="threshold='high'"):
        Rules.of().asking({"threshold": "high"})


def test_tight_mode_wants_room_for_its_shortest_speech() -> None:
    """Utterances that must end before they can begin are refused, in the mode in which they would."""
    short = {"max_single_segment_time": 100}
    assert Rules.of({}, ("request", short)).max_single_segment_time == 100
    with pytest.raises(InvalidParameter, match="max_single_segment_time=100: in tight mode at least"):
        Rules.of({}, ("request", {**short, "mode": "tight"}))
