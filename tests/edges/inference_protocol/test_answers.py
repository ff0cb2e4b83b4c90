"""An answer of the service as the protocol's."""

import asyncio
import json
from typing import Any

import numpy as np

from segue.edges.inference_protocol.answers import HEADER_LENGTH, inferred
from segue.edges.inference_protocol.inference import Wanted
from segue.service import Answer, Ask
from tests.edges.inference_protocol.client import samples
from tests.fakes import loudness_detector


def answer(
    outputs: tuple[tuple[str, bool], ...], *, seconds: float = 4, **asked: Any
) -> tuple[Any, dict[str, str], bytes]:
    """The JSON, the headers and the bytes behind the JSON."""
    found = loudness_detector().detect(samples(seconds), sample_rate=16_000, probabilities=True, **asked)
    wanted = Wanted("mine", b"", Ask("key", probabilities=True), outputs)
    response = asyncio.run(inferred(Answer((found,)), wanted, name="fsmn-vad"))
    headers = dict(response.headers)
    size = int(headers.get(HEADER_LENGTH.lower(), len(response.body)))
    return json.loads(bytes(response.body[:size])), headers, bytes(response.body[size:])


def test_json() -> None:
    """Nothing follows it, and no header says that something would."""
    found, headers, rest = answer((("segments", False),), mode="tight")
    assert found["id"] == "mine"
    assert found["model_name"] == "fsmn-vad"
    assert (found["parameters"]["mode"], found["parameters"]["duration_ms"]) == ("tight", 4000)
    (segments,) = found["outputs"]
    assert (segments["shape"], len(segments["data"])) == ([2, 2], 4)
    assert HEADER_LENGTH.lower() not in headers
    assert rest == b""


def test_binary_outputs_follow_in_their_order() -> None:
    """Beside one in JSON; each with its size."""
    found, headers, rest = answer((("probabilities", True), ("segments", False)))
    first, second = found["outputs"]
    assert first["parameters"]["binary_data_size"] == len(rest) == 400 * 4
    assert "data" not in first
    assert "data" in second
    assert headers["content-type"] == "application/octet-stream"
    assert np.frombuffer(rest, "<f4").max() <= 1


def test_a_long_answer_is_made_in_a_thread() -> None:
    """And is the same."""
    found, _, _ = answer((("probabilities", False),), seconds=600)
    assert found["outputs"][0]["shape"] == [60_000] == [len(found["outputs"][0]["data"])]


def test_the_preset_is_named_where_there_is_one() -> None:
    """And no parameter is null: the protocol has none."""
    assert None not in answer((("segments", False),))[0]["parameters"].values()
    assert answer((("segments", False),), preset="noisy", mode="tight")[0]["parameters"]["preset"] == "noisy"
