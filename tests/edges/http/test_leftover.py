"""What is left of a body when its answer is there already."""

import time

import pytest
import requests
from starlette.types import Receive, Scope, Send

from segue.edges.http.leftover import Leftover
from tests.edges.http.server import Raw, serving


async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers without a look at the body; ``/read`` reads it to its end first."""
    if scope["path"] == "/read":
        while (await receive()).get("more_body", False):
            pass
    await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"full"})


def test_a_client_that_is_still_sending_gets_its_answer() -> None:
    """A client that sends all before it reads finds the answer, though nobody wanted its eight megabytes."""
    with serving(Leftover(refusing)) as address:
        answer = requests.post(address.url, data=bytes(8 * 2**20), timeout=30)
    assert (answer.status_code, answer.text) == (413, "full")
    assert answer.headers["Connection"] == "close"


def test_the_answer_does_not_wait_for_the_rest() -> None:
    """A client that has sent one byte of a million, and no more, is answered, and after a while hung up on."""
    with serving(Leftover(refusing, linger_s=0.2)) as address, address.raw() as connection:
        connection.ask("POST", "/", content_length="1000000")
        connection.send(b"x")
        assert connection.answer().status == 413
        assert connection.is_at_end()


def test_a_client_that_never_stops_is_hung_up_on() -> None:
    """Beyond what is dropped for its sake, a client that goes on sending is not read any more."""
    with serving(Leftover(refusing, linger_s=30, linger_bytes=2**20)) as address, address.raw() as connection:
        connection.ask("POST", "/", transfer_encoding="chunked")
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            send_for(25, connection)


def send_for(seconds: float, connection: Raw) -> None:
    """Chunks of 64 KB, without end but for the clock."""
    began_s = time.monotonic()
    while time.monotonic() - began_s < seconds:
        connection.send(b"10000\r\n" + bytes(0x10000) + b"\r\n")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_connection_is_kept_where_nothing_is_left(method: str) -> None:
    """A body read to its end, and a request without one, leave the connection open for the next request."""
    with serving(Leftover(refusing)) as address, address.raw() as connection:
        for _ in range(2):
            if method == "GET":
                connection.ask("GET", "/")
            else:
                connection.ask("POST", "/read", content_length="3")
                connection.send(b"abc")
            assert "connection" not in connection.answer().headers
