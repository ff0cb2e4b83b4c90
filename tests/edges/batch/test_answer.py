"""What a service says, as what a detector would have said."""

import json
from typing import Any

import numpy as np
import pytest

from segue.edges.batch.answer import to_detections, to_serving
from segue.errors import ServerRefused
from segue.speech.detection import ModelIdentity
from segue.speech.parameters import parameters_of
from segue.speech.presets import Preset
from segue.speech.rules import FUNASR_SCHEDULE, Rules
from segue.speech.segmenter import Segment

MODEL = {"id": "iic/x", "revision": None, "version": "v6cadc83c", "digest": "d" * 64}


def said(rules: Rules, **more: Any) -> dict[str, Any]:
    """Through JSON, as it comes."""
    schedule = ",".join(f"{limit_ms:g}:{silence_ms}" for limit_ms, silence_ms in rules.silence_schedule)
    parameters = {name: getattr(rules, name) for name in parameters_of(rules.mode)}
    parameters |= {"silence_schedule": schedule} if "silence_schedule" in parameters else {}
    more = {"preset": rules.preset, **more} if rules.preset else more
    answer = {"duration_ms": 4000, "mode": rules.mode, "model": MODEL, "parameters": parameters, "segments": []} | more
    found: dict[str, Any] = json.loads(json.dumps(answer))
    return found


@pytest.mark.parametrize(
    "rules",
    [
        Rules.of(),
        Rules.of({"max_end_silence_time": 700}, ("request", {"speech_noise_thres": 0.37, "do_extend": 0})),
        Rules.of({}, ("request", {"mode": "dynamic"})),
        Rules.of({}, ("request", {"mode": "tight", "threshold": 0.55})),
        Rules.of({}, ("request", {"mode": "dynamic", "silence_schedule": "1500.5:300,inf:0", "chunk_size": 20_000})),
    ],
)
def test_the_rules_are_those_that_decided(rules: Rules) -> None:
    """Every parameter has the value and type that it had there, so that what is recorded of the maker is the same."""
    (found,) = to_detections(said(rules))
    assert found.rules == rules == to_serving(said(rules)).rules
    assert json.dumps(found.rules.parameters()) == json.dumps(rules.parameters())


def test_a_preset_that_is_not_known_here_is_named_all_the_same() -> None:
    """The service's table may be another one: its preset's name is kept, and the values are those that were said."""
    rules = Rules.of({}, ("request", {"preset": Preset("dusty", "", {"classic": {"max_end_silence_time": 300}})}))
    (found,) = to_detections(said(rules))
    assert found.rules == rules
    assert (found.preset, found.rules.max_end_silence_time) == ("dusty", 300)


def test_the_answer_is_the_detection() -> None:
    """Segments, length and the model's identity, with the version that answered, are as said."""
    answer = said(Rules.of(), segments=[{"start_ms": 10, "end_ms": 500}, {"start_ms": 700, "end_ms": 4000}])
    (found,) = to_detections(answer)
    assert tuple(found) == (Segment(10, 500), Segment(700, 4000))
    assert found.duration_ms == 4000
    assert found.model == ModelIdentity("iic/x", None, "d" * 64, version="v6cadc83c") == to_serving(answer).model
    assert found.channel is None
    assert found.probabilities is None


def test_channels_are_a_detection_each() -> None:
    """Split channels come in order, each with its number, segments and probabilities as float32."""
    channels = [
        {"channel": 0, "segments": [{"start_ms": 0, "end_ms": 10}], "probabilities": [0.25, 1e-7]},
        {"channel": 1, "segments": [], "probabilities": []},
    ]
    left, right = to_detections(said(Rules.of(), channels=channels))
    assert (left.channel, right.channel) == (0, 1)
    assert tuple(left) == (Segment(0, 10),)
    assert left.probabilities is not None
    assert right.probabilities is not None
    assert left.probabilities.dtype == right.probabilities.dtype == np.float32
    assert left.probabilities.tolist() == [0.25, np.float32(1e-7)]
    assert right.probabilities.shape == (0,)


def test_facts_that_nobody_can_ask_for_are_taken_where_they_are_said() -> None:
    """The length of a frame, and what the front end holds back, are the service's if it says them."""
    answer = said(Rules.of())
    answer["parameters"] |= {"frame_ms": 20, "schedule_lag_frames": 7}
    (found,) = to_detections(answer)
    assert (found.rules.frame_ms, found.rules.schedule_lag_frames) == (20, 7)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"model": {"id": "iic/x", "revision": None, "digest": "d"}}, "'version'"),
        ({"parameters": {"loudness": 5}}, "loudness"),
        ({"parameters": None}, "mapping"),
        ({"mode": "odd"}, "odd"),
        ({"segments": None}, "NoneType"),
        ({"segments": [{"start_ms": "soon", "end_ms": 1}]}, "soon"),
        ({"segments": [{"start_ms": float("inf"), "end_ms": 1}]}, "infinity"),
        ({"probabilities": ["x"]}, "x"),
    ],
)
def test_what_is_not_understood_is_one_clear_error(change: dict[str, Any], what: str) -> None:
    """An answer of another release is refused in one line that says what was odd and what to do."""
    with pytest.raises(ServerRefused, match=rf"(?s)not understood \(.*{what}.*upgrade the older") as refused:
        to_detections(said(Rules.of(), **change))
    assert refused.value.code == "not_understood"


def test_the_schedule_of_funasr_comes_through() -> None:
    """Its last limit is infinite, which JSON cannot say as a number."""
    rules = Rules.of({}, ("request", {"mode": "dynamic"}))
    (found,) = to_detections(said(rules))
    assert found.rules.silence_schedule == FUNASR_SCHEDULE
