"""LocalAI's ``POST /v1/vad``."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from segue.edges.http.app import build
from segue.edges.localai import Detected, Failed, router
from segue.service import Service
from segue.settings import read_settings
from segue.speech.wav import to_wav
from segue.swap import ModelSpec
from tests.edges.http.server import Address, serving
from tests.edges.http.service import LoudService, loud_service, model
from tests.fakes import loudness_detector


@contextmanager
def speaking(service: Service) -> Iterator[Address]:
    """A service's app with this edge, on a port."""
    app = build(service)
    app.include_router(router)
    with serving(app) as address:
        yield address


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoudService]:
    """A model serves."""
    with loud_service(tmp_path_factory.mktemp("home")) as service:
        service.serve(model(tmp_path_factory.mktemp("models"), "first"))
        yield service


@pytest.fixture(scope="module")
def address(service: LoudService) -> Iterator[Address]:
    """Where it answers."""
    with speaking(service) as address:
        yield address


def samples(seconds: float = 4.0) -> NDArray[np.float32]:
    """16 kHz: one second of every two is loud."""
    time_s = np.arange(int(16_000 * seconds)) / 16_000
    loud: NDArray[np.float64] = 0.3 * np.sin(2 * np.pi * 440 * time_s) * (time_s.astype(int) % 2)
    return loud.astype(np.float32)


def post(address: Address, body: object, **headers: str) -> requests.Response:
    """A body, or the JSON of it."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.post(f"{address.url}/v1/vad", data=data, headers=headers, timeout=30)


def detected(values: NDArray[np.float32], **asked: object) -> list[dict[str, float]]:
    """What the detector finds alone, in seconds."""
    found = loudness_detector().detect(values, sample_rate=16_000, **asked)  # type: ignore[arg-type]  # parameters only
    return [{"start": segment.start_ms / 1000, "end": segment.end_ms / 1000} for segment in found]


@pytest.mark.parametrize("seconds", [0.05, 4, 20])
def test_samples_are_answered_in_seconds(address: Address, service: LoudService, seconds: float) -> None:
    """The detector's own segments, of short and long arrays; the headers say which version made them."""
    answer = post(address, {"model": "fsmn-vad", "audio": samples(seconds).tolist()})
    assert answer.status_code == 200
    assert answer.json() == {"segments": detected(samples(seconds))}
    assert (len(answer.json()["segments"]) > 1) == (seconds > 1)
    Detected.model_validate(answer.json(), extra="forbid")
    assert answer.headers["X-Segue-Version"] == service.status().versions[0].version


def test_silence_and_nothing(address: Address) -> None:
    """An empty list, never null."""
    for audio in ([], [0] * 16_000):
        assert post(address, {"model": "fsmn-vad", "audio": audio}).json() == {"segments": []}


def test_the_model_is_one_that_serves(address: Address, service: LoudService) -> None:
    """By any of its names, or unnamed; another is 404, and never answered by what serves instead."""
    for name in ("fsmn-vad", service.status().versions[0].model.id, ""):
        assert post(address, {"model": name, "audio": []}).status_code == 200
    assert post(address, {"audio": []}).status_code == 200
    answer = post(address, {"model": "silero-vad", "audio": []})
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "not_found_error"
    assert "'silero-vad' is served; fsmn-vad" in answer.json()["error"]["message"]


def test_decision_parameters_may_stand_beside(address: Address) -> None:
    """Mode and parameters decide."""
    answer = post(address, {"audio": samples().tolist(), "mode": "tight", "threshold": 0.8})
    assert answer.json()["segments"] == detected(samples(), mode="tight", threshold=0.8)
    assert answer.headers["X-Segue-Mode"] == "tight"


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "no JSON"),
        (b"[]", 400, "a JSON object"),
        (b'{"model": "fsmn-vad"}', 400, "audio is None"),
        (b'{"audio": "abc"}', 400, "audio is 'abc'"),
        (b'{"audio": [1, "2"]}', 400, "audio has '2' in it"),
        (b'{"audio": [[1, 2]]}', 400, "numbers are wanted"),
        (b'{"audio": [true]}', 400, "numbers are wanted"),
        (b'{"audio": [NaN]}', 400, "NaN is no JSON"),
        (b'{"audio": [1' + b"0" * 400 + b"]}", 400, "too large"),
        (b'{"audio": [1e39]}', 422, "audio: "),
        (b'{"audio": [20000, -20000]}', 422, "full scale is 1"),
        (b'{"audio": [], "model": 7}', 400, "model is 7"),
        (b'{"audio": [], "speed": 7}', 400, "'speed' is not taken"),
        (b'{"audio": [], "mode": ["tight"]}', 400, "'mode' is not taken so"),
        (b'{"audio": [0.0], "mode": "odd"}', 422, "classic, dynamic, tight"),
    ],
)
def test_what_cannot_be_detected_is_one_clear_answer(address: Address, body: bytes, status: int, said: str) -> None:
    """In OpenAI's form: code, message of one line, type."""
    answer = post(address, body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (status, status, "invalid_request_error")
    assert said in error["message"]
    assert "\n" not in error["message"]
    Failed.model_validate(answer.json(), extra="forbid")


def test_the_token_where_detection_is_closed(tmp_path: Path) -> None:
    """Missing or wrong it is 401 in the same form; with it the answer."""
    with loud_service(tmp_path / "home", is_open=False) as service, speaking(service) as address:
        service.serve(model(tmp_path, "first"))
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            answer = post(address, {"audio": []}, **headers)
            assert (answer.status_code, answer.json()["error"]["type"]) == (401, "authentication_error")
        own = {"Authorization": f"Bearer {service.token}"}
        assert post(address, {"audio": []}, **own).status_code == 200


def test_bodies_are_bounded(tmp_path: Path) -> None:
    """Large, slow and compressed ones; and while nothing serves it says when to come again."""
    with loud_service(tmp_path / "home", body_idle_s=0.2) as service, speaking(service) as address:
        answer = post(address, {"audio": [0.0]})
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert answer.json()["error"]["type"] == "server_error"
        for headers, status in (
            ({"content_length": "1000000000"}, 413),
            ({"content_length": "10"}, 408),
            ({"content_length": "10", "content_encoding": "gzip"}, 415),
        ):
            with address.raw() as connection:
                connection.ask("POST", "/v1/vad", **headers)
                answered = connection.answer()
            assert (answered.status, answered.json()["error"]["code"]) == (status, status)


def test_a_model_that_fails_is_told_of(tmp_path: Path) -> None:
    """500 and one line."""
    with loud_service(tmp_path / "home") as service, speaking(service) as address:
        service.serve(model(tmp_path, "first"))

        def fail(_: object) -> None:
            raise ValueError("no\nluck")

        service.on_accept = fail
        answer = post(address, {"audio": [0.0] * 16_000})
        assert (answer.status_code, answer.json()["error"]["type"]) == (500, "server_error")
        assert "no luck" in answer.json()["error"]["message"]


def test_a_caller_that_hangs_up_is_not_worked_for(tmp_path: Path) -> None:
    """Its place is free again."""
    with loud_service(tmp_path / "home") as service, speaking(service) as address:
        service.serve(model(tmp_path, "first"))
        reached, opened = threading.Event(), threading.Event()

        def wait(_: object) -> None:
            reached.set()
            assert opened.wait(30)

        service.on_accept = wait
        body = json.dumps({"audio": [0.0] * 16_000}).encode()
        with address.raw() as connection:
            connection.ask("POST", "/v1/vad", content_length=str(len(body)))
            connection.send(body)
            assert reached.wait(30)
        assert service.wait_idle(30)
        opened.set()


def test_segments_equal_those_of_v1_detect(model_directory: Path, speech: NDArray[np.float32], tmp_path: Path) -> None:
    """With the real model, on speech: the same to the millisecond."""
    service = Service(read_settings(home=tmp_path / "home"))
    try:
        service.switch(ModelSpec(str(model_directory)), who="test").future.result(30)
        with speaking(service) as address:
            body = to_wav(speech, rate=16_000)
            found = requests.post(f"{address.url}/v1/detect", data=body, timeout=30).json()["segments"]
            assert len(found) > 3
            answer = post(address, {"model": "fsmn-vad", "audio": speech.tolist()}).json()
            assert answer["segments"] == [
                {"start": each["start_ms"] / 1000, "end": each["end_ms"] / 1000} for each in found
            ]
    finally:
        service.stop(30)


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda part: st.lists(part, max_size=4) | st.dictionaries(st.sampled_from(["model", "audio", "mode"]), part),
    max_leaves=10,
)


@settings(max_examples=40, deadline=None)
@given(body=_JSON, audio=_JSON | st.lists(st.floats() | st.integers(-2, 2)))
def test_whatever_is_sent_is_answered_or_refused(address: Address, body: object, audio: object) -> None:
    """Any JSON, and any audio: never a fault of ours."""
    for each in (body, {"model": "fsmn-vad", "audio": audio}):
        answer = post(address, each)
        assert answer.status_code in (200, 400, 404, 422), answer.text
        if answer.status_code != 200:
            Failed.model_validate(answer.json(), extra="forbid")
