"""A recording in, its segments out."""

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import soundfile

from segue.edges.http.schemas import Detected, Serving
from segue.speech.formats import to_rttm
from segue.speech.presets import PRESETS
from segue.speech.rules import MODES
from segue.speech.scorer import Samples
from tests.edges.http.server import Address
from tests.edges.http.service import LoudService, answering, loud_service, recording
from tests.fakes import loudness_detector

TIMEOUT_S = 30.0


def post(
    address: Address, body: Any = None, *, headers: dict[str, str] | None = None, **query: Any
) -> requests.Response:
    """One recording."""
    return requests.post(
        f"{address.url}/v1/detect",
        data=recording() if body is None else body,
        params=query,
        headers=headers,
        timeout=30,
    )


def segments(data: bytes, **parameters: object) -> list[dict[str, int]]:
    """What the detector answers alone."""
    found = loudness_detector().detect(data, **parameters)  # type: ignore[arg-type]  # parameters only
    return [{"start_ms": segment.start_ms, "end_ms": segment.end_ms} for segment in found]


class Gate:
    """Holds up every model until it is opened; ``reached`` once one is held up."""

    def __init__(self, service: LoudService) -> None:
        self.reached = threading.Event()
        self._open = threading.Event()
        self._service = service

    def __enter__(self) -> "Gate":
        self._service.on_accept = self._wait
        return self

    def __exit__(self, *_: object) -> None:
        self.open()
        del self._service.on_accept

    def open(self) -> None:
        self._open.set()

    def _wait(self, _: Samples) -> None:
        self.reached.set()
        assert self._open.wait(TIMEOUT_S)


def until_idle(service: LoudService) -> None:
    """Wait until no recording is under way."""
    assert service.wait_idle(TIMEOUT_S)


def test_a_recording_is_answered(address: Address, service: LoudService) -> None:
    """The segments are the detector's own; the answer is as the document promises, and names its version."""
    answer = post(address)
    found = answer.json()
    assert answer.status_code == 200
    assert found["segments"] == segments(recording())
    assert len(found["segments"]) == 2
    Detected.model_validate(found, extra="forbid")
    (version,) = service.status().versions
    assert found["model"]["version"] == version.version == answer.headers["X-Segue-Version"]
    assert found["request_id"] == answer.headers["X-Request-ID"]
    assert found.keys() == {"segments", "duration_ms", "mode", "model", "request_id"}


@pytest.mark.parametrize("seconds", [4, 300])
@pytest.mark.parametrize("how", ["raw", "form", "chunked"])
def test_however_it_is_sent_the_answer_is_the_same(address: Address, how: str, seconds: int) -> None:
    """Raw, in a form, without a length; kept in memory or in a file."""
    data = recording(seconds=seconds)
    if how == "form":
        url = f"{address.url}/v1/detect"
        answer = requests.post(url, files={"file": ("clip.wav", data, "audio/wav")}, timeout=30)
    else:
        answer = post(address, data if how == "raw" else io.BytesIO(data).__iter__())
    assert answer.json()["segments"] == segments(data)
    assert len(answer.json()["segments"]) > 1


def test_all_that_can_be_asked_for(address: Address) -> None:
    """Mode and parameters decide; probabilities and parameters are added; the parameters say what decided."""
    found = post(address, mode="dynamic", lookahead_time_end_point=50, probabilities="true", parameters="true").json()
    assert found["mode"] == "dynamic"
    assert found["segments"] == segments(recording(), mode="dynamic", lookahead_time_end_point=50)
    assert found["parameters"]["lookahead_time_end_point"] == 50
    assert len(found["probabilities"]) == found["duration_ms"] // 10
    Detected.model_validate(found, extra="forbid")
    again = post(address, mode=found["mode"], **found["parameters"]).json()
    assert again["segments"] == found["segments"]


def test_every_mode_and_preset_can_be_asked_for(address: Address) -> None:
    """The answer and what would answer name the preset where it sets something in the mode, and no other."""
    for mode in MODES:
        for name, preset in PRESETS.items():
            named = name if mode in preset.parameters else None
            asked: dict[str, Any] = {"mode": mode, "preset": name if named else "none"}
            found = post(address, **asked, parameters="true").json()
            assert (found["mode"], found.get("preset")) == (mode, named)
            assert found["segments"] == segments(recording(), **asked)
            assert named is None or preset.parameters[mode].items() <= found["parameters"].items()
            serving = requests.get(f"{address.url}/v1/serving", params=asked, timeout=30).json()
            assert (serving["mode"], serving.get("preset")) == (mode, named)
            Detected.model_validate(found, extra="forbid")
            Serving.model_validate(serving, extra="forbid")


def test_openapi_names_modes_presets_and_their_parameters(address: Address) -> None:
    """With the modes in which each parameter decides."""
    paths = requests.get(f"{address.url}/openapi.json", timeout=30).json()["paths"]
    given = {each["name"]: each for each in paths["/v1/detect"]["post"]["parameters"]}
    assert given["mode"]["schema"]["enum"] == list(MODES)
    assert set(PRESETS) < set(given["preset"]["schema"]["enum"])
    assert "of mode tight;" in given["threshold"]["description"]
    assert "of mode classic and dynamic;" in given["do_extend"]["description"]


def test_channels_can_be_split(address: Address) -> None:
    """Each channel has its own segments."""
    data = recording(channels=2)
    found = post(address, data, channels="split").json()
    assert [channel["channel"] for channel in found["channels"]] == [0, 1]
    for channel, alone in zip(found["channels"], loudness_detector().detect_channels(data), strict=True):
        assert [(s["start_ms"], s["end_ms"]) for s in channel["segments"]] == [(s.start_ms, s.end_ms) for s in alone]
    Detected.model_validate(found, extra="forbid")


def test_other_forms(address: Address, service: LoudService) -> None:
    """RTTM and JSON lines, under the name of the file; the headers say which version and mode made them."""
    files = {"file": ("my clip.wav", recording())}
    rttm = requests.post(f"{address.url}/v1/detect?format=rttm", files=files, timeout=30)
    assert rttm.text == "".join(to_rttm("my_clip", [loudness_detector().detect(recording())]))
    assert rttm.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert rttm.headers["X-Segue-Version"] == service.status().versions[0].version
    assert rttm.headers["X-Segue-Mode"] == "classic"
    lines = requests.post(f"{address.url}/v1/detect?format=jsonl&probabilities=true", files=files, timeout=30)
    assert lines.headers["Content-Type"] == "application/jsonl"
    assert json.loads(lines.text)["file"] == "my clip.wav"
    assert len(json.loads(lines.text)["probabilities"]) == 400


@pytest.mark.parametrize(
    ("body", "query", "expected"),
    [
        (b"", {}, (422, "audio_empty", "body: has no bytes")),
        (b"no audio", {}, (422, "audio_undecodable", "body: is not audio")),
        (b"no audio" * 2**20 + b"x", {}, (422, "audio_undecodable", "body: is not audio")),
        (None, {"nonsense": 1}, (422, "invalid_parameter", "max_end_silence_time")),
        (None, {"mode": "odd"}, (422, "invalid_parameter", "classic, dynamic, tight")),
        (None, {"preset": "odd"}, (422, "invalid_parameter", "preset='odd' (request): one of")),
        (None, {"mode": "tight", "do_extend": 0}, (422, "invalid_parameter", "decides nothing in mode tight")),
        (None, {"window_size_ms": "nan"}, (422, "invalid_parameter", "a whole number from 10 to 10000")),
        (None, {"channels": "left"}, (422, "invalid_parameter", "mix, split")),
    ],
)
def test_what_cannot_be_detected_is_one_clear_answer(
    address: Address, body: bytes | None, query: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    """Status, code, and one line that says what is accepted; no path of the server, no advice for Python."""
    answer = post(address, body, **query)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == expected[:2]
    assert expected[2] in error["message"]
    assert not any(word in error["message"] for word in ("\n", "/proc", "np.", "Traceback"))


def test_a_version_can_be_insisted_on(address: Address, service: LoudService) -> None:
    """The version that serves answers to its name; one that nobody knows is 404, and the upload is not waited for."""
    version = service.status().versions[0].version
    assert post(address, headers={"X-Segue-Version": version}).json()["model"]["version"] == version
    with address.raw() as connection:
        connection.ask("POST", "/v1/detect", content_length="1000000", x_segue_version="v0")
        answer = connection.answer()
    assert (answer.status, answer.json()["error"]["code"]) == (404, "unknown_version")


def test_a_version_that_is_closed_is_409(models: Path, tmp_path: Path) -> None:
    """A request for a version that was let go hears so, and gets no other."""
    with loud_service(tmp_path) as service, answering(service) as address:
        old = service.serve(models / "first")
        service.serve(models / "second")
        assert post(address, headers={"X-Segue-Version": old}).json()["model"]["version"] == old
        service.board.drain(service.status().versions[0].version, TIMEOUT_S)
        answer = post(address, headers={"X-Segue-Version": old})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "version_not_ready")


def test_what_would_answer_can_be_asked(address: Address, service: LoudService) -> None:
    """``/v1/serving``: version, mode and rules, as a recording with this query would get them."""
    found = requests.get(f"{address.url}/v1/serving?mode=dynamic&lookahead_time_end_point=50", timeout=30).json()
    Serving.model_validate(found, extra="forbid")
    assert found["model"]["version"] == service.status().versions[0].version
    assert (found["mode"], found["parameters"]["lookahead_time_end_point"]) == ("dynamic", 50)
    assert (found["sample_rate"], found["frame_ms"], found["epoch"]) == (16_000, 10, 1)
    wrong = requests.get(f"{address.url}/v1/serving?format=json", timeout=30)
    assert wrong.status_code == 422


def test_before_anything_serves_a_recording_is_refused_unread(tmp_path: Path) -> None:
    """503 ``not_ready`` with Retry-After, though the upload has not begun."""
    with loud_service(tmp_path) as service, answering(service) as address, address.raw() as connection:
        connection.ask("POST", "/v1/detect", content_length="1000000")
        answer = connection.answer()
    assert (answer.status, answer.json()["error"]["code"]) == (503, "not_ready")
    assert int(answer.headers["retry-after"]) > 0


@pytest.fixture
def one_at_a_time(models: Path, tmp_path: Path) -> Iterator[tuple[LoudService, Address]]:
    """A service that takes one recording at a time."""
    with loud_service(tmp_path, max_requests=1) as service:
        service.serve(models / "first")
        with answering(service) as address:
            yield service, address


def test_beyond_its_places_a_recording_is_refused_and_the_others_are_answered(
    one_at_a_time: tuple[LoudService, Address],
) -> None:
    """A refusal comes unread, with Retry-After; what was taken is answered; then there is a place again."""
    service, address = one_at_a_time
    answers: list[requests.Response] = []
    with Gate(service) as gate:
        thread = threading.Thread(target=lambda: answers.append(post(address)))
        thread.start()
        assert gate.reached.wait(TIMEOUT_S)
        with address.raw() as connection:
            connection.ask("POST", "/v1/detect", content_length="1000000")
            refused = connection.answer()
        gate.open()
        thread.join(TIMEOUT_S)
    assert (refused.status, refused.json()["error"]["code"]) == (503, "overloaded")
    assert int(refused.headers["retry-after"]) > 0
    assert answers[0].status_code == 200
    until_idle(service)
    assert post(address).status_code == 200


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until it does."""
    until_s = time.monotonic() + TIMEOUT_S
    while not holds():
        assert time.monotonic() < until_s
        time.sleep(0.005)


def kept_uploads() -> int:
    """Files without a name that this process has open."""
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found += str(descriptor.readlink()).endswith("(deleted)")
    return found


@pytest.mark.parametrize("seconds", [60, 300])
def test_a_client_that_goes_away_ends_its_work(one_at_a_time: tuple[LoudService, Address], seconds: int) -> None:
    """In the middle of detection: its place is free at once, its file is gone, and its lease comes back uncounted."""
    service, address = one_at_a_time
    data, kept = recording(seconds=seconds), kept_uploads()
    with Gate(service) as gate:
        with address.raw() as connection:
            connection.ask("POST", "/v1/detect", content_length=str(len(data)))
            connection.send(data)
            assert gate.reached.wait(TIMEOUT_S)
            assert kept_uploads() - kept == (2 if seconds == 300 else 0)  # the upload's, and the decoder's
        until_idle(service)
        assert service.status().versions[0].leases == 1
    eventually(lambda: service.status().versions[0].leases == 0)
    assert kept_uploads() == kept
    assert post(address).status_code == 200
    (version,) = service.status().versions
    assert (version.leases, version.errors, version.requests) == (0, 0, 1)


def test_a_client_that_goes_away_while_it_sends_gives_its_place_back(
    one_at_a_time: tuple[LoudService, Address],
) -> None:
    """A hundred half-sent uploads later the service answers as before."""
    service, address = one_at_a_time
    for _ in range(100):
        with address.raw() as connection:
            connection.ask("POST", "/v1/detect", content_length="1000000")
            connection.send(bytes(1000))
    eventually(lambda: post(address).status_code == 200)  # the last of them may still be on their way in
    until_idle(service)
    assert post(address).status_code == 200


def test_a_model_that_raises_is_the_servers_fault(models: Path, tmp_path: Path) -> None:
    """500 ``inference_failed``, never silence, never a traceback; the next request is answered."""
    with loud_service(tmp_path) as service, answering(service) as address:
        service.serve(models / "first")

        def fail(_: Samples) -> None:
            raise ZeroDivisionError("secret of the model")

        service.on_accept = fail
        answer = post(address)
        del service.on_accept
        assert post(address).status_code == 200
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "inference_failed")
    assert "Traceback" not in answer.text


def test_bound_elsewhere_detection_needs_the_token(models: Path, tmp_path: Path) -> None:
    """Not open: 401 unread without the token or with another; with it, an answer."""
    with loud_service(tmp_path, is_open=False) as service, answering(service) as address:
        service.serve(models / "first")
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {service.token}"}):
            answer = post(address, headers=headers)
            assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
            assert service.token not in answer.text
        assert post(address, headers={"Authorization": f"bearer {service.token}"}).status_code == 200


def test_long_audio_is_refused(tmp_path: Path, models: Path) -> None:
    """A small file of much audio is 413, with the limit: a FLAC of silence is a bomb."""
    file = io.BytesIO()
    soundfile.write(file, np.zeros(16_000 * 100, dtype=np.int16), 16_000, format="FLAC")
    assert len(file.getvalue()) < 20_000
    with loud_service(tmp_path, max_audio_s=60) as service, answering(service) as address:
        service.serve(models / "first")
        answer = post(address, file.getvalue())
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "audio_too_long")
