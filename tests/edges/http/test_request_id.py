"""``X-Request-ID`` on every answer, and the last word on what nobody caught."""

import asyncio
import logging
import re

import pytest
import requests
from starlette.types import Receive, Scope, Send

from segue.edges.http.request_id import RequestID
from tests.edges.http.server import serving


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the ID that it was given; fails before or in the middle of its answer where the path says so."""
    del receive
    if scope["path"] == "/before":
        raise ValueError("secret")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"32")]})
    if scope["path"] == "/middle":
        raise ValueError("secret")
    await send({"type": "http.response.body", "body": scope["state"]["request_id"].encode().ljust(32)})


def test_an_answer_has_an_id() -> None:
    """Each answer has one of its own, and the app knew it."""
    with serving(RequestID(app)) as address:
        answers = [requests.get(address.url, timeout=30) for _ in range(2)]
    ids = [answer.headers["X-Request-ID"] for answer in answers]
    assert len(set(ids)) == 2
    assert [answer.text for answer in answers] == ids


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("a", True),
        ("Job-7.retry_2", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("a b", False),
        ("é", False),
        ("", False),
    ],
)
def test_the_clients_own_id_is_taken_if_it_is_one(given: str, taken: bool) -> None:
    """Letters, digits, dot, underline and minus, 64 at most; for anything else one is made."""
    with serving(RequestID(app)) as address, address.raw() as connection:
        connection.ask("GET", "/", x_request_id=given)
        answered = connection.answer().headers["x-request-id"]
    assert (answered == given) is taken
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", answered)


def test_a_fault_is_logged_once_and_leaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """What nobody caught is 500 ``internal`` without its message; the log has the traceback once, under the same ID."""
    with serving(RequestID(app)) as address:
        answer = requests.get(f"{address.url}/before", timeout=30)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (500, "internal")
    assert error["request_id"] == answer.headers["X-Request-ID"]
    assert "secret" not in answer.text
    (record,) = [record for record in caplog.records if record.exc_info]
    assert error["request_id"] in record.getMessage()
    assert record.levelno == logging.ERROR


def test_a_fault_in_the_middle_of_an_answer_cuts_it(caplog: pytest.LogCaptureFixture) -> None:
    """An answer that has begun is not continued with another: the connection ends, and the client sees that."""
    with serving(RequestID(app)) as address, pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(f"{address.url}/middle", timeout=30)
    assert len([record for record in caplog.records if record.exc_info]) == 1


def test_what_the_server_does_not_wait_for_any_longer_is_told_so(caplog: pytest.LogCaptureFixture) -> None:
    """A server that ends cancels what is left: 503 ``shutting_down`` in the one form, and no traceback; an answer that
    has begun is cut."""

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        if scope["path"] == "/begun":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        raise asyncio.CancelledError  # as it comes out of whatever was awaited

    with serving(RequestID(endless)) as address:
        answer = requests.get(address.url, timeout=30)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            requests.get(f"{address.url}/begun", timeout=30)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (503, "shutting_down")
    assert error["request_id"] == answer.headers["X-Request-ID"]
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["Connection"] == "close"
    assert not [record for record in caplog.records if record.exc_info]
