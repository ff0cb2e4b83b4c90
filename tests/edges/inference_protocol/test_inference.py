"""A request for inference: what of it is asked of the service."""

import asyncio
import io
import json
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.edges.inference_protocol.inference import Wanted, read_request
from segue.errors import SegueError

AUDIO = {"name": "audio", "shape": [3], "datatype": "FP32", "data": [0.5, -0.5, 0]}


def read(body: object, *, header: str | None = None, version: str | None = None) -> Wanted:
    """What a body, or the JSON of it, asks for."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return asyncio.run(read_request(data, header, version=version, request_id="r1"))


def test_a_request_in_json() -> None:
    """Samples as a wav of 16 kHz, segments wanted in JSON; the key is the request's own ID."""
    wanted = read({"inputs": [AUDIO]})
    values, rate = soundfile.read(io.BytesIO(wanted.recording), dtype="float32")
    assert (values.tolist(), rate) == ([0.5, -0.5, 0], 16_000)
    assert (wanted.id, wanted.outputs, wanted.ask.key) == ("", (("segments", False),), "r1")
    assert (wanted.ask.version, wanted.ask.probabilities, dict(wanted.ask.asked)) == (None, False, {})


def test_all_that_can_be_asked_for() -> None:
    """ID, key, rate, mode, preset and decision parameters, version, outputs in their forms."""
    wanted = read(
        {
            "id": "mine",
            "inputs": [AUDIO],
            "outputs": [{"name": "probabilities", "parameters": {"binary_data": True}}, {"name": "segments"}],
            "parameters": {
                "sample_rate": 8000,
                "key": "k",
                "mode": "tight",
                "threshold": 0.5,
                "priority": 1,
                "timeout": 9,
            },
        },
        version="v1",
    )
    assert soundfile.info(io.BytesIO(wanted.recording)).samplerate == 8000
    assert (wanted.id, wanted.ask.key, wanted.ask.version) == ("mine", "k", "v1")
    assert dict(wanted.ask.asked) == {"mode": "tight", "threshold": 0.5}
    assert wanted.outputs == (("probabilities", True), ("segments", False))
    assert wanted.ask.probabilities


def test_a_request_with_binary_data() -> None:
    """The header says where the JSON ends; ``binary_data_output`` is for all outputs that do not say themselves."""
    tensor = {"name": "audio", "shape": [1, 2], "datatype": "INT16", "parameters": {"binary_data_size": 4}}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    wanted = read(head + np.array([1, -1], "<i2").tobytes(), header=str(len(head)))
    values, _ = soundfile.read(io.BytesIO(wanted.recording), dtype="int16")
    assert values.tolist() == [1, -1]
    assert wanted.outputs == (("segments", True),)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([], "a JSON object is wanted"),
        ({}, "a list of tensors"),
        ({"inputs": [AUDIO], "parameters": []}, "an object is wanted"),
        ({"inputs": [AUDIO], "parameters": {"speed": 1}}, "there is no such parameter"),
        ({"inputs": [AUDIO], "parameters": {"sequence_id": 7}}, "/v1/stream"),
        ({"inputs": [AUDIO], "parameters": {"mode": ["tight"]}}, "a text or a number"),
        ({"inputs": [AUDIO], "parameters": {"key": "a\nb"}}, "the parameter key"),
        ({"inputs": [AUDIO], "parameters": {"sample_rate": "8000"}}, "a whole number of Hz"),
        ({"inputs": [AUDIO], "parameters": {"sample_rate": 8000.5}}, "must be a whole number of Hz"),
        ({"inputs": [AUDIO], "parameters": {"sample_rate": 10**4000}}, "a whole number of Hz"),
        ({"inputs": [AUDIO], "parameters": {"sample_rate": 100}}, "a sample rate of 100 Hz"),
        ({"inputs": [AUDIO], "id": 7}, "id is 7"),
        ({"inputs": [AUDIO], "id": "x" * 257}, "at most 256"),
        ({"inputs": [AUDIO], "outputs": {}}, "a list is wanted"),
        ({"inputs": [AUDIO], "outputs": [7]}, "segments and probabilities"),
        ({"inputs": [AUDIO], "outputs": [{"name": ["segments"]}]}, "segments and probabilities"),
        ({"inputs": [AUDIO], "outputs": [{"name": "text"}]}, "segments and probabilities"),
        ({"inputs": [AUDIO], "outputs": [{"name": "segments"}] * 2}, "each once"),
        ({"inputs": [AUDIO], "outputs": [{"name": "segments", "parameters": 1}]}, "binary_data"),
        ({"inputs": [AUDIO], "outputs": [{"name": "segments", "parameters": {"classification": 1}}]}, "classification"),
        ({"inputs": [AUDIO | {"name": "text"}]}, "there is no input 'text'"),
        ({"inputs": [{"name": "sample_rate", "shape": [1], "datatype": "INT32", "data": [8000]}]}, "audio is missing"),
        ({"inputs": [AUDIO | {"datatype": "INT32", "data": [1, 2, 3]}]}, "FP32 and INT16 are taken"),
        ({"inputs": [AUDIO | {"shape": [3, 1]}]}, "one recording a request"),
        ({"inputs": [AUDIO | {"shape": [1, 1, 3]}]}, "one recording a request"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(body: object, said: str) -> None:
    """One short line."""
    with pytest.raises(SegueError) as refused:
        read(body)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 500
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("values", [[8000, 8000], [], [float("nan")], [-8000]])
def test_the_rate_as_a_tensor_is_one_number(values: list[float]) -> None:
    """A whole one; and it is given once."""
    rate = {"name": "sample_rate", "shape": [len(values)], "datatype": "FP32", "parameters": {"binary_data_size": 4}}
    rate["parameters"] = {"binary_data_size": 4 * len(values)}
    head = json.dumps({"inputs": [AUDIO, rate]}).encode()
    with pytest.raises(SegueError, match="sample"):
        read(head + np.array(values, "<f4").tobytes(), header=str(len(head)))
    rate = {"name": "sample_rate", "shape": [1], "datatype": "INT32", "data": [8000]}
    with pytest.raises(SegueError, match="give it once"):
        read({"inputs": [AUDIO, rate], "parameters": {"sample_rate": 8000}})


@pytest.mark.parametrize("header", ["", "-1", "x", "1e3", "9" * 30, "99999", "+5", " 5", "٣"])
def test_a_length_that_is_none_is_refused(header: str) -> None:
    """Of the JSON: digits, and no more of them than there are bytes."""
    with pytest.raises(SegueError, match="Inference-Header-Content-Length"):
        read({"inputs": [AUDIO]}, header=header)


def refusal(body: bytes, header: str | None) -> str:
    """What is said of a body that is refused; empty where it is none. Nothing but an error of ours comes."""
    try:
        wanted = read(body, header=header)
    except SegueError as error:
        return str(error)
    assert wanted.recording[:4] == b"RIFF"
    return ""


_ANY = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
_NAMES = st.sampled_from(
    [
        "inputs",
        "outputs",
        "parameters",
        "name",
        "shape",
        "datatype",
        "data",
        "binary_data_size",
        "audio",
        "FP32",
        "INT16",
    ]
)
_JSON = st.recursive(
    _ANY | _NAMES, lambda part: st.lists(part, max_size=4) | st.dictionaries(_NAMES, part, max_size=5), max_leaves=20
)


@settings(max_examples=150, deadline=None)
@given(_JSON, st.binary(max_size=40), st.none() | st.integers(-2, 200).map(str) | st.text(max_size=4))
def test_whatever_is_sent_is_read_or_refused(value: object, data: bytes, header: str | None) -> None:
    """Any JSON, any bytes behind it, any length: nothing but an error of ours."""
    text = json.dumps(value).encode()
    for length in (header, str(len(text))):
        assert "\n" not in refusal(text + data, length)


@settings(max_examples=150, deadline=None)
@given(
    field=st.sampled_from(["name", "shape", "datatype", "data", "parameters"]),
    value=_JSON | st.lists(st.integers(-1, 2**62), max_size=3),
    size=_ANY | st.integers(0, 16),
    data=st.binary(max_size=16),
)
def test_one_wrong_field_is_read_or_refused(field: str, value: object, size: object, data: bytes) -> None:
    """A tensor that is right but for one of its fields, and the bytes behind it."""
    tensor: dict[str, Any] = {
        "name": "audio",
        "shape": [len(data) // 4],
        "datatype": "FP32",
        "parameters": {"binary_data_size": size},
    }
    text = json.dumps({"inputs": [tensor | {field: value}]}).encode()
    assert "\n" not in refusal(text + data, str(len(text)))
