"""Who is told how a rollout ends."""

import json
import logging
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from segue.service import webhook
from tests.swap.threads import PATIENCE_S


class Listener:
    """An address that answers as it is told to, and remembers what it was told."""

    def __init__(self) -> None:
        self.statuses = [200]
        self.heard: list[tuple[str, object]] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.heard.append((self.path, json.loads(body)))
                status = listener.statuses.pop(0) if len(listener.statuses) > 1 else listener.statuses[0]
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_it_is_told_once(listener: Listener) -> None:
    """As JSON."""
    webhook.tell(listener.url, {"phase": "done"}, threading.Event()).join(PATIENCE_S)
    assert listener.heard == [("/hook", {"phase": "done"})]


def test_it_is_told_again_when_it_refuses(listener: Listener) -> None:
    """A server that is starting, say."""
    listener.statuses = [503, 200]
    webhook.tell(listener.url, {}, threading.Event()).join(PATIENCE_S)
    assert len(listener.heard) == 2


def test_it_is_never_followed_to_another_address(listener: Listener, caplog: pytest.LogCaptureFixture) -> None:
    """A redirect is a refusal."""
    listener.statuses = [302]
    stopping = threading.Event()
    thread = webhook.tell(listener.url, {}, stopping)
    thread.join(1.0)
    stopping.set()
    thread.join(PATIENCE_S)
    assert {path for path, _ in listener.heard} == {"/hook"}
    assert "could not be told" in caplog.text


def test_nobody_waits_for_one_that_does_not_answer(caplog: pytest.LogCaptureFixture) -> None:
    """Neither at the telling nor at the end of the service."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        stopping = threading.Event()
        caplog.set_level(logging.ERROR)
        thread = webhook.tell(f"http://127.0.0.1:{deaf.getsockname()[1]}/", {}, stopping)
        assert thread.daemon
        stopping.set()
    webhook.tell("http://[nonsense", {}, stopping).join(PATIENCE_S)
