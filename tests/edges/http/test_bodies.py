"""The body of a request: a recording, raw or in a form, or a JSON object."""

import hashlib
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from fastapi import FastAPI, Request

from segue.edges.http.bodies import MOST_JSON_BYTES, read_json, read_recording
from segue.edges.http.errors import install
from segue.edges.http.leftover import Leftover
from segue.edges.http.request_id import RequestID
from segue.edges.http.schemas import Switch
from segue.settings import Settings, read_settings
from tests.edges.http.server import Address, RawAnswer, serving

LIMIT = 20 * 2**20


def app_with(**settings: Any) -> FastAPI:
    """Answers what it has read, with these settings. ``app.state.seen`` is set when a request is over."""
    app = FastAPI()
    app.add_middleware(Leftover, linger_s=0.2)
    app.add_middleware(RequestID)
    install(app)
    app.state.seen = threading.Event()
    known: Settings = read_settings(max_body_bytes=LIMIT, **settings)

    @app.post("/recording")
    async def recording(request: Request) -> dict[str, object]:
        try:
            upload = await read_recording(request, known)
        finally:
            app.state.seen.set()
        source = upload.source
        data = source if isinstance(source, bytes) else source.read_bytes()
        upload.close()
        return {
            "digest": hashlib.sha256(data).hexdigest(),
            "name": upload.name,
            "in_memory": isinstance(source, bytes),
        }

    @app.post("/json")
    async def switch(request: Request) -> dict[str, Any]:
        return (await read_json(request, known, Switch)).model_dump()

    return app


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    """One server for all that want no settings of their own."""
    with serving(app_with()) as address:
        yield address


def error_of(answer: "requests.Response | RawAnswer") -> tuple[int, str]:
    """Status and code; the message is one line, and no traceback."""
    status = answer.status if isinstance(answer, RawAnswer) else answer.status_code
    error = answer.json()["error"]
    assert "\n" not in error["message"]
    assert "Traceback" not in error["message"]
    return status, error["code"]


@pytest.mark.parametrize("size", [0, 1, 1000, 9 * 2**20])
@pytest.mark.parametrize("form", [False, True])
def test_a_recording_arrives_as_it_was_sent(size: int, form: bool, address: Address) -> None:
    """Raw or in a form, empty, small or larger than what is kept in memory: the same bytes."""
    data = (b"RIFF\r\n--" + bytes(range(256))) * (size // 256 + 1)
    data = data[:size]
    sent: dict[str, Any] = {"files": {"file": ("clip.wav", data)}} if form else {"data": data}
    answer = requests.post(f"{address.url}/recording", timeout=30, **sent)
    assert answer.json() == {
        "digest": hashlib.sha256(data).hexdigest(),
        "name": "clip.wav" if form else "body",
        "in_memory": size <= 8 * 2**20,
    }


@pytest.mark.parametrize(
    "kind",
    [
        *("audio/wav", "video/mp4", "application/octet-stream", "binary/octet-stream", "application/ogg", ""),
        *("application/x-www-form-urlencoded", "Audio/WAV; rate=8000", "odd"),
    ],
)
def test_audio_may_be_declared_in_many_ways(kind: str, address: Address) -> None:
    """Any type that may be audio is taken as raw bytes: what ``curl --data-binary`` says too."""
    answer = requests.post(f"{address.url}/recording", data=b"file=abc&x", headers={"Content-Type": kind}, timeout=30)
    assert answer.json()["digest"] == hashlib.sha256(b"file=abc&x").hexdigest()


@pytest.mark.parametrize(
    "headers",
    [
        *(
            {"Content-Type": kind}
            for kind in ("application/json", "text/html; charset=utf-8", "image/png", "multipart/mixed; boundary=x")
        ),
        {"Content-Type": "application/vnd.api+json"},
        {"Content-Encoding": "gzip"},
    ],
)
def test_what_is_declared_to_be_no_audio_is_refused(headers: dict[str, str], address: Address) -> None:
    """JSON, text, pictures, other multiparts and compressed bodies are 415, whatever is in them."""
    answer = requests.post(f"{address.url}/recording", data=b"abc", headers=headers, timeout=30)
    assert error_of(answer) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"--x--\r\n"),
        ("multipart/form-data; boundary=x", b"no form"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nabc'),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n'),
    ],
)
def test_a_form_that_is_none_is_400(kind: str, body: bytes, address: Address) -> None:
    """No boundary, no form, cut short, without the file: each is one line that says so."""
    answer = requests.post(f"{address.url}/recording", data=body, headers={"Content-Type": kind}, timeout=30)
    assert error_of(answer) == (400, "bad_request")


def test_a_body_that_is_declared_too_large_is_refused_at_once(address: Address) -> None:
    """413 comes before one byte of it; the next request of others is served."""
    with address.raw() as connection:
        connection.ask("POST", "/recording", content_length=str(LIMIT + 1))
        assert error_of(connection.answer()) == (413, "body_too_large")
        assert requests.post(f"{address.url}/recording", data=b"abc", timeout=30).ok


def test_a_client_that_asks_first_need_not_send(address: Address) -> None:
    """With ``Expect: 100-continue`` the refusal is the first thing that the client hears."""
    with address.raw() as connection:
        connection.ask("POST", "/recording", content_length=str(LIMIT + 1), expect="100-continue")
        assert connection.answer().status == 413


def test_a_body_that_proves_too_large_is_refused(address: Address) -> None:
    """One that does not say how long it is ends where it passes the limit, not in memory or on the disk."""

    def endless() -> Any:
        for _ in range(40):
            yield bytes(2**20)

    answer = requests.post(f"{address.url}/recording", data=endless(), timeout=30)
    assert error_of(answer) == (413, "body_too_large")


def test_a_body_that_stops_coming_is_refused() -> None:
    """408 once nothing has come for ``body_idle_s``, and the connection ends."""
    with serving(app_with(body_idle_s=0.2)) as address, address.raw() as connection:
        connection.ask("POST", "/recording", content_length="1000")
        connection.send(b"abc")
        answer = connection.answer()
        assert error_of(answer) == (408, "body_too_slow")
        assert "stopped after 3 bytes" in answer.json()["error"]["message"]
        assert connection.is_at_end()


def test_a_body_that_trickles_is_refused() -> None:
    """One that always brings a little, never for long enough to be idle, ends after ``body_total_s``."""
    stop = threading.Event()
    with serving(app_with(body_idle_s=10, body_total_s=0.5)) as address, address.raw() as connection:
        connection.ask("POST", "/recording", content_length="100000")

        def trickle() -> None:
            while not stop.wait(0.05):
                try:
                    connection.send(b"x")
                except OSError:
                    return

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            answer = connection.answer()
        finally:
            stop.set()
            thread.join()
    assert error_of(answer) == (408, "body_too_slow")
    assert "longer than 0.5 s" in answer.json()["error"]["message"]


def test_a_client_that_vanishes_leaves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A body that breaks off ends its request without an error in the log."""
    app = app_with()
    with serving(app) as address:
        with address.raw() as connection:
            connection.ask("POST", "/recording", content_length=str(10 * 2**20))
            connection.send(bytes(9 * 2**20))
        assert app.state.seen.wait(30)
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", (400, "bad_request")),
        (b"nonsense", (400, "bad_request")),
        (b"\xff\xfe", (400, "bad_request")),
        (b"[" * 100_000, (400, "bad_request")),
        (b"[]", (400, "bad_request")),
        (b'"x"', (400, "bad_request")),
        (b"", (422, "invalid_parameter")),
        (b"{}", (422, "invalid_parameter")),
        (b'{"model_id": 5}', (422, "invalid_parameter")),
        (b'{"model_id": "x", "version": "y"}', (422, "invalid_parameter")),
        (b'{"version": "y", "options": {"mode": "dynamic"}}', (422, "invalid_parameter")),
        (b'{"model_id": "x", "nonsense": 1}', (422, "invalid_parameter")),
        (b'{"model_id": "x", "options": {"a": NaN}}', (422, "invalid_parameter")),
        (b'{"model_id": "x", "options": {"a": 1e999}}', (422, "invalid_parameter")),
        (b'{"model_id": "x", "options": {"a": [1]}}', (422, "invalid_parameter")),
        (b'{"model_id": "x", "options": {"a": null}}', (422, "invalid_parameter")),
        (b'{"model_id": "\\ud800"}', (400, "bad_request")),
        (b'{"model_id": "' + b"x" * 600 + b'"}', (422, "invalid_parameter")),
        (b'{"model_id": "' + b"x" * MOST_JSON_BYTES + b'"}', (413, "body_too_large")),
    ],
)
def test_a_json_body_that_is_wrong_is_one_clear_answer(
    body: bytes, expected: tuple[int, str], address: Address
) -> None:
    """No JSON is 400, too much is 413, and JSON that does not fit is 422."""
    assert error_of(requests.post(f"{address.url}/json", data=body, timeout=30)) == expected


@pytest.mark.parametrize(
    ("options", "kept"),
    [({"a": True}, True), ({"a": 1}, 1), ({"a": 1.5}, 1.5), ({"a": "1"}, "1"), ({"a": 10**30}, 10**30)],
)
def test_options_keep_their_kind(options: dict[str, object], kept: object, address: Address) -> None:
    """Text stays text, a number a number, and true is not 1."""
    body = json.dumps({"model_id": "x", "options": options})
    answer = requests.post(f"{address.url}/json", data=body, timeout=30).json()
    assert answer["options"]["a"] == kept
    assert type(answer["options"]["a"]) is type(kept)
