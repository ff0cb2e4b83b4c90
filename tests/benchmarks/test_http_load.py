"""What is sent, and when."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from benchmarks.http_load import Clients, Order

ORDER = Order(port=0, path="/", bodies=(), clients=1, seconds=100, rate=50, seed=1)


class Echo(BaseHTTPRequestHandler):
    """Answers what it is sent, as JSON; a body of ``!`` with 503."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        answer = json.dumps(body).encode()
        self.send_response(503 if body == "!" else 200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- http.server's name
        pass


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def test_random_moments_keep_the_rate() -> None:
    """They never go back, end with the time, number what the rate says, and are the same every time."""
    due = list(ORDER.due())
    assert due == sorted(due) == list(ORDER.due())
    assert 0 < due[0] < due[-1] < 100
    assert len(due) == pytest.approx(5000, rel=0.05)


def test_every_body_is_sent_in_turn(port: int, tmp_path: Path) -> None:
    """Each request is told with its number and answer; an answer that is no 200 is kept whole."""
    for name in "a!c":
        (tmp_path / name).write_text(name, encoding="utf-8")
    bodies = [str(tmp_path / name) for name in "a!c"]
    sent = Clients(Order(port, "/", bodies, clients=2, seconds=1, rate=50)).run()
    by_number = sorted(sent, key=lambda each: each.number)
    assert [each.number for each in by_number] == list(range(len(sent)))
    assert [(each.status, each.answer) for each in by_number[:5]] == [
        *((200, '"a"'), (503, '"!"'), (200, '"c"')),
        *((200, ""), (503, '"!"')),
    ]
    assert all(each.due_s <= each.sent_s <= each.answered_s for each in sent)


def test_a_connection_that_is_refused_is_a_failed_request(tmp_path: Path) -> None:
    """Nothing is left out of the figures."""
    (tmp_path / "a").write_text("a", encoding="utf-8")
    closed = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    closed.server_close()
    sent = Clients(Order(closed.server_port, "/", [str(tmp_path / "a")], clients=1, seconds=1, rate=5)).run()
    assert sent
    assert all(each.status == 0 and "refused" in each.answer for each in sent)
