"""The token of a real server: nowhere but in its file, and compared in a time that tells nothing."""

import hmac
import io
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter_ns

import psutil
import pytest
import requests
import soundfile
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from scripts.speech import Samples
from segue.errors import Unauthorized
from segue.service.access import Access
from tests.e2e.server import Server, home_with

WRONG = "wrong-token-that-somebody-tried-0123456789"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, model_directory: Path) -> Iterator[Server]:
    """A closed server with a model in a process of its own, whose token has been used wherever one can be."""
    home = home_with(tmp_path_factory.mktemp("secrets") / "home", model_directory)
    with Server(home, "--isolate", host="127.0.0.1") as begun:
        _use(begun)
        yield begun


def _use(server: Server) -> None:
    """Right and wrong, in every place that takes a token and in some that do not."""
    for token in (server.token, WRONG):
        bearer = {"Authorization": f"Bearer {token}"}
        for path in ("/v1/status", "/v1/serving", "/metrics", "/docs", "/nothing", "/v1/rollouts/none"):
            requests.get(server.url + path, headers=bearer, timeout=30)
        requests.get(f"{server.url}/docs", auth=("any", token), timeout=30)
        requests.get(f"{server.url}/v1/status", auth=("any", token), timeout=30)
        requests.post(f"{server.url}/page/session", json={"token": token}, timeout=30)
        requests.post(f"{server.url}/v1/switch", json={"model_id": "no model"}, headers=bearer, timeout=30)
        body = {"model_id": "fsmn-vad", "options": {"max_end_silence_time": 700}, "why": "a test"}
        requests.post(f"{server.url}/v1/switch", json=body, headers=bearer, timeout=60)
        requests.post(f"{server.url}/v1/rollback", headers=bearer, timeout=60)
        for protocols, headers in (([f"bearer.{token}"], {}), ([], bearer)):
            try:
                address = f"{server.websocket_url()}"
                with connect(address, subprotocols=protocols or None, additional_headers=headers) as stream:  # type: ignore[arg-type]  # plain text
                    stream.send("no message that is known")
                    stream.recv(10)
            except InvalidStatus:
                pass
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as broken:
            broken.sendall(f"GET / HTTP/1.1\r\nAuthorization: Bearer {token}\r\nno header\r\n\r\n".encode())
            broken.recv(1000)


def test_it_is_not_in_the_log(server: Server) -> None:
    """Neither the right one nor one that was tried."""
    assert server.log
    for token in (server.token, WRONG):
        assert token not in server.log


def test_it_is_in_no_file_but_its_own(server: Server) -> None:
    """Not in the journal, which is the history, nor in what commands find the server by; the file is its owner's."""
    holding = [
        path.name for path in server.home.rglob("*") if path.is_file() and server.token.encode() in path.read_bytes()
    ]
    assert holding == ["token"]
    assert (server.home / "token").stat().st_mode & 0o777 == 0o600


def test_it_is_in_no_answer(server: Server) -> None:
    """Not in the history, the status, the metrics, the document, nor in what a wrong one is told."""
    bearer = {"Authorization": f"Bearer {server.token}"}
    for path in (
        "/v1/history",
        "/v1/status",
        "/v1/versions",
        "/v1/rollouts",
        "/v1/follow",
        "/metrics",
        "/openapi.json",
    ):
        answer = requests.get(server.url + path, headers=bearer, timeout=30)
        assert server.token not in f"{answer.text}{answer.headers}", path
    refused = requests.get(f"{server.url}/v1/status", headers={"Authorization": f"Bearer {WRONG}"}, timeout=30)
    assert WRONG not in f"{refused.text}{refused.headers}"


def test_no_list_of_processes_shows_it(server: Server) -> None:
    """Not among the arguments of the server and of its models' processes, and not in what these inherit."""
    process = psutil.Process(server.pid)
    children = process.children(recursive=True)
    assert children
    for each in (process, *children):
        assert server.token not in " ".join(each.cmdline())
        assert server.token not in " ".join(each.environ().values())


def test_it_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """By hmac.compare_digest and by nothing else: all that is let in was compared by it."""
    compared: list[tuple[bytes, bytes]] = []
    real: Callable[[bytes, bytes], bool] = hmac.compare_digest

    def watching(given: bytes, token: bytes) -> bool:
        compared.append((given, token))
        return real(given, token)

    monkeypatch.setattr("segue.service.home.hmac.compare_digest", watching)
    access = Access("t" * 43, is_open=False)
    access.control("t" * 43)
    access.detection("t" * 43)
    for wrong in (None, "", "t", "t" * 42, "x" * 43, "\udcff"):
        with pytest.raises(Unauthorized):
            access.control(wrong)
    assert len(compared) == 8
    assert {token for _, token in compared} == {b"t" * 43}


def test_its_first_letters_are_not_told_by_time() -> None:
    """One that differs at its first letter is refused as fast as one that differs at its last; the medians say so."""
    token = "t" * 43
    access = Access(token, is_open=False)
    took_ns: dict[str, list[int]] = {"x" + token[1:]: [], token[:-1] + "x": []}
    for _ in range(4_000):
        for wrong, taken in took_ns.items():
            began_ns = perf_counter_ns()
            with pytest.raises(Unauthorized):
                access.control(wrong)
            taken.append(perf_counter_ns() - began_ns)
    first, last = (median(taken) for taken in took_ns.values())
    assert abs(first - last) < 0.2 * max(first, last)


def test_a_recording_is_not_in_the_log_either(server: Server, speech: Samples) -> None:
    """Nor the name of its file."""
    file = io.BytesIO()
    soundfile.write(file, speech[:16_000], 16_000, format="WAV")
    bearer = {"Authorization": f"Bearer {server.token}"}
    sent = {"file": ("a-patients-name.wav", file.getvalue())}
    assert requests.post(f"{server.url}/v1/detect", files=sent, headers=bearer, timeout=60).status_code == 200
    assert "a-patients-name" not in server.log
