"""Whose pages may use the service."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import requests
from starlette.types import Receive, Scope, Send

from segue.edges.http.request_id import RequestID
from segue.edges.http.site import Site
from segue.settings import read_settings
from tests.edges.http.server import serving
from tests.edges.http.service import answering, loud_service


async def anything(scope: Scope, receive: Receive, send: Send) -> None:
    """An app that takes whatever comes."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1000})
        return
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


def statuses(asked: Sequence[tuple[str | None, str | None]], *, is_socket: bool = False, **settings: Any) -> list[int]:
    """What is answered to requests with that Host and Origin."""
    found = []
    with serving(RequestID(Site(anything, settings=read_settings(**settings)))) as address:
        for host, origin in asked:
            lines = ["GET / HTTP/1.1" if host is not None else "GET / HTTP/1.0"]
            lines += [] if host is None else [f"Host: {host}"]
            lines += [] if origin is None else [f"Origin: {origin}"]
            if is_socket:
                lines += ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
                lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
            with address.raw() as connection:
                connection.send("".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1"))
                answer = connection.answer()
            found.append(answer.status)
            if answer.status == 403:
                assert answer.json()["error"]["code"] == "forbidden"
                assert answer.headers["x-request-id"] == answer.json()["error"]["request_id"]
    return found


OWN = ["127.0.0.1", "127.0.0.1:6006", "localhost", "LOCALHOST:6006", "[::1]:6006", "127.0.0.2:1"]
FOREIGN = ["evil.example", "evil.example:6006", "localhost.evil.example", "127.0.0.1.nip.io", "192.168.1.7", "::1]", ""]


@pytest.mark.parametrize("is_socket", [False, True])
def test_on_loopback_it_is_called_by_a_name_of_this_machine(is_socket: bool) -> None:
    """Any other name is that of a site which has it lead here (DNS rebinding): 403."""
    allowed = 101 if is_socket else 204
    asked = [(host, None) for host in (*OWN, *FOREIGN)]
    assert statuses(asked, is_socket=is_socket) == [allowed] * len(OWN) + [403] * len(FOREIGN)


def test_a_rebound_name_is_refused_though_its_origin_is_the_same() -> None:
    """The page of such a site has the origin of the name that it calls."""
    assert statuses([("evil.example:6006", "http://evil.example:6006")]) == [403]


def test_who_names_no_host_is_no_browser() -> None:
    """HTTP/1.0 without Host is answered as ever."""
    assert statuses([(None, None)]) == [204]


def test_names_that_are_listed_are_names_of_this_server() -> None:
    """In whatever case, with whatever port; ``*`` is any."""
    asked = [("vad.example", None), ("VAD.example:80", None), ("localhost", None), ("evil.example", None)]
    assert statuses(asked, allowed_hosts=["vad.example"]) == [204, 204, 204, 403]
    assert statuses(asked, allowed_hosts=["*"]) == [204] * 4


def test_elsewhere_names_count_only_if_they_are_listed() -> None:
    """The service cannot know what an address that others reach is called; its own address is always right."""
    asked = [("vad.example", None), ("0.0.0.0:6006", None), ("other", None)]
    assert statuses(asked, host="0.0.0.0") == [204, 204, 204]
    assert statuses(asked, host="0.0.0.0", allowed_hosts=["vad.example"]) == [204, 204, 403]


@pytest.mark.parametrize("is_socket", [False, True])
@pytest.mark.parametrize("bound", ["127.0.0.1", "0.0.0.0"])
def test_pages_of_other_sites_are_refused(bound: str, is_socket: bool) -> None:
    """Wherever it is bound: the origin is the host that was called, with its port, or the request is another site's."""
    allowed = 101 if is_socket else 204
    own = [
        ("localhost:6006", "http://localhost:6006"),
        ("localhost:6006", "HTTP://LocalHost:6006"),
        ("127.0.0.1", "http://127.0.0.1"),
        ("localhost", "https://localhost"),  # behind a proxy that ends TLS
        ("localhost:443", "https://localhost"),
        ("[::1]:6006", "http://[::1]:6006"),
    ]
    foreign = [
        ("localhost:6006", "http://localhost:3000"),
        ("localhost:6006", "http://localhost"),
        ("localhost:6006", "https://evil.example"),
        ("localhost:6006", "http://127.0.0.1:6006"),
        ("localhost:6006", "http://localhost:6006.evil.example"),
        ("localhost:6006", "null"),
        ("localhost:6006", ""),
        ("localhost:6006", "file://"),
        ("localhost", "ftp://localhost"),
        ("localhost", "http://localhost@evil.example"),
    ]
    found = statuses([*own, *foreign], is_socket=is_socket, host=bound)
    assert found == [allowed] * len(own) + [403] * len(foreign)


def test_two_hosts_or_origins_are_not_one() -> None:
    """A second header does not make the first count."""
    asked = [
        ("localhost\r\nHost: evil.example", None),
        ("localhost", "http://localhost\r\nOrigin: http://evil.example"),
    ]
    assert statuses(asked) == [403, 403]


def test_sites_that_are_listed_may(tmp_path: Path) -> None:
    """By their origin, whole; their pages are told that they may read the answers, and ``null`` is a site too."""
    asked = [("localhost", "https://a.example"), ("localhost", "https://b.example"), ("localhost", "http://a.example")]
    assert statuses(asked, allowed_origins=["https://A.example/"]) == [204, 403, 403]
    assert statuses(asked, allowed_origins=["*"]) == [204, 204, 204]
    assert statuses([("localhost", "null")], allowed_origins=["null"]) == [204]
    with loud_service(tmp_path, allowed_origins=["https://a.example"]) as service, answering(service) as address:
        asking = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
        told = requests.options(
            f"{address.url}/v1/detect", headers={"Origin": "https://a.example", **asking}, timeout=30
        )
        read = requests.get(f"{address.url}/livez", headers={"Origin": "https://a.example"}, timeout=30)
        other = requests.options(
            f"{address.url}/v1/detect", headers={"Origin": "https://b.example", **asking}, timeout=30
        )
    assert told.status_code == 200
    assert told.headers["Access-Control-Allow-Headers"] == "authorization"
    assert read.headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert "Access-Control-Allow-Credentials" not in told.headers
    assert other.status_code == 403
    assert "Access-Control-Allow-Origin" not in other.headers


def test_nothing_of_it_is_read(tmp_path: Path) -> None:
    """A recording that another site sends is refused at its head, whatever its address; no place is taken."""
    with loud_service(tmp_path) as service, answering(service) as address, address.raw() as connection:
        connection.send(b"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n")
        connection.send(b"Content-Length: 1000000\r\n\r\n")
        answer = connection.answer()
        assert (answer.status, answer.headers["connection"]) == (403, "close")
        assert service.status().requests.refused == 0
