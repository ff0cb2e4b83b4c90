"""Errors as answers."""

import inspect
import json
import logging

import pytest
import requests
from fastapi import FastAPI
from starlette.websockets import WebSocket

from segue import errors
from segue.edges.http.errors import STATUS, documented, install, invalid, respond, status_of
from segue.edges.http.request_id import RequestID
from segue.errors import (
    AudioTooLong,
    Busy,
    InferenceFailed,
    InvalidParameter,
    ModelInvalid,
    NotReady,
    SegueError,
    TooManyRequests,
    Unauthorized,
)
from tests.edges.http.server import serving

EXPECTED = {
    400: {"bad_request", "service"},
    401: {"unauthorized"},
    404: {"model_not_found", "unknown_version", "unknown_change", "unknown_rollout"},
    408: {"body_too_slow"},
    409: {
        *("busy", "superseded", "version_in_use", "version_not_ready", "illegal_transition", "nothing_to_roll_back"),
        *("switch", "server_running"),
    },
    413: {"body_too_large", "audio_too_long"},
    415: {"unsupported_media_type"},
    422: {
        *("invalid_parameter", "invalid_model_id", "invalid_route", "preparation_failed"),
        *("invalid_plan", "golden_failed"),
        *("audio", "audio_empty", "audio_undecodable", "audio_truncated", "no_audio_track", "invalid_samples"),
        *("model", "model_invalid", "model_incomplete", "model_unsupported", "digest_mismatch"),
    },
    429: {"too_many_requests"},
    500: {
        *("error", "inference_failed", "lease_returned", "malformed_output", "model_died", "stream_finished", "output"),
        *("audio_not_found", "audio_unreadable"),
    },
    502: {"origin_unavailable"},
    503: {"not_ready", "overloaded", "refused", "shutting_down", "journal_unavailable", "restore_failed"},
    507: {"store", "insufficient_memory"},
}


def every_kind() -> list[type[SegueError]]:
    """The classes of the tree, but those of the client's side."""
    found = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, SegueError)]
    return [kind for kind in found if not issubclass(kind, errors.ServerRefused | ConnectionError) or STATUS.get(kind)]


def test_every_error_has_the_status_that_it_should() -> None:
    """No error is without a status, and each has the one that clients are told of."""
    found: dict[int, set[str]] = {}
    for kind in every_kind():
        found.setdefault(status_of(kind), set()).add(kind.code)
    assert found == EXPECTED


def test_an_error_of_ones_own_has_the_status_of_its_nearest_class() -> None:
    """A new class needs no line in the table: it is answered as the class that it is a kind of."""

    class ModelTooLoud(ModelInvalid):
        code = "model_too_loud"

    assert ModelTooLoud not in STATUS
    assert status_of(ModelTooLoud("x")) == 422


@pytest.mark.parametrize(
    ("error", "header", "value"),
    [
        (TooManyRequests("x", retry_after_s=7), "Retry-After", "7"),
        (NotReady("x"), "Retry-After", "2"),
        (Unauthorized("x"), "WWW-Authenticate", "Bearer"),
        (Busy("x", under_way="y"), "Retry-After", None),
    ],
)
def test_headers_say_what_to_do(error: SegueError, header: str, value: str | None) -> None:
    """A refusal says when to come again, a missing token which kind is wanted."""
    assert respond(error, "id").headers.get(header) == value


def test_an_error_is_one_line_that_moves_no_cursor() -> None:
    """Whatever an error says, its message has no line breaks and no escape codes."""
    body = json.loads(bytes(respond(AudioTooLong("a\nb\x1b[2Jc\x00"), "id").body))
    assert body == {"error": {"code": "audio_too_long", "message": "a b\\x1b[2Jc\\x00", "request_id": "id"}}


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"loc": ("query", "limit"), "type": "int_parsing", "input": "x", "msg": "Input should be a number"},
         "limit='x': input should be a number"),
        ({"loc": ("query", "before"), "type": "missing", "input": None, "msg": "x"}, "before: is missing; give it"),
        ({"loc": ("query",), "type": "value_error", "input": {}, "msg": "one of the two"}, "one of the two"),
    ],
)  # fmt: skip
def test_what_pydantic_finds_is_one_line(found: dict[str, object], message: str) -> None:
    """The place, what was given there, and what is accepted."""
    assert str(invalid([found], skip=1)) == message


def test_the_document_has_the_errors_by_status() -> None:
    """OpenAPI lists each status once, with the codes behind it."""
    listed = documented(InvalidParameter, AudioTooLong, ModelInvalid)
    assert list(listed) == [413, 422]
    assert "`invalid_parameter`" in listed[422]["description"]
    assert "`model_invalid`" in listed[422]["description"]


@pytest.fixture
def app() -> FastAPI:
    """An app with a route for each way to fail."""
    app = FastAPI()
    app.add_middleware(RequestID)
    install(app)

    @app.get("/failed")
    async def failed() -> None:
        raise InferenceFailed("the model raised")

    @app.get("/number")
    async def number(limit: int) -> int:
        return limit

    @app.post("/number")
    async def post_number() -> None: ...

    @app.websocket("/stream")
    async def stream(websocket: WebSocket) -> None:
        del websocket
        raise TooManyRequests("too many streams", retry_after_s=3)

    return app


def test_every_error_has_one_form(app: FastAPI) -> None:
    """Ours, FastAPI's and Starlette's: code, message and the ID that the header has too."""
    with serving(app) as address:
        for path, status, code in [
            ("/failed", 500, "inference_failed"),
            ("/number", 422, "invalid_parameter"),
            ("/number?limit=x", 422, "invalid_parameter"),
            ("/nothing", 404, "not_found"),
        ]:
            answer = requests.get(address.url + path, timeout=30)
            error = answer.json()["error"]
            assert (answer.status_code, error["code"]) == (status, code)
            assert error.keys() == {"code", "message", "request_id"}
            assert error["request_id"] == answer.headers["X-Request-ID"]


def test_a_wrong_method_is_told_all_that_are_right(app: FastAPI) -> None:
    """405 names every method of the address, in the message and in Allow."""
    with serving(app) as address:
        answer = requests.put(f"{address.url}/number", timeout=30)
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, POST"
    assert answer.json()["error"]["message"] == "PUT /number: this takes GET, POST"


def test_a_stream_that_is_refused_is_answered_as_a_request(app: FastAPI) -> None:
    """An error before a WebSocket is accepted is an answer of HTTP, with the same form and headers."""
    with serving(app) as address, address.raw() as connection:
        connection.ask(
            "GET", "/stream", connection="Upgrade", upgrade="websocket",
            sec_websocket_version="13", sec_websocket_key="AAAAAAAAAAAAAAAAAAAAAA==",
        )  # fmt: skip
        answer = connection.answer()
    assert answer.status == 429
    assert answer.headers["retry-after"] == "3"
    assert answer.json()["error"]["code"] == "too_many_requests"
    assert answer.json()["error"]["request_id"] == answer.headers["x-request-id"]


def test_a_fault_of_the_server_is_logged(app: FastAPI, caplog: pytest.LogCaptureFixture) -> None:
    """An error of ours with status 500 leaves a line with its traceback; one of the client leaves none."""
    with caplog.at_level(logging.WARNING, "segue"), serving(app) as address:
        requests.get(f"{address.url}/number?limit=x", timeout=30)
        requests.get(f"{address.url}/failed", timeout=30)
    (record,) = [record for record in caplog.records if record.name.startswith("segue")]
    assert "inference_failed: the model raised" in record.getMessage()
    assert record.exc_info
