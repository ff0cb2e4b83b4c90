"""The protocol's addresses, as Triton's own client uses them."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import tritonclient.http as triton
from numpy.typing import NDArray
from tritonclient.utils import InferenceServerException

from segue.service import Service
from segue.settings import read_settings
from segue.speech.wav import to_wav
from segue.swap import ModelSpec
from tests.edges.http.server import Address
from tests.edges.http.service import LoudService, loud_service, model
from tests.edges.inference_protocol.client import NAME, Client, audio, client_of, post, samples, speaking
from tests.fakes import loudness_detector
from tests.hub.loopback import Hub, model_files


def detected(values: NDArray[Any], **asked: object) -> list[list[int]]:
    """What the detector finds alone."""
    found = loudness_detector().detect(values, sample_rate=16_000, **asked)  # type: ignore[arg-type]  # parameters only
    return [[segment.start_ms, segment.end_ms] for segment in found]


def pcm(values: NDArray[np.float32]) -> NDArray[np.int16]:
    """As 16-bit."""
    return np.rint(values * 32767).astype(np.int16)


def test_the_server_is_alive_and_ready(client: Client) -> None:
    """Server, model and version say so to the client; what is not there is not ready."""
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(NAME)
    (version,) = client.get_model_metadata(NAME)["versions"]
    assert client.is_model_ready(NAME, version)
    assert not client.is_model_ready("other")
    assert not client.is_model_ready(NAME, "v0")


def test_metadata(client: Client, service: LoudService) -> None:
    """The extensions it speaks; a model's versions, inputs and outputs, under its own name and its model's."""
    about = client.get_server_metadata()
    assert about["name"] == "segue"
    assert {"binary_tensor_data", "model_repository"} <= set(about["extensions"])
    found = client.get_model_metadata(NAME)
    (version,) = service.status().versions
    assert found["versions"] == [version.version]
    assert [each["name"] for each in found["inputs"]] == ["audio", "sample_rate"]
    assert [(each["name"], each["datatype"]) for each in found["outputs"]] == [
        ("segments", "INT64"),
        ("probabilities", "FP32"),
    ]
    assert client.get_model_metadata(version.model.id)["versions"] == [version.version]
    assert client.get_model_metadata(NAME, version.version)["versions"] == [version.version]


@pytest.mark.parametrize("shape", ["n", "1n"])
@pytest.mark.parametrize("kind", ["FP32", "INT16"])
@pytest.mark.parametrize("binary", [True, False])
def test_audio_tensors_are_answered(client: Client, *, binary: bool, kind: str, shape: str) -> None:
    """Floats and 16-bit, [n] and [1, n], binary (the client's default) and JSON: the detector's own segments."""
    values: NDArray[Any] = samples() if kind == "FP32" else pcm(samples())
    expected = detected(values)
    assert len(expected) == 2
    given = audio(values if shape == "n" else values[np.newaxis], binary=binary)
    outputs = None if binary else [triton.InferRequestedOutput("segments", binary_data=False)]
    result = client.infer(NAME, [given], outputs=outputs, request_id="mine")
    assert result.as_numpy("segments").tolist() == expected
    assert result.as_numpy("segments").dtype == np.int64
    assert result.get_response()["id"] == "mine"


def test_the_answer_says_what_decided(client: Client, service: LoudService) -> None:
    """The version, the mode, the model and the length of the audio."""
    result = client.infer(NAME, [audio(samples())], parameters={"mode": "tight", "threshold": 0.8}).get_response()
    (version,) = service.status().versions
    assert (result["model_name"], result["model_version"]) == (NAME, version.version)
    assert result["parameters"] == {"mode": "tight", "model_id": version.model.id, "duration_ms": 4000}


def test_a_named_version(client: Client, service: LoudService) -> None:
    """Answers to its name; one that is not known is an error of the protocol."""
    (version,) = service.status().versions
    result = client.infer(NAME, [audio(samples())], model_version=version.version)
    assert result.as_numpy("segments").tolist() == detected(samples())
    with pytest.raises(InferenceServerException, match="no version 'v0'") as refused:
        client.infer(NAME, [audio(samples())], model_version="v0")
    assert refused.value.status() == "404"


@pytest.mark.parametrize("binary", [True, False])
def test_probabilities_beside_the_segments(client: Client, *, binary: bool) -> None:
    """One a frame, exactly as the detector has them."""
    outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("probabilities", "segments")]
    result = client.infer(NAME, [audio(samples())], outputs=outputs)
    expected = loudness_detector().detect(samples(), sample_rate=16_000, probabilities=True)
    np.testing.assert_array_equal(result.as_numpy("probabilities"), expected.probabilities)
    assert result.as_numpy("segments").tolist() == detected(samples())


def test_silence_has_no_segments(client: Client) -> None:
    """Shape [0, 2], binary and not; no samples at all are silence too."""
    for values in (np.zeros(16_000, np.float32), np.zeros(0, np.float32)):
        assert client.infer(NAME, [audio(values)]).as_numpy("segments").shape == (0, 2)
        outputs = [triton.InferRequestedOutput("segments", binary_data=False)]
        assert client.infer(NAME, [audio(values)], outputs=outputs).as_numpy("segments").shape == (0, 2)


def test_another_sample_rate(client: Client) -> None:
    """As a parameter or as a tensor; without either it is 16 kHz."""
    half = samples()[::2].copy()
    rate = triton.InferInput("sample_rate", [1], "INT32").set_data_from_numpy(np.array([8000], np.int32))
    by_tensor = client.infer(NAME, [audio(half), rate]).get_response()
    by_parameter = client.infer(NAME, [audio(half)], parameters={"sample_rate": 8000}).get_response()
    assert by_tensor["parameters"]["duration_ms"] == by_parameter["parameters"]["duration_ms"] == 4000
    assert client.infer(NAME, [audio(half)]).get_response()["parameters"]["duration_ms"] == 2000


def test_a_large_array_of_json_is_answered_too(client: Client) -> None:
    """Twenty seconds as text."""
    values = samples(20)
    assert client.infer(NAME, [audio(values, binary=False)]).as_numpy("segments").tolist() == detected(values)


def test_segments_equal_those_of_v1_detect(model_directory: Path, speech: NDArray[np.float32], tmp_path: Path) -> None:
    """With the real model, on speech: the same to the millisecond, floats and 16-bit, binary and JSON."""
    settings = read_settings(home=tmp_path / "home")
    service = Service(settings)
    try:
        service.switch(ModelSpec(str(model_directory)), who="test").future.result(30)
        with speaking(service) as address, client_of(address) as client:
            for values in (speech, pcm(speech)):
                body = to_wav(values, rate=16_000)
                found = requests.post(f"{address.url}/v1/detect", data=body, timeout=30).json()["segments"]
                expected = [[segment["start_ms"], segment["end_ms"]] for segment in found]
                assert len(expected) > 3
                result = client.infer(NAME, [audio(values)])
                assert result.as_numpy("segments").tolist() == expected
            result = client.infer(NAME, [audio(pcm(speech), binary=False)])
            assert result.as_numpy("segments").tolist() == expected
    finally:
        service.stop(30)


def test_load_switches_and_unload_closes(tmp_path: Path) -> None:
    """By the client: load with a revision, the index, infer on what is loaded, unload of what no longer serves."""
    first, second = model(tmp_path, "first"), model(tmp_path, "second")
    with loud_service(tmp_path / "home", model=str(first)) as service, speaking(service) as address:
        own = {"Authorization": f"Bearer {service.token}"}
        with client_of(address) as client:
            assert not client.is_server_ready()
            assert client.get_model_repository_index(headers=own)[0]["state"] == "UNAVAILABLE"
            client.load_model("first", headers=own)
            assert client.is_server_ready()
            (old,) = client.get_model_metadata("first")["versions"]
            client.load_model(str(second), headers=own, config='{"options": {"mode": "tight"}, "why": "better"}')
            answer = client.infer("first", [audio(samples())]).get_response()
            assert answer["parameters"]["model_id"] == str(second)
            assert answer["parameters"]["mode"] == "tight"
            new = answer["model_version"]
            index = {each["version"]: each["state"] for each in client.get_model_repository_index(headers=own)}
            assert index == {old: "READY", new: "READY"}
            assert service.history(100)[0].who.startswith("oip ")
            with pytest.raises(InferenceServerException, match="serves: load another model first") as refused:
                client.unload_model(str(second), headers=own)
            assert refused.value.status() == "409"
            client.unload_model(str(first), headers=own)
            index = {each["version"]: each["state"] for each in client.get_model_repository_index(headers=own)}
            assert index == {old: "UNAVAILABLE", new: "READY"}
            client.load_model("first", headers=own, query_params={"version": old})
            assert client.infer("first", [audio(samples())]).get_response()["model_version"] == old


def test_a_revision_of_a_model_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a hub, by its ID: the one that was asked for serves, and then answers to that ID."""
    name = "iic/tuned"
    with Hub() as hub, loud_service(tmp_path / "home") as service, speaking(service) as address:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "cache"))
        hub.models[name] = {"v1": model_files(b"one"), "v2": model_files(b"two")}
        own = {"Authorization": f"Bearer {service.token}"}
        with client_of(address) as client:
            found = []
            for revision in ("v1", "v2"):
                client.load_model(name, headers=own, config=f'{{"revision": "{revision}"}}')
                answer = client.infer(name, [audio(samples())]).get_response()
                assert (answer["parameters"]["model_id"], answer["parameters"]["revision"]) == (name, revision)
                found.append(answer["model_version"])
            assert found[0] != found[1]
            assert client.get_model_metadata(name)["versions"] == found
            with pytest.raises(InferenceServerException, match="v9") as refused:
                client.load_model(name, headers=own, query_params={"revision": "v9"})
            assert refused.value.status() == "404"
            assert client.infer(name, [audio(samples())]).get_response()["model_version"] == found[1]


def test_what_cannot_be_loaded_changes_nothing(client: Client, service: LoudService) -> None:
    """One line with the reason, in the protocol's form, and what serves goes on serving."""
    own = {"Authorization": f"Bearer {service.token}"}
    before = service.status().route
    for name, config, status, said in (
        ("nobody/nothing-there", '{"revision": 7}', "422", "revision=7"),
        ("../x", None, "422", "path"),
        ("fsmn-vad", '{"speed": 1}', "422", "there is no such parameter"),
        ("fsmn-vad", "[]", "422", "config"),
    ):
        with pytest.raises(InferenceServerException, match=said) as refused:
            client.load_model(name, headers=own, config=config)
        assert refused.value.status() == status
    assert service.status().route == before


def test_load_and_unload_need_the_token(client: Client, service: LoudService) -> None:
    """Missing or wrong, it is 401, also for the index; nothing has changed."""
    before = service.status().route
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        for ask in (client.load_model, client.unload_model):
            with pytest.raises(InferenceServerException, match="the token is") as refused:
                ask(NAME, headers=headers)
            assert refused.value.status() == "401"
        with pytest.raises(InferenceServerException, match="the token is"):
            client.get_model_repository_index(headers=headers)
    assert service.status().route == before


def test_detection_needs_the_token_where_it_is_closed(tmp_path: Path) -> None:
    """Infer and metadata; readiness never does."""
    with loud_service(tmp_path / "home", is_open=False) as service, speaking(service) as address:
        service.serve(model(tmp_path, "first"))
        with client_of(address) as client:
            assert client.is_server_ready()
            assert client.is_model_ready(NAME)
            with pytest.raises(InferenceServerException, match="the token is missing"):
                client.infer(NAME, [audio(samples())])
            with pytest.raises(InferenceServerException, match="the token is missing"):
                client.get_model_metadata(NAME)
            own = {"Authorization": f"Bearer {service.token}"}
            assert client.infer(NAME, [audio(samples())], headers=own).as_numpy("segments").tolist() == detected(
                samples()
            )


def test_what_cannot_be_had_yet(tmp_path: Path) -> None:
    """While nothing serves: 503 with when to come again, and the reason in the readiness."""
    with loud_service(tmp_path / "home") as service, speaking(service) as address:
        answer = post(address, {"inputs": []})
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert isinstance(answer.json()["error"], str)
        ready = requests.get(f"{address.url}/v2/health/ready", timeout=30)
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        assert "has not been started" in ready.json()["error"]


def test_bodies_are_bounded(tmp_path: Path) -> None:
    """A large one is refused before it is read, a slow one when its time is over, a compressed one at once."""
    with loud_service(tmp_path / "home", body_idle_s=0.2) as service, speaking(service) as address:
        service.serve(model(tmp_path, "first"))
        path = f"/v2/models/{NAME}/infer"
        for headers, status in (
            ({"content_length": "1000000000"}, 413),
            ({"content_length": "10"}, 408),
            ({"content_length": "10", "content_encoding": "gzip"}, 415),
        ):
            with address.raw() as connection:
                connection.ask("POST", path, **headers)
                answer = connection.answer()
            assert answer.status == status
            assert isinstance(answer.json()["error"], str)


def test_a_caller_that_hangs_up_is_not_worked_for(tmp_path: Path) -> None:
    """Its recording is cancelled, and its place free again."""
    with loud_service(tmp_path / "home") as service, speaking(service) as address:
        service.serve(model(tmp_path, "first"))
        reached, opened = threading.Event(), threading.Event()

        def wait(_: object) -> None:
            reached.set()
            assert opened.wait(30)

        service.on_accept = wait
        data = samples().tobytes()
        head = (
            b'{"inputs": [{"name": "audio", "shape": [64000], "datatype": "FP32", '
            b'"parameters": {"binary_data_size": 256000}}]}'
        )
        with address.raw() as connection:
            length = str(len(head) + len(data))
            connection.ask(
                "POST",
                f"/v2/models/{NAME}/infer",
                content_length=length,
                inference_header_content_length=str(len(head)),
            )
            connection.send(head + data)
            assert reached.wait(30)
        assert service.wait_idle(30)
        opened.set()


def test_every_refusal_is_one_line_of_the_form(address: Address) -> None:
    """Unknown names and odd bodies."""
    tensor = {"name": "audio", "shape": [2], "datatype": "FP32", "data": [0.0, 0.0]}
    for answer, status in (
        (post(address, {"inputs": [tensor]}, path="models/other/infer"), 404),
        (post(address, b"\xff"), 400),
        (post(address, b"[]"), 400),
        (post(address, {"inputs": [tensor], "parameters": {"mode": "odd"}}), 422),
        (post(address, {"inputs": [tensor], "parameters": {"sequence_id": 1}}), 422),
        (post(address, {"inputs": [tensor | {"data": [1e39, 0]}]}), 422),
        (post(address, {"inputs": [tensor | {"data": [1e300, 0]}]}), 422),
        (post(address, {"inputs": [tensor | {"shape": [2**39]}]}), 400),
    ):
        assert answer.status_code == status, answer.text
        error = answer.json()["error"]
        assert answer.json().keys() == {"error"}
        assert error
        assert "\n" not in error
        assert "bytes:" not in error
