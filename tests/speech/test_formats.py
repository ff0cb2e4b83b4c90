"""Detections as text."""

import dataclasses
import json
import os

import numpy as np
import pytest

from segue.speech.detection import Detection, ModelIdentity
from segue.speech.formats import FORMATS, to_dict, to_failure, to_json, to_jsonl, to_rttm
from segue.speech.names import legible
from segue.speech.presets import Preset
from segue.speech.rules import Rules
from segue.speech.segmenter import Segment

MODEL = ModelIdentity("iic/x", "v1", "d" * 64)
ODD = os.fsdecode(b"caf\xe9.wav")


def detection(*segments: tuple[int, int], channel: int | None = None, p: list[float] | None = None) -> Detection:
    probabilities = None if p is None else np.array(p, dtype=np.float32)
    return Detection(tuple(Segment(*s) for s in segments), 10_000, Rules.of(), MODEL, channel, probabilities)


def test_the_object_has_exactly_the_promised_keys_in_order() -> None:
    """A result is file, duration_ms, model (id, revision, digest), mode and segments, and nothing else."""
    found = to_dict("a.wav", detection((100, 900)))
    assert found == {
        "file": "a.wav",
        "duration_ms": 10_000,
        "model": {"id": "iic/x", "revision": "v1", "digest": "d" * 64},
        "mode": "classic",
        "segments": [{"start_ms": 100, "end_ms": 900}],
    }
    assert list(found) == ["file", "duration_ms", "model", "mode", "segments"]


def test_a_preset_in_effect_is_named() -> None:
    """Beside the mode; without one there is no such key."""
    rules = Rules.of({}, ("request", {"preset": Preset("dusty", "", {"classic": {}})}))
    found = to_dict("a.wav", dataclasses.replace(detection((100, 900)), rules=rules))
    assert list(found) == ["file", "duration_ms", "model", "mode", "preset", "segments"]
    assert found["preset"] == "dusty"


def test_a_service_names_the_version_that_answered() -> None:
    """Where a version of a service answered, the model says which; nothing else of the object changes."""
    alone = detection((100, 900))
    served = dataclasses.replace(alone, model=dataclasses.replace(MODEL, version="v6cadc83c-1f09b2"))
    found = to_dict("a.wav", served)
    assert list(found["model"]) == ["id", "revision", "version", "digest"]
    assert found["model"].pop("version") == "v6cadc83c-1f09b2"
    assert found == to_dict("a.wav", alone)


def test_split_channels_are_an_object_each() -> None:
    """Each channel is one object that says which it is, from 0."""
    lines = to_jsonl("a.wav", [detection(channel=0), detection((0, 10), channel=1)])
    assert [json.loads(line)["channel"] for line in lines] == [0, 1]


def test_probabilities_are_numbers_of_six_decimals() -> None:
    """Probabilities come last, one a frame, within 1e-6, also where there are none."""
    p = [0.0, 1.0, 0.123456789, 3e-7]
    (text,) = to_json("a.wav", [detection(p=p)])
    assert json.loads(text)["probabilities"] == pytest.approx(p, abs=1e-6)
    assert list(json.loads(text))[-1] == "probabilities"
    assert json.loads(to_json("a.wav", [detection(p=[])])[0])["probabilities"] == []


def test_many_probabilities_are_all_there() -> None:
    """More of them than are made into text at once keep their number and order."""
    p = np.linspace(0, 1, 25_001)
    (text,) = to_json("a.wav", [detection(p=list(p))])
    assert json.loads(text)["probabilities"] == pytest.approx(p, abs=1e-6)


def test_a_name_with_odd_bytes_becomes_legible() -> None:
    """A file name that is no UTF-8 makes valid UTF-8 in every format, and shows the byte."""
    assert legible(ODD) == "caf\\xe9.wav"
    assert legible("会议.wav") == "会议.wav"
    for form in FORMATS.values():
        text = form.document(form.render(ODD, [detection((0, 10))]))
        assert ("caf\\" in text.encode().decode()) != form.holds_one  # those have no room for a name
    assert to_failure(ODD, "audio", f"{ODD}: bad")["error"]["message"] == "caf\\xe9.wav: bad"


def test_rttm_has_ten_fields_in_seconds() -> None:
    """A line is SPEAKER, the name without blanks, the channel from 1, start and duration with three decimals."""
    lines = to_rttm("my talk", [detection((1230, 4560), channel=1)])
    assert lines == ["SPEAKER my_talk 2 1.230 3.330 <NA> <NA> speech <NA> <NA>\n"]


def test_documents_are_valid_from_none_to_many_inputs() -> None:
    """A JSON document is a list of the objects, JSONL a line each, whatever their number."""
    for count in (0, 1, 3):
        items = [item for n in range(count) for item in to_json(f"{n}.wav", [detection()])]
        document = json.loads(FORMATS["json"].document(items))
        assert [result["file"] for result in document] == [f"{n}.wav" for n in range(count)]
    lines = FORMATS["jsonl"].document(to_jsonl("a.wav", [detection()]) * 2).splitlines()
    assert len([json.loads(line) for line in lines]) == 2


@pytest.mark.parametrize("name", ["json", "jsonl"])
def test_a_failure_is_an_object_too(name: str) -> None:
    """A failed input is its file with the error's code and message."""
    fail = FORMATS[name].fail
    assert fail is not None
    expected = {"file": "a.wav", "error": {"code": "audio_empty", "message": "a.wav: empty"}}
    assert json.loads("".join(fail("a.wav", "audio_empty", "a.wav: empty"))) == expected


def test_line_breaks_in_names_break_no_line() -> None:
    """A file name with a line break is one line of JSONL and of RTTM."""
    for form in (FORMATS["jsonl"], FORMATS["rttm"]):
        assert form.document(form.render("a\nb.wav", [detection((0, 10))])).count("\n") == 1
