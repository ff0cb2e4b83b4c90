"""HTTP connections: every wait ends, and what is held for a client is bounded."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.edges.serve.connections import BIG_BYTES, HEAD_S, Http, Serving, serving

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    """One for all tests here: none may harm it."""
    with serving() as running:
        yield running


@pytest.fixture(autouse=True)
def unharmed(server: Serving) -> Iterator[None]:
    """After each test nothing is held, and others are answered."""
    yield
    server.wait_for(0)
    assert talk(server, GET, answers=1)[0][0] == 200
    server.wait_for(0)


def talk(server: Serving, *sent: bytes, answers: int, pause_s: float = 0) -> list[tuple[int, dict[str, str], bytes]]:
    """The answers to these bytes, sent piece by piece."""
    with server.raw() as connection, connection.makefile("rb") as reader:
        for piece in sent:
            with contextlib.suppress(ConnectionError):  # it has been answered already
                connection.sendall(piece)
            time.sleep(pause_s)
        return [answer(reader) for _ in range(answers)]


def answer(reader: Any) -> tuple[int, dict[str, str], bytes]:
    status = int(reader.readline().split()[1])
    headers = {}
    while line := reader.readline().strip():
        name, _, value = line.decode().partition(": ")
        headers[name.lower()] = value
    return status, headers, reader.read(int(headers["content-length"]))


def is_refused(found: tuple[int, dict[str, str], bytes], status: int, code: str) -> bool:
    """Whether it is this error, in the form of every error, and the last word."""
    got, headers, body = found
    error = json.loads(body)["error"]
    assert error["request_id"] == headers["x-request-id"]
    assert headers["connection"] == "close"
    assert "\n" not in error["message"]
    return (got, error["code"]) == (status, code)


# -- heads that do not come ----------------------------------------------------------------------------------------


def test_a_connection_that_says_nothing_is_closed(server: Serving) -> None:
    """Without a word: browsers open connections that they may never use."""
    began_s = time.monotonic()
    with server.raw() as connection:
        assert connection.recv(100) == b""
    assert time.monotonic() - began_s >= HEAD_S


@pytest.mark.parametrize("drip", [False, True], ids=["stops", "drips"])
def test_half_a_head_is_answered_and_closed(server: Serving, drip: bool) -> None:
    """Whether the rest stops coming or comes byte by byte."""
    with server.raw() as connection, connection.makefile("rb") as reader:
        connection.sendall(b"GET / HTTP/1.1\r\nX-Half: ")
        began_s = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while drip and time.monotonic() - began_s < 3 * HEAD_S:
                connection.sendall(b"a")
                time.sleep(HEAD_S / 10)
        assert is_refused(answer(reader), 408, "body_too_slow")
        assert reader.read() == b""


def test_empty_lines_are_no_head(server: Serving) -> None:
    """They may come before a request, and not for ever; between two requests neither."""
    for first in (b"", GET):
        with server.raw() as connection, contextlib.suppress(ConnectionError):
            connection.sendall(first)
            began_s = time.monotonic()
            while time.monotonic() - began_s < 10 * HEAD_S:
                connection.sendall(b"\r\n")
                time.sleep(HEAD_S / 10)
            pytest.fail("it was never closed")


def test_a_request_under_way_is_never_late(server: Serving) -> None:
    """It takes longer than a head may; half of a next head does not end it, and is given its own time."""
    found = talk(server, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /second HT", answers=1)
    assert found[0][0] == 200
    found = talk(
        server, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /sec", b"ond HTTP/1.1\r\n\r\n", answers=2, pause_s=0.1
    )
    assert [json.loads(body)["path"] for _, _, body in found] == ["/slow", "/second"]


# -- heads that are too much ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nX-Long: " + b"a" * 300_000,
        b"GET /" + b"a" * 300_000,
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000 + b"\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 60_000,
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X-Trailer: b\r\n" * 30_000,
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;x=" + b"y" * 300_000,
    ],
    ids=["a header", "an address", "many headers", "headers without an end", "trailers", "a chunk's extension"],
)
def test_a_head_has_a_bound(server: Serving, head: bytes) -> None:
    """Beyond it is 431, whatever the head is made of, and nothing of it is kept."""
    assert is_refused(talk(server, head, answers=1)[0], 431, "request_header_fields_too_large")


def test_heads_of_a_usual_size_are_taken(server: Serving) -> None:
    """Long cookies, long addresses; and bodies and trailers have no part in it."""
    head = b"GET /%s HTTP/1.1\r\nHost: x\r\nCookie: %s\r\n\r\n" % (b"a" * 8_000, b"b" * 32_000)
    assert talk(server, head, answers=1)[0][0] == 200
    chunks = b"".join(b"%x;x=y\r\n%s\r\n" % (1_000, bytes(1_000)) for _ in range(200)) + b"0\r\nX-Sum: 5\r\n\r\n"
    found = talk(server, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, answers=1)
    assert json.loads(found[0][2])["body"] == 200_000


def test_a_head_of_many_headers_is_refused(server: Serving) -> None:
    """256 are taken; one more is not, however short they are."""
    many = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: a\r\n" * 255
    assert talk(server, many + b"\r\n", answers=1)[0][0] == 200
    found = talk(server, many + b"X: a\r\n\r\n", answers=1)
    assert is_refused(found[0], 431, "request_header_fields_too_large")


# -- what is no request --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nNo colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nNul: \0\r\n\r\n",
    ],
)
def test_what_is_no_request_is_said_so(server: Serving, sent: bytes) -> None:
    """TLS to a plain port, methods and versions that are none, lengths that contradict each other: 400, and the end."""
    assert is_refused(talk(server, sent, answers=1)[0], 400, "bad_request")


def test_rubbish_behind_a_request_does_not_cost_its_answer(server: Serving) -> None:
    """It ends the connection once the request before it is answered, and no answer stands between."""
    with server.raw() as connection, connection.makefile("rb") as reader:
        connection.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n\x16\x03\x01 rubbish \r\n\r\n" + GET)
        status, headers, body = answer(reader)
        assert (status, headers["connection"], json.loads(body)["path"]) == (200, "close", "/slow")
        assert reader.read() == b""


# -- requests sent ahead -------------------------------------------------------------------------------------------


def test_requests_sent_ahead_are_answered_in_order(server: Serving) -> None:
    """With bodies or without."""
    sent = b"".join(
        b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (number, number, bytes(number))
        for number in range(20)
    )
    found = [json.loads(body) for _, _, body in talk(server, sent, answers=20)]
    assert [(each["path"], each["body"]) for each in found] == [(f"/{number}", number) for number in range(20)]


def test_how_many_may_be_sent_ahead_has_a_bound(server: Serving) -> None:
    """Of a flood some are answered, then the connection ends: what waits does not grow with what is sent."""
    with server.raw() as connection, connection.makefile("rb") as reader:
        connection.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" + GET * 5_000)
        found = reader.read()
    assert 2 <= found.count(b"HTTP/1.1 200") < 100
    assert b"connection: close" in found[found.rindex(b"HTTP/1.1 200") :]


# -- other protocols -----------------------------------------------------------------------------------------------


def test_an_offer_of_http_2_is_passed_over(server: Serving) -> None:
    """curl --http2 and Java's client make one with every request: body, headers and connection are as without it."""
    body = bytes(300_000)
    post = b"POST /a?b HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\nX-Kept: yes\r\n\r\n" % (OFFER, len(body))
    for sent in ((post + body,), (post, body), (post[:40], post[40:], body[:5], body[5:])):
        found = talk(server, *sent, GET, b"GET /third HTTP/1.1\r\nHost: x\r\n%s\r\n" % OFFER, answers=3, pause_s=0.05)
        first, _, third = (json.loads(body) for _, _, body in found)
        assert (first["method"], first["path"], first["body"]) == ("POST", "/a", len(body))
        assert first["headers"]["x-kept"] == "yes"
        assert third["path"] == "/third"


def test_a_websocket_is_opened_by_get_alone(server: Serving) -> None:
    """Any other method with its headers is a request like any other."""
    sent = b"POST / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\nabcde"
    assert json.loads(talk(server, sent, answers=1)[0][2])["body"] == 5


# -- answers that are not read -------------------------------------------------------------------------------------


def test_a_client_that_reads_nothing_is_hung_up_on(server: Serving) -> None:
    """In the middle of a large answer, and behind small ones that it never reads."""
    with server.raw() as large, server.raw() as small:
        large.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            small.settimeout(0.2)
            while small.send(GET * 10):
                time.sleep(0.0005)
        server.wait_for(0)


def test_a_client_that_reads_slowly_gets_it_all(server: Serving) -> None:
    """As long as it reads something, it may take its time."""
    with server.raw() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        connection.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        got, began_s = 0, time.monotonic()
        while data := connection.recv(1_000_000):
            got += len(data)
            time.sleep(0.003)
    assert got > BIG_BYTES
    assert time.monotonic() - began_s > HEAD_S


# -- how many ------------------------------------------------------------------------------------------------------


def test_connections_beyond_the_most_are_refused(server: Serving) -> None:
    """With the time after which to come again; those that are open go on."""
    with contextlib.ExitStack() as stack:
        clients = ["127.0.0.1", "127.0.0.2"] * (Http.most // 2)
        opened = [stack.enter_context(server.raw(client)) for client in clients]
        for connection in opened:
            connection.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        server.wait_for(Http.most)
        with server.raw() as late, late.makefile("rb") as reader:
            found = answer(reader)
            assert is_refused(found, 503, "overloaded")
            assert int(found[1]["retry-after"]) >= 1
        for connection in opened:
            assert connection.recv(100).startswith(b"HTTP/1.1 200")


def test_one_client_has_a_share_of_them(server: Serving) -> None:
    """Beyond it it is told so, while others are answered; what it closes it may open again."""
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(server.raw()) for _ in range(Http.most_per_client)]
        server.wait_for(len(opened))
        with server.raw() as late, late.makefile("rb") as reader:
            found = answer(reader)
            assert is_refused(found, 429, "too_many_requests")
            assert int(found[1]["retry-after"]) >= 1
        with server.raw("127.0.0.2") as other, other.makefile("rb") as reader:
            other.sendall(GET)
            assert answer(reader)[0] == 200
        opened[0].close()
        server.wait_for(len(opened) - 1)
        assert talk(server, GET, answers=1)[0][0] == 200
    server.wait_for(0)
    assert not Http.clients


def test_a_websocket_does_not_count_among_a_clients_connections(server: Serving) -> None:
    """Streams have a share of their own."""
    key = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    with server.raw() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + key)
        assert connection.recv(100).startswith(b"HTTP/1.1 101")
        assert not Http.clients
