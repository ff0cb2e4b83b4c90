"""``segue serve``: the process, from what it refuses to begin with to the last answer."""

import asyncio
import json
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from scripts.speech import Samples
from segue.edges.serve import command as serve
from segue.settings import read_settings
from tests.e2e.server import SEGUE, Server, home_with, until

CERTIFICATE = Path(__file__).parents[2] / "client" / "certificate.pem"
RATE = 16_000


@pytest.fixture
def home(tmp_path: Path, model_directory: Path) -> Path:
    """A SEGUE_HOME with the default model in its store."""
    return home_with(tmp_path / "home", model_directory)


def refused(*arguments: str, **environment: str) -> tuple[int, str]:
    """The status and the words of a server that does not begin."""
    finished = subprocess.run(
        [SEGUE, "serve", *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in finished.stderr
    return finished.returncode, finished.stderr


def stream(server: Server, talk: Callable[[Any], Any], *, headers: dict[str, str] | None = None, **query: Any) -> Any:
    """Whatever a conversation over a WebSocket comes to."""

    async def run() -> Any:
        async with connect(server.websocket_url(**query), additional_headers=headers or {}) as socket:
            return await talk(socket)

    return asyncio.run(run())


# -- the start -----------------------------------------------------------------------------------------------------


def test_what_cannot_be_served_is_one_line(tmp_path: Path) -> None:
    """A port that is taken, a host that is not here, half of a certificate, a home that is a file."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, said = refused("--port", port, SEGUE_HOME=str(tmp_path / "a"))
        assert status == 2
        assert f"cannot listen on 127.0.0.1 port {port}" in said
    status, said = refused("--host", "203.0.113.7", "--port", "0", SEGUE_HOME=str(tmp_path / "b"))
    assert (status, "cannot listen on 203.0.113.7" in said) == (2, True)
    status, said = refused("--tls-cert", str(CERTIFICATE), SEGUE_HOME=str(tmp_path / "c"))
    assert (status, "go together" in said) == (2, True)
    for host in ("..", "a" * 300):
        status, said = refused("--host", host, "--port", "0", SEGUE_HOME=str(tmp_path / "b"))
        assert (status, f"cannot listen on {host}" in said) == (2, True)
    (tmp_path / "file").write_text("", encoding="utf-8")
    status, said = refused("--port", "0", SEGUE_HOME=str(tmp_path / "file"))
    assert (status, "SEGUE_HOME" in said) == (1, True)


def test_a_certificate_that_is_none_is_found_out_before_anything_begins(tmp_path: Path) -> None:
    """One that cannot be read, and one whose key is another's: one line, and no service was begun."""
    (tmp_path / "junk.pem").write_text("junk", encoding="utf-8")
    for cert, key in ((tmp_path / "junk.pem", tmp_path / "junk.pem"), (CERTIFICATE, tmp_path / "junk.pem")):
        status, said = refused(
            "--port", "0", "--tls-cert", str(cert), "--tls-key", str(key), SEGUE_HOME=str(tmp_path / "home")
        )
        assert (status, "--tls-cert" in said, "listening" in said) == (2, True, False), said
        assert "fault in Segue" not in said
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_whoever_hears_that_it_listens_can_stop_it(home: Path, number: int) -> None:
    """A signal at that very moment is one like any later one: status 0, and nothing says that it still runs."""
    process = subprocess.Popen(
        [SEGUE, "serve", "--port", "0"], env=os.environ | {"SEGUE_HOME": str(home)}, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    with process.stderr:
        until(lambda: (home / "server.json").exists(), "it is announced")
        process.send_signal(number)
        said = process.stderr.read()
    assert process.wait(30) == 0, said
    assert not (home / "server.json").exists()
    assert "Traceback" not in said


def test_a_second_server_on_a_home_is_told_who_has_it(home: Path) -> None:
    """It names process and address, exits with 1, and the first goes on."""
    with Server(home) as server:
        status, said = refused("--port", "0", SEGUE_HOME=str(home))
        assert status == 1
        assert f"process {server.pid} at {server.url}" in said
        assert requests.get(f"{server.url}/readyz", timeout=10).status_code == 200


def test_it_listens_at_once_though_no_model_can_be_had(tmp_path: Path) -> None:
    """Not ready, with the reason; an operator's switch makes it ready."""
    server = Server(tmp_path / "home", "--model", "iic/nowhere", connect_timeout_s=0.01)
    server.environment["MODELSCOPE_ENDPOINT"] = "http://127.0.0.1:9"
    server.start(wait=False)
    try:
        server.wait_listening()
        until(lambda: "iic/nowhere" in requests.get(f"{server.url}/readyz", timeout=10).text, "it says why")
        answer = requests.post(f"{server.url}/v1/detect", data=b"x", timeout=10)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_ready")
        assert int(answer.headers["Retry-After"]) >= 1
    finally:
        assert server.terminate() == 0
    server.check_log()


def test_elsewhere_than_on_loopback_detection_needs_the_token(home: Path) -> None:
    """HTTP and WebSocket alike, unless --open; the token is in no log and no process list."""
    with Server(home, "--host", "0.0.0.0") as server:
        assert requests.get(f"{server.url}/v1/serving", timeout=10).status_code == 401
        with pytest.raises(InvalidStatus, match="401"):
            stream(server, lambda socket: socket.recv())
        bearer = {"Authorization": f"Bearer {server.token}"}
        assert requests.get(f"{server.url}/v1/serving", headers=bearer, timeout=10).status_code == 200
        assert json.loads(stream(server, lambda socket: socket.recv(), headers=bearer))["type"] == "ready"
        processes = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
        assert not any(server.token.encode() in line for line in processes)
        assert server.token not in server.log
        assert server.token not in json.dumps(server.status())
    with Server(home, "--host", "0.0.0.0", "--open") as server:
        assert requests.get(f"{server.url}/v1/serving", timeout=10).status_code == 200


def test_it_serves_over_tls(home: Path) -> None:
    """With a certificate the address is https, for requests and for streams."""
    server = Server(home, "--tls-cert", str(CERTIFICATE), "--tls-key", str(CERTIFICATE))
    server.start(wait=False)
    try:
        until(server._announced, "it is announced")
        assert server.url.startswith("https://")
        trusting = ssl.create_default_context(cafile=str(CERTIFICATE))
        ready = f"{server.url}/readyz"
        until(lambda: requests.get(ready, verify=str(CERTIFICATE), timeout=10).ok, "it is ready")

        async def first() -> str:
            async with connect(f"{server.url.replace('http', 'ws', 1)}/v1/stream", ssl=trusting) as socket:
                return str(await socket.recv())

        assert json.loads(asyncio.run(first()))["type"] == "ready"
    finally:
        server.kill()


# -- the end -------------------------------------------------------------------------------------------------------


def test_sigterm_finishes_what_is_in_flight(home: Path, speech: Samples) -> None:
    """A stream is told, its open utterance ends, it is closed with 1012; the exit status is 0, the address is gone."""
    pcm = (speech[: 12 * RATE] * 32767).astype("<i2").tobytes()

    async def talk(socket: Any) -> list[dict[str, Any]]:
        said: list[dict[str, Any]] = []
        for at in range(0, len(pcm), 6_400):
            await socket.send(pcm[at : at + 6_400])
        while "speech_started" not in [message["type"] for message in said]:
            said.append(json.loads(await socket.recv()))
        server.process.send_signal(signal.SIGTERM)
        with suppress(ConnectionClosed):
            while True:
                said.append(json.loads(await socket.recv()))
        assert socket.close_code == 1012
        return said

    with Server(home) as server:
        said = stream(server, talk)
        assert server.process.wait(30) == 0
    kinds = [message["type"] for message in said]
    assert kinds[-1] == "finished"
    assert "shutting_down" in [message.get("code") for message in said]
    assert kinds.count("speech_started") == kinds.count("speech_ended")
    assert not (home / "server.json").exists()


def test_a_second_signal_ends_it_at_once(home: Path) -> None:
    """It does not wait for the upload that never ends, nor for its deadline."""
    server = Server(home, drain_s=60)
    server.start()
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as upload:
        upload.sendall(b"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nRIFF")
        until(lambda: server.status()["requests"]["running"] == 1, "the upload has a place")
        server.process.send_signal(signal.SIGTERM)
        until(lambda: "finishing what is in flight" in server.log, "it has heard the signal")
        began_s = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 128 + signal.SIGTERM
        assert time.monotonic() - began_s < 5
    server.check_log()


def test_what_does_not_end_ends_with_the_deadline(home: Path) -> None:
    """An upload that never ends is waited for, for so long and no longer; the status is 0 all the same."""
    server = Server(home, drain_s=1)
    server.start()
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as upload:
        upload.sendall(b"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nRIFF")
        until(lambda: server.status()["requests"]["running"] == 1, "the upload has a place")
        assert server.terminate() == 0
    assert "not all was answered within 1 s" in server.log


# -- the parts -----------------------------------------------------------------------------------------------------


def test_a_connections_limits_are_those_of_the_settings(home: Path) -> None:
    """Times and counts, and each server counts for itself."""
    settings = read_settings(home=home, head_s=3, unread_s=4, stream_idle_s=2, max_connections=40)
    (http, live), (other, _) = serve._protocols(settings), serve._protocols(settings)
    assert (http.head_s, http.unread_s, http.most, http.most_per_client) == (3, 4, 40, 30)
    assert live.last_byte_s == 2
    assert http.clients is not other.clients
    assert serve._protocols(read_settings(home=home))[0].most >= 64


def test_the_address_is_one_that_can_be_asked() -> None:
    """Where it listens everywhere, the address of this machine; brackets around IPv6."""
    assert serve._url("0.0.0.0", 80, secure=False) == "http://127.0.0.1:80"
    assert serve._url("::", 80, secure=True) == "https://[::1]:80"
    assert serve._url("example.org", 6006, secure=False) == "http://example.org:6006"


def test_the_help_says_what_is_open() -> None:
    """Options, addresses, tokens, exit statuses."""
    said = CliRunner().invoke(serve.serve, ["--help"]).output
    for what in ("--host", "--port", "--model", "--open", "--isolate", "--tls-cert", "token", "Exit status"):
        assert what in said
