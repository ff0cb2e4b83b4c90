"""Bad input to a real server: one clear answer each, and the service as it was."""

import contextlib
import io
import json
import socket
import sqlite3
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import soundfile

from scripts.speech import Samples
from tests.e2e.server import Server, home_with, until
from tests.hub.loopback import Hub, model_files
from tests.models.networks import state_dict, write_archive, write_checkpoint, write_network

RATE = 16_000
LIMITS: dict[str, Any] = {
    "max_body_bytes": 5_000_000,
    "body_idle_s": 1,
    "max_requests": 4,
    "max_requests_per_client": 3,
    "max_audio_s": 3600,
    "connect_timeout_s": 0.5,
    "fetch_timeout_s": 20,
}


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """A ModelScope hub on the loopback interface."""
    with Hub() as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, model_directory: Path, hub: Hub) -> Iterator[Server]:
    """A server with small limits, and that hub."""
    home = home_with(tmp_path_factory.mktemp("bad") / "home", model_directory)
    begun = Server(home, **LIMITS)
    begun.environment |= {"MODELSCOPE_ENDPOINT": hub.endpoint, "MODELSCOPE_CACHE": str(home / "cache")}
    with begun:
        yield begun


@pytest.fixture(scope="module")
def clip(speech: Samples) -> bytes:
    """Four seconds of speech."""
    file = io.BytesIO()
    soundfile.write(file, speech[: 4 * RATE], RATE, format="WAV")
    return file.getvalue()


@pytest.fixture(autouse=True)
def unharmed(server: Server, clip: bytes) -> Iterator[None]:
    """After each test a recording is answered, no lease and no place is out, and the log has no traceback."""
    before = server.status()["route_text"]
    yield
    until(lambda: post(server, clip).status_code == 200, "a recording is answered")
    until(lambda: not any(each["leases"] for each in server.status()["versions"]), "all leases are back")
    until(lambda: server.status()["requests"]["running"] == 0, "all places are free")
    assert server.status()["route_text"] == before
    server.check_log()


def post(server: Server, body: Any, **options: Any) -> requests.Response:
    return requests.post(f"{server.url}/v1/detect", data=body, timeout=60, **options)


def said(answer: requests.Response) -> tuple[int, str]:
    """Status and code; the message is one line that shows nothing of our insides."""
    error = answer.json()["error"]
    assert "\n" not in error["message"]
    assert "Traceback" not in error["message"]
    assert error["request_id"] == answer.headers["X-Request-ID"]
    return answer.status_code, error["code"]


def raw(server: Server) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def reset(connection: socket.socket) -> None:
    """Close it as a machine does that loses its power."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


# -- bodies --------------------------------------------------------------------------------------------------------


def flac_of_hours() -> bytes:
    """Silence packs well: small in bytes, beyond the limit in hours."""
    file = io.BytesIO()
    soundfile.write(file, np.zeros(8_000 * 3_700, np.int16), 8_000, format="FLAC")
    return file.getvalue()


def nan_wav() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.full(16_000, np.nan, np.float32), 16_000, format="WAV", subtype="FLOAT")
    return file.getvalue()


def test_bodies_that_are_no_audio(server: Server, clip: bytes) -> None:
    """Each kind has its code and its status."""
    assert said(post(server, b"")) == (422, "audio_empty")
    assert said(post(server, b"not audio at all" * 50)) == (422, "audio_undecodable")
    assert said(post(server, np.random.default_rng(0).bytes(100_000))) == (422, "audio_undecodable")
    assert said(post(server, clip[: len(clip) // 2])) == (422, "audio_truncated")
    assert said(post(server, nan_wav())) == (422, "invalid_samples")
    assert said(post(server, b"PK\x03\x04" + b"\0" * 1000)) == (422, "audio_undecodable")
    assert said(post(server, json.dumps({"audio": [0]}), headers={"Content-Type": "application/json"})) == (
        415,
        "unsupported_media_type",
    )
    packed = post(server, clip, headers={"Content-Encoding": "gzip"})
    assert said(packed) == (415, "unsupported_media_type")


def test_a_small_body_that_decodes_to_hours(server: Server) -> None:
    """Refused by the limit on audio, however few bytes it has."""
    body = flac_of_hours()
    assert len(body) < 100_000
    assert said(post(server, body)) == (413, "audio_too_long")


def test_bodies_that_are_too_large(server: Server) -> None:
    """Declared, it is refused at once; not declared, as soon as it is."""
    assert said(post(server, b"\0" * 5_000_001)) == (413, "body_too_large")
    pieces = (b"\0" * 100_000 for _ in range(60))
    assert said(post(server, pieces)) == (413, "body_too_large")


def test_a_body_that_stops_coming(server: Server) -> None:
    """After the idle time it is refused, and its place is free."""
    with raw(server) as connection:
        connection.sendall(b"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nRIFF")
        with connection.makefile("rb") as reader:
            answer = reader.read()
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"body_too_slow" in answer


# -- clients -------------------------------------------------------------------------------------------------------


def test_clients_that_vanish(server: Server, clip: bytes) -> None:
    """In the headers, in the upload, and while it is detected: what they held comes back."""
    head = b"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(clip)
    for sent in (b"", b"POST /v1/det", head, head + clip[:1000], head + clip):
        connection = raw(server)
        connection.sendall(sent)
        reset(connection)


def test_half_open_connections_disturb_nobody(server: Server, clip: bytes) -> None:
    """A hundred that say nothing and a hundred that stop in the middle of a line: the others are answered."""
    with contextlib.ExitStack() as stack:
        for number in range(200):
            connection = stack.enter_context(raw(server))
            if number % 2:
                connection.sendall(b"GET /livez HTTP/1.1\r\nX-Half: ")
        for _ in range(5):
            assert post(server, clip).status_code == 200


def test_more_work_than_it_can_do(server: Server, clip: bytes) -> None:
    """What is beyond is refused with Retry-After; what is accepted is answered, all of it, and right."""
    expected = post(server, clip).json()["segments"]
    barrier = threading.Barrier(24)

    def one(_: int) -> requests.Response:
        barrier.wait(30)
        return post(server, clip)

    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(one, range(24)))
    statuses = {answer.status_code for answer in answers}
    assert 200 in statuses
    assert statuses <= {200, 429, 503}
    for answer in answers:
        if answer.status_code == 200:
            assert answer.json()["segments"] == expected
        else:
            assert said(answer)[1] in ("too_many_requests", "overloaded")
            assert int(answer.headers["Retry-After"]) >= 1


def test_requests_that_are_none(server: Server) -> None:
    """Broken lines, methods that are none, queries that are no text: 4xx, and the connection's end at most."""
    for line in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"BREW /v1/detect HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ):
        with raw(server) as connection:
            connection.sendall(line)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(4096)
        assert not answer or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), answer
    assert said(post(server, b"x", params={"mode": "fast"})) == (422, "invalid_parameter")
    assert said(post(server, b"x", params={"colour": "red"})) == (422, "invalid_parameter")
    assert said(requests.post(f"{server.url}/v1/detect?mode=%ff%fe", data=b"x", timeout=30))[0] == 422
    assert said(requests.get(f"{server.url}/v1/../../etc/passwd", timeout=30)) == (404, "not_found")
    assert said(requests.put(f"{server.url}/v1/detect", data=b"x", timeout=30)) == (405, "method_not_allowed")


def test_numbers_and_texts_that_are_too_much(server: Server) -> None:
    """Numbers that no database holds, JSON without an end, names with NUL: a 4xx each."""
    headers = {"Authorization": f"Bearer {server.token}"}
    for before, expected in ((10**22, 422), (2**63, 422), (2**63 - 1, 200)):
        found = requests.get(f"{server.url}/v1/history", params={"before": before}, headers=headers, timeout=30)
        assert found.status_code == expected, found.text
    nan = requests.delete(f"{server.url}/v1/versions/x?deadline_s=nan", headers=headers, timeout=30)
    assert said(nan) == (422, "invalid_parameter")
    assert said(requests.delete(f"{server.url}/v1/versions/%00", headers=headers, timeout=30))[0] == 404
    for body in (b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe\x00", b'{"model_id": "\\ud800"}', b"null"):
        answer = requests.post(f"{server.url}/v1/switch", data=body, headers=headers, timeout=30)
        assert said(answer) == (400, "bad_request")


# -- models --------------------------------------------------------------------------------------------------------


def switch(server: Server, model_id: str, **body: Any) -> requests.Response:
    return requests.post(
        f"{server.url}/v1/switch",
        json={"model_id": model_id, **body},
        headers={"Authorization": f"Bearer {server.token}"},
        timeout=60,
    )


def rollback(server: Server, *, why: str = "") -> requests.Response:
    headers = {"Authorization": f"Bearer {server.token}"}
    return requests.post(f"{server.url}/v1/rollback", json={"why": why}, headers=headers, timeout=60)


@pytest.mark.parametrize(
    "model_id",
    ["../../etc", "iic/..", "iic/%2e%2e", "iic/x\0y", "iic/x/y/z", "a b/c", "iic/x@../v", "-x/y", "i" * 400],
)
def test_names_that_are_tricks(server: Server, model_id: str) -> None:
    """They are no model IDs, nothing outside of the store is looked at, no address is asked."""
    status, code = said(switch(server, model_id))
    assert (status, code) in {(422, "invalid_model_id"), (404, "model_not_found"), (422, "invalid_parameter")}


def test_models_that_nobody_has(server: Server, hub: Hub) -> None:
    """An unknown ID, and a known one in a revision that it does not have, are told apart."""
    hub.models["iic/there"] = {"v1": model_files()}
    assert said(switch(server, "iic/nowhere")) == (404, "model_not_found")
    answer = switch(server, "iic/there", revision="v9")
    assert said(answer) == (404, "model_not_found")
    assert "v1" in answer.json()["error"]["message"]


def test_a_hub_that_lies_or_breaks_off(server: Server, hub: Hub) -> None:
    """Other bytes than were listed, another size, an end in the middle, an error: never installed, precisely said."""
    hub.models["iic/lies"] = {name: model_files(name.encode()) for name in ("bytes", "size", "cut", "fails")}
    hub.faults.body["am.mvn"] = b"other bytes"
    assert said(switch(server, "iic/lies", revision="bytes"))[0] in (422, 502)
    hub.faults.body.clear()
    hub.faults.size["am.mvn"] = 99_999
    assert said(switch(server, "iic/lies", revision="size"))[0] in (422, 502)
    hub.faults.size.clear()
    hub.faults.cut["model.pt"] = 1000
    assert said(switch(server, "iic/lies", revision="cut"))[0] in (422, 502)
    hub.faults.cut.clear()
    hub.faults.status["listing"] = 500
    assert said(switch(server, "iic/lies", revision="fails")) == (502, "origin_unavailable")
    hub.faults.status.clear()
    assert said(switch(server, "iic/lies", revision="fails")) == (422, "model_invalid")  # it came, and is no network


def test_a_hub_that_stalls_holds_up_no_rollback(server: Server, hub: Hub) -> None:
    """The switch that waits for it is cancelled at once, and its caller told."""
    hub.models["iic/slow"] = {"v1": model_files(b"slow")}
    hub.faults.stall.add("model.pt")
    hub.requests.clear()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(switch, server, "iic/slow", revision="v1")
        hub.wait_for("model.pt")
        with server.client() as client, contextlib.suppress(Exception):
            client.post("/v1/rollback")
        assert said(waiting.result(20)) == (409, "superseded")
    hub.faults.stall.clear()
    assert said(switch(server, "iic/slow", revision="v1")) == (422, "model_invalid")  # it came, and is no network


def test_directories_that_hold_no_model(server: Server, tmp_path: Path) -> None:
    """Nothing there, a file missing, weights cut short, shapes that do not fit."""
    (tmp_path / "empty").mkdir()
    assert said(switch(server, str(tmp_path / "empty"))) == (422, "model_incomplete")
    assert said(switch(server, str(tmp_path / "nowhere"))) == (404, "model_not_found")
    cut = write_network(tmp_path / "cut").directory
    weights = (cut / "model.pt").read_bytes()
    (cut / "model.pt").write_bytes(weights[: len(weights) // 2])
    assert said(switch(server, str(cut))) == (422, "model_invalid")
    other = write_network(tmp_path / "other").directory
    text = (other / "config.yaml").read_text(encoding="utf-8")
    (other / "config.yaml").write_text(text.replace("n_mels:", "n_mels: 3 #"), encoding="utf-8")
    assert said(switch(server, str(other)))[0] == 422


def test_weights_that_are_no_numbers(server: Server, tmp_path: Path) -> None:
    """A network whose weights are NaN or infinite is found out before it serves anybody."""
    network = write_network(tmp_path / "nan")
    for value in (np.nan, np.inf):
        tensors = {name: np.full_like(array, value) for name, array in state_dict(network.weights).items()}
        write_checkpoint(network.directory / "model.pt", tensors)
        assert said(switch(server, str(network.directory))) == (422, "model_invalid")


def test_a_model_that_would_run_code(server: Server, tmp_path: Path) -> None:
    """A pickle that calls a function is refused, and the function is not called."""
    network, mark = write_network(tmp_path / "evil"), tmp_path / "it ran"
    for module in (b"os", b"posix", b"subprocess"):
        pickled = b"c%s\nsystem\n(S'touch \"%s\"'\ntR." % (module, str(mark).encode())
        write_archive(network.directory / "model.pt", pickled, {})
        assert said(switch(server, str(network.directory))) == (422, "model_invalid")
    assert not mark.exists()


def test_a_store_that_cannot_be_written(server: Server, hub: Hub, clip: bytes) -> None:
    """A model that is not there cannot come: 507; what is there can be switched to, and detection goes on."""
    hub.models["iic/new"] = {"v1": model_files(b"new")}
    staging = server.home / "models" / "staging"
    staging.mkdir(parents=True, exist_ok=True)
    until(lambda: not any(staging.iterdir()), "what was cancelled has left nothing")
    staging.rmdir()
    staging.touch()  # as if read-only, for root too
    try:
        assert said(switch(server, "iic/new", revision="v1")) == (507, "store")
        assert post(server, clip).status_code == 200
        assert switch(server, "fsmn-vad", options={"max_end_silence_time": 700}).status_code == 200
        assert rollback(server).status_code == 200
    finally:
        staging.unlink()


# -- the journal ---------------------------------------------------------------------------------------------------


def test_a_journal_that_is_locked_refuses_switches_and_nothing_else(server: Server, clip: bytes) -> None:
    """A switch is 503 journal_unavailable; detection goes on; when the lock is gone, so is the refusal."""
    body = {"options": {"max_end_silence_time": 500}}
    with contextlib.closing(sqlite3.connect(server.home / "journal.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert said(switch(server, "fsmn-vad", **body)) == (503, "journal_unavailable")
        assert post(server, clip).status_code == 200
        other.execute("ROLLBACK")
    assert switch(server, "fsmn-vad", **body).status_code == 200
    with server.client() as client:
        client.post("/v1/rollback")


@pytest.mark.parametrize("fault", ["locked", "removed"])
def test_without_a_journal_a_rollback_acts_and_is_recorded_later(server: Server, clip: bytes, fault: str) -> None:
    """It is needed most when all else fails: it says that it is not recorded, and the row comes when it can."""
    journal = server.home / "journal.db"
    assert switch(server, "fsmn-vad", options={"max_end_silence_time": 650}).status_code == 200
    with contextlib.closing(sqlite3.connect(journal, isolation_level=None)) as other:
        if fault == "locked":
            other.execute("BEGIN EXCLUSIVE")
        else:
            journal.rename(journal.with_suffix(".away"))
        assert said(switch(server, "fsmn-vad", options={"max_end_silence_time": 660}))[1] == "journal_unavailable"
        answer = rollback(server, why=fault)
        assert (answer.status_code, answer.json()["changed"], answer.json()["recorded"]) == (200, True, False)
        assert post(server, clip).status_code == 200
        assert server.status()["journal"]["pending_rows"] > 0
        if fault == "locked":
            other.execute("ROLLBACK")
        else:
            journal.with_suffix(".away").rename(journal)
    until(lambda: server.status()["journal"]["pending_rows"] == 0, "it is recorded")
    with server.client() as client:
        entries = client.get("/v1/history", limit=20)["entries"]
    assert ("rollback", "done", fault) in [(each["verb"], each["outcome"], each["why"]) for each in entries]


def test_a_damaged_journal_is_set_aside_at_the_start(tmp_path: Path, model_directory: Path) -> None:
    """The service begins from the last good row, says so in status and log, and keeps the damaged file."""
    home = home_with(tmp_path / "home", model_directory)
    with Server(home) as server:
        eager = server.switch({"model_id": "fsmn-vad", "options": {"max_end_silence_time": 500}})["version"]
        server.switch({"version": server.status()["back"][-1]})
        server.switch({"version": eager})
    path = home / "journal.db"
    content = bytearray(path.read_bytes())
    at = content.rfind(b'"verb"')
    content[at : at + 6] = b'"vxrb"'
    path.write_bytes(bytes(content))
    with Server(home) as server:
        status = server.status()
        assert "damaged" in status["journal"]["notice"]
        assert "damaged" in server.log
        assert status["ready"]
        assert (home / "journal.damaged-1.db").exists()
