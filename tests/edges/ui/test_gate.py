"""What of Gradio answers: what the page asks for, and nothing else that it has."""

import socket
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Browser

from segue.edges.ui.gate import refusal
from tests.edges.http.server import Address
from tests.edges.ui.browser import visit

TIMEOUT_S = 30.0
MOST = 1000
JSON = {"content-type": "application/json", "content-length": "10"}
FORM = {"content-type": "multipart/form-data; boundary=x", "content-length": "10"}


def status(method: str, path: str, headers: dict[str, str] | None = None) -> int:
    """What is answered; 200 for what is let through."""
    scope = {"type": "http", "method": method, "path": path}
    answer = refusal(scope, headers or {}, most_upload_bytes=MOST)
    return 200 if answer is None else answer.status_code


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/en/gradio_api/file=http://example.com/",
            "/en/gradio_api/file/etc/passwd",
            "/en/gradio_api/proxy=http://a/",
        ),
        *("/en/gradio_api/deep_link", "/en/gradio_api/dev/reload", "/en/gradio_api/openapi.json", "/en/openapi.json"),
        *(
            "/en/monitoring",
            "/en/gradio_api/call/a/b",
            "/en/login",
            "/fr/",
            "/en/gradio_api/stream/a/b/1/playlist.m3u8",
        ),
    ],
)
def test_what_the_page_does_not_ask_for_is_not_there(path: str) -> None:
    """Among it what fetches any address, and what writes files."""
    assert status("GET", path) == 404


def test_what_the_page_says_is_let_through_in_its_form_and_size() -> None:
    """JSON of a megabyte, one upload of what the service takes; the length has to be told."""
    say, upload = "/zh/gradio_api/queue/join", "/en/gradio_api/upload"
    assert status("POST", say, JSON) == status("POST", upload, FORM) == status("GET", "/en/") == 200
    assert status("POST", say, JSON | {"content-length": str(2**21)}) == 413
    assert status("POST", upload, FORM | {"content-length": str(MOST + 2**17)}) == 413
    for length in ("", "-1", "²", "1e3"):
        assert status("POST", upload, FORM | {"content-length": length}) == 411
    assert status("POST", say, FORM) == status("POST", upload, JSON) == 404
    for path in ("run/predict", "api/predict", "call/x", "process_recording", "vibe-edit", "stream/x"):
        assert status("POST", f"/en/gradio_api/{path}", JSON) == 404
    assert status("PUT", "/en/") == status("DELETE", "/en/config") == 404


def test_it_stands_before_the_page(address: Address) -> None:
    """Also for an address that is written in another way, and for a length that is not told."""
    for path in ("file=http%3A//example.com/", "proxy=http://example.com/", "deep_link?session_hash=x"):
        assert requests.get(f"{address.url}/en/gradio_api/{path}", timeout=TIMEOUT_S).status_code == 404
    at = urlsplit(address.url)
    with socket.create_connection((at.hostname, at.port), TIMEOUT_S) as raw:
        head = "POST /en/gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=x"
        raw.sendall(f"{head}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        assert raw.recv(100).startswith(b"HTTP/1.1 411")


def test_the_page_is_not_stopped_by_it(opened: Browser, address: Address) -> None:
    """Nothing that a visitor's browser asks for is refused, in any tab."""
    refused: list[str] = []
    with visit(opened, address) as visitor:
        visitor.page.on(
            "response", lambda got: refused.append(f"{got.status} {got.url}") if got.status >= 400 else None
        )
        visitor.open("/en/")
        for tab in ("Live", "Models", "Compare", "Detect"):
            visitor.tab(tab)
        visitor.page.wait_for_load_state("networkidle")
    assert refused == []
