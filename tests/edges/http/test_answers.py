"""Answers of the service -> the bytes that go out."""

import asyncio
import json

import numpy as np
import pytest

from segue.edges.http.answers import detected, parameters, to_json
from segue.edges.http.asks import Wanted
from segue.service import Answer, Ask
from segue.speech.detection import Detection, ModelIdentity
from segue.speech.formats import FORMATS, to_jsonl, to_rttm
from segue.speech.parameters import parameters_of
from segue.speech.presets import Preset
from segue.speech.rules import Rules
from segue.speech.segmenter import Segment

MODEL = ModelIdentity("a/b", "v1", "f" * 64, "vffffffff")


def detection(*, channel: int | None = None, frames: int | None = None, rules: Rules | None = None) -> Detection:
    """One of two segments, with so many probabilities."""
    probabilities = None if frames is None else np.linspace(0, 1, frames, dtype=np.float32)
    return Detection(
        (Segment(0, 500), Segment(700, 900)),
        1000,
        rules or Rules.of(),
        MODEL,
        channel=channel,
        probabilities=probabilities,
    )


def said(answer: Answer, wanted: Wanted) -> tuple[str, str]:
    """Text and media type."""
    response = asyncio.run(detected(answer, wanted, name="clip.wav", request_id="r1"))
    assert response.headers["X-Segue-Version"] == "vffffffff"
    assert response.headers["X-Segue-Mode"] == "classic"
    return bytes(response.body).decode(), response.headers["content-type"]


def test_segments_and_what_made_them() -> None:
    """The plain answer: segments, length, mode, model with its version, and the request's ID; no more."""
    text, kind = said(Answer((detection(),)), Wanted(Ask("k")))
    assert kind == "application/json"
    assert json.loads(text) == {
        "segments": [{"start_ms": 0, "end_ms": 500}, {"start_ms": 700, "end_ms": 900}],
        "duration_ms": 1000,
        "mode": "classic",
        "model": {"id": "a/b", "revision": "v1", "version": "vffffffff", "digest": "f" * 64},
        "request_id": "r1",
    }


def test_a_preset_in_effect_is_named() -> None:
    """Beside the mode, in the body and in the headers; where there is none, neither has it."""
    rules = Rules.of({}, ("request", {"preset": Preset("dusty", "", {"classic": {}})}))
    for answer, name in ((Answer((detection(rules=rules),)), "dusty"), (Answer((detection(),)), None)):
        response = asyncio.run(detected(answer, Wanted(Ask("k")), name="clip.wav", request_id="r1"))
        assert json.loads(bytes(response.body)).get("preset") == response.headers.get("X-Segue-Preset") == name


def test_channels_are_apart_where_they_were_split() -> None:
    """One object a channel, each with its number, segments and probabilities, in place of the segments."""
    answer = Answer(tuple(detection(channel=channel, frames=2) for channel in (0, 1)))
    found = json.loads(said(answer, Wanted(Ask("k", split=True, probabilities=True)))[0])
    assert "segments" not in found
    assert [channel["channel"] for channel in found["channels"]] == [0, 1]
    assert [channel["probabilities"] for channel in found["channels"]] == [[0, 1], [0, 1]]
    assert found["duration_ms"] == 1000


@pytest.mark.parametrize("frames", [0, 3, 25_001, 60_001])
def test_probabilities_are_the_same_as_in_files(frames: int) -> None:
    """However many, made here or in a thread, they read as those of ``segue detect``."""
    answer = Answer((detection(frames=frames),))
    found = json.loads(said(answer, Wanted(Ask("k", probabilities=True)))[0])
    assert found["probabilities"] == json.loads(to_jsonl("x", answer.detections)[0])["probabilities"]
    assert len(found["probabilities"]) == frames


@pytest.mark.parametrize(
    "asked",
    [{}, {"mode": "dynamic"}, {"mode": "tight", "threshold": 0.55}, {"silence_schedule": "86400000.5:2000,inf:100"}],
)
def test_parameters_can_be_given_back(asked: dict[str, str]) -> None:
    """The parameters of an answer, sent as a query, ask for the same rules; and they are JSON, infinity and all."""
    rules = Rules.of({}, ("options", asked))
    given = json.loads(to_json(parameters(rules)))
    assert list(given) == list(parameters_of(rules.mode))
    back = Rules.of({}, ("request", {**{name: str(value) for name, value in given.items()}, "mode": rules.mode}))
    assert back == rules


def test_parameters_are_there_where_asked_for() -> None:
    """``parameters=true`` adds them."""
    answer = Answer((detection(rules=Rules.of({}, ("options", {"max_end_silence_time": 500}))),))
    found = json.loads(said(answer, Wanted(Ask("k"), parameters=True))[0])
    assert found["parameters"]["max_end_silence_time"] == 500


def test_other_forms_are_those_of_files() -> None:
    """RTTM and JSON lines are what ``segue detect`` writes of a file of that name."""
    answer = Answer((detection(),))
    text, kind = said(answer, Wanted(Ask("k"), "rttm"))
    assert (text, kind) == ("".join(to_rttm("clip", answer.detections)), "text/plain; charset=utf-8")
    text, kind = said(answer, Wanted(Ask("k"), "jsonl"))
    assert (text, kind) == ("".join(to_jsonl("clip.wav", answer.detections)), "application/jsonl")


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        *(("csv", "text/csv; charset=utf-8"), ("vtt", "text/vtt; charset=utf-8"), ("srt", "application/x-subrip")),
        ("funasr", "application/json"),
        *((form, "text/plain; charset=utf-8") for form in ("rttm", "textgrid", "audacity", "kaldi")),
    ],
)
def test_a_form_says_what_it_is(form: str, kind: str) -> None:
    """Each format of files goes out whole, as the type that programs know it by, or as text."""
    answer = Answer((detection(),))
    text, found = said(answer, Wanted(Ask("k"), form))
    wanted = FORMATS[form]
    name = wanted.names(["clip.wav"])["clip.wav"] if wanted.names else "clip.wav"
    assert (text, found) == (wanted.document(wanted.render(name, answer.detections)), kind)


def test_nan_never_goes_out() -> None:
    """What is no JSON is an error here rather than at every client."""
    with pytest.raises(ValueError, match="JSON"):
        to_json({"x": float("nan")})
