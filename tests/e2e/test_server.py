"""A real server at its start and at its end, when others do not do their part."""

import json
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from websockets.sync.client import ClientConnection, connect

from tests.e2e.server import Server, home_with, until
from tests.hub.loopback import Hub, model_files

WAIT_S = 30


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A ModelScope hub whose ``iic/slow`` never comes."""
    with Hub() as running:
        running.models["iic/slow"] = {"master": model_files(b"slow")}
        running.faults.stall.add("model.pt")
        yield running


def beside(hub: Hub, home: Path, *arguments: str, **settings: object) -> Server:
    """A server that fetches from this hub."""
    server = Server(home, *arguments, **settings)
    server.environment |= {"MODELSCOPE_ENDPOINT": hub.endpoint, "MODELSCOPE_CACHE": str(home / "cache")}
    return server


def ask(server: Server, method: str, path: str, body: Any = None) -> requests.Response:
    """What an operator is answered, and that it is at once or when it is done."""
    headers = {"Authorization": f"Bearer {server.token}"}
    return requests.request(method, server.url + path, json=body, headers=headers, timeout=WAIT_S)


def code(answer: requests.Response) -> tuple[int, str]:
    """Status and code, in the one form that errors have."""
    error = answer.json()["error"]
    assert error["request_id"] == answer.headers["X-Request-ID"]
    return answer.status_code, error["code"]


def upload(server: Server) -> socket.socket:
    """One that has begun, and will never end."""
    host, port = server.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=WAIT_S)
    connection.sendall(b"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nRIFF")
    until(lambda: server.status()["requests"]["running"] == 1, "the upload has a place")
    return connection


def live(server: Server, **query: object) -> ClientConnection:
    """A stream that is open."""
    return connect(server.websocket_url(**query), legacy=True, open_timeout=WAIT_S)


# -- the start -----------------------------------------------------------------------------------------------------


def test_a_hub_that_stalls_at_the_first_start_keeps_no_operator_out(
    hub: Hub, tmp_path: Path, model_directory: Path
) -> None:
    """It listens, is not ready and says why; a rollback cancels the fetching, and a switch takes its place."""
    server = beside(hub, home_with(tmp_path / "home", model_directory), "--model", "iic/slow")
    server.start(wait=False)
    try:
        server.wait_listening()
        hub.wait_for("model.pt")
        ready = requests.get(f"{server.url}/readyz", timeout=10)
        assert code(ready) == (503, "not_ready")
        assert "iic/slow" in ready.json()["error"]["message"]
        rolled_back = ask(server, "POST", "/v1/rollback")
        assert code(rolled_back) == (409, "nothing_to_roll_back")
        assert "switch iic/slow by start is cancelled" in rolled_back.json()["error"]["message"]
        until(lambda: (server.status()["under_way"] or {}).get("what") == "iic/slow", "it is tried again")
        assert ask(server, "POST", "/v1/switch", {"model_id": "fsmn-vad"}).status_code == 200
        assert requests.get(f"{server.url}/readyz", timeout=10).status_code == 200
        assert server.terminate() == 0
    finally:
        server._end_now()
    server.check_log()


# -- the end -------------------------------------------------------------------------------------------------------


def test_whatever_is_not_done_by_the_deadline_is_told_so(hub: Hub, tmp_path: Path, model_directory: Path) -> None:
    """An upload that never ends and a switch whose hub stalls: 503 shutting_down; nobody new gets in."""
    with beside(hub, home_with(tmp_path / "home", model_directory), drain_s=1) as server, ThreadPoolExecutor() as pool:
        switching = pool.submit(ask, server, "POST", "/v1/switch", {"model_id": "iic/slow"})
        hub.wait_for("model.pt")
        with upload(server) as connection, connection.makefile("rb") as reader:
            server.process.send_signal(signal.SIGTERM)
            until(lambda: "finishing what is in flight" in server.log, "it has heard the signal")
            until(lambda: refuses(server), "it takes no connection")
            head, _, body = reader.read().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503")
        assert b"retry-after: " in head
        assert json.loads(body)["error"]["code"] == "shutting_down"
        assert code(switching.result()) == (503, "shutting_down")
        assert server.process.wait(20) == 0


def refuses(server: Server) -> bool:
    host, port = server.url.removeprefix("http://").split(":")
    try:
        with socket.create_connection((host, int(port)), timeout=WAIT_S):
            return False
    except ConnectionRefusedError:
        return True


# -- in between ----------------------------------------------------------------------------------------------------


def test_who_waits_for_a_version_to_close_keeps_nobody_waiting(tmp_path: Path, model_directory: Path) -> None:
    """Many removals wait for a stream that has its version pinned; status and rollback are answered at once."""
    with Server(home_with(tmp_path / "home", model_directory)) as server:
        first = server.status()["route"]["primary"]
        with live(server, policy="pin", deadline_s=600), ThreadPoolExecutor(60) as pool:
            server.switch({"model_id": "fsmn-vad", "options": {"max_end_silence_time": 500}})
            path = f"/v1/versions/{first}?deadline_s=300"
            removals = [pool.submit(ask, server, "DELETE", path) for _ in range(60)]
            until(lambda: state(server, first) == "draining", "they wait", deadline_s=20)
            began_s = time.monotonic()
            rolled_back = ask(server, "POST", "/v1/rollback")
            took_s = time.monotonic() - began_s
            assert (rolled_back.status_code, rolled_back.json()["version"]) == (200, first)
            assert took_s < 10
            # it serves again: the removals have nothing to wait for
            assert {removal.result().status_code for removal in removals} <= {200, 409}
        assert state(server, first) == "ready"


def state(server: Server, version: str) -> str:
    return next(str(each["state"]) for each in server.status()["versions"] if each["version"] == version)
