"""The log: one line a fact, with the request that it is for, and a line for each request."""

import asyncio
import io
import json
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from segue.edges.http.app import build
from segue.edges.serve import logs
from segue.edges.serve.logs import AccessLog, JsonLines, TextLines
from tests.e2e.server import Server, home_with
from tests.edges.http.server import Address, serving
from tests.edges.http.service import LoudService, loud_service, model, recording
from tests.edges.streaming import running

PATIENCE_S = 20.0


class Terminal(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@contextmanager
def logged(formatter: logging.Formatter) -> Iterator[io.StringIO]:
    """All that is logged from INFO up, in that form."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root, level = logging.getLogger(), logging.getLogger().level
    ours = logging.getLogger("segue")  # --debug of another test may have left it at DEBUG
    ours.setLevel(logging.NOTSET)
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield stream
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def lines(stream: io.StringIO, logger: str = "segue.access") -> list[dict[str, Any]]:
    """Of one logger."""
    return [line for line in map(json.loads, stream.getvalue().splitlines()) if line["logger"] == logger]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LoudService]:
    """A version serves."""
    with loud_service(tmp_path / "home") as service:
        service.serve(model(tmp_path, "first"))
        yield service


@contextmanager
def answering(service: LoudService) -> Iterator[Address]:
    """With the log, as the process has it."""
    app = build(service)
    app.add_middleware(AccessLog)
    with serving(app) as address:
        yield address


@pytest.mark.parametrize(
    ("stream", "form", "expected"),
    [
        (io.StringIO, "auto", JsonLines),
        (Terminal, "auto", TextLines),
        (Terminal, "json", JsonLines),
        (io.StringIO, "text", TextLines),
    ],
)
def test_a_terminal_has_text_and_all_else_json(
    monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO], form: str, expected: type[logging.Formatter]
) -> None:
    """Unless the setting says which; uvicorn's own lines go the same way."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(logging.getLogger(), "level", logging.WARNING)
    logs.set_up(stream(), form)
    (handler,) = logging.getLogger().handlers
    assert type(handler.formatter) is expected
    assert logging.getLogger("uvicorn").level == logging.WARNING


def test_a_line_of_json_has_all_that_is_known() -> None:
    """One line whatever is in the message, in ASCII; the traceback is a field of it."""
    with logged(JsonLines()) as stream:
        try:
            raise ValueError("two\nlines")
        except ValueError:
            logging.getLogger("segue.of.the.test").exception("it broke: %s", "ä\n\x1b[31m")
    (line,) = stream.getvalue().splitlines()
    said = json.loads(line)
    assert line.isascii()
    assert (said["level"], said["message"]) == ("error", "it broke: ä\n\x1b[31m")
    assert said["error"].startswith("Traceback")
    assert said["error"].endswith("two\nlines")
    assert said["time"].endswith("Z")
    assert "request_id" not in said


def test_each_request_has_a_line(service: LoudService) -> None:
    """Its method, path, status, duration, bytes, client and ID, and what answered it; nothing of its query."""
    with logged(JsonLines()) as stream, answering(service) as address:
        sound = recording()
        answer = requests.post(
            f"{address.url}/v1/detect?preset=none&token=private",
            data=sound,
            headers={"X-Request-ID": "of-the-client", "Authorization": "Bearer private"},
            timeout=PATIENCE_S,
        )
        requests.get(f"{address.url}/nowhere%0Aelse", timeout=PATIENCE_S)
    refused, missing = lines(stream)
    assert refused["request_id"] == "of-the-client"
    assert (refused["method"], refused["path"], refused["status"]) == ("POST", "/v1/detect", answer.status_code)
    assert (refused["bytes_out"], refused["client"]) == (len(answer.content), "127.0.0.1")
    assert missing["path"] == "/nowhere\\nelse"
    assert len(missing["request_id"]) == 32
    assert "private" not in stream.getvalue()


def test_what_answered_is_in_the_line(service: LoudService) -> None:
    """The version, its mode and the seconds of audio; and what came in."""
    with logged(JsonLines()) as stream, answering(service) as address:
        sound = recording()
        model = requests.post(f"{address.url}/v1/detect", data=sound, timeout=PATIENCE_S).json()["model"]
    (line,) = lines(stream)
    assert (line["version"], line["mode"], line["audio_s"]) == (model["version"], "classic", 4)
    assert line["bytes_in"] == len(sound)
    assert line["duration_ms"] > 0


def test_probes_that_are_well_are_not_logged(service: LoudService) -> None:
    """Or the log would be of nothing else; one that fails is."""
    with logged(JsonLines()) as stream, answering(service) as address:
        for _ in range(3):
            requests.get(f"{address.url}/readyz", timeout=PATIENCE_S)
        service.stop(PATIENCE_S)
        requests.get(f"{address.url}/readyz", timeout=PATIENCE_S)
    assert [(line["path"], line["status"]) for line in lines(stream)] == [("/readyz", 503)]


def test_every_line_of_a_request_has_its_id(service: LoudService) -> None:
    """What breaks in it too, whoever logs that, in both forms."""
    app = build(service)

    async def broken() -> None:
        logging.getLogger("somebody").warning("it will break")
        await asyncio.to_thread(logging.getLogger("somebody").warning, "in a thread of its own")
        raise ZeroDivisionError

    app.add_api_route("/broken", broken)
    app.add_middleware(AccessLog)
    for formatter in (JsonLines(), TextLines()):
        with logged(formatter) as stream, serving(app) as address:
            requests.get(f"{address.url}/broken", headers={"X-Request-ID": "the-one"}, timeout=PATIENCE_S)
        said = [line for line in stream.getvalue().splitlines() if "it will" in line or "thread of its" in line]
        said += [line for line in stream.getvalue().splitlines() if "GET /broken" in line]
        assert len(said) == 4
        assert all("the-one" in line for line in said)


@pytest.mark.parametrize("finishes", [True, False])
def test_a_stream_has_a_line_when_it_is_over(tmp_path: Path, finishes: bool) -> None:
    """With what it brought, however it ended, and how it was closed; the token of its subprotocol is in none."""
    with logged(JsonLines()) as stream, running(tmp_path / "home") as server:
        server.service.serve("usual")
        with server.open(protocols=["bearer.private", "plain"]) as client:
            client.hear("ready")
            client.say(np.zeros(16_000, dtype="<i2"))
            if finishes:
                client.finish()
                client.hear_all()
        server.wait(lambda: bool(lines(stream)))
    (line,) = lines(stream)
    assert (line["method"], line["path"], line["status"], line["close_code"]) == ("WEBSOCKET", "/v1/stream", 101, 1000)
    assert (line["audio_s"], line["mode"]) == (1, "classic")
    assert line["bytes_in"] >= 32_000
    assert line["version"].startswith("v")
    assert "private" not in stream.getvalue()


def test_the_process_writes_nothing_else(tmp_path: Path, model_directory: Path) -> None:
    """Where standard error is no terminal every line is JSON, from the first to the last, but the one for scripts."""
    with Server(home_with(tmp_path / "home", model_directory)) as server:
        requests.post(f"{server.url}/v1/detect", data=recording(), timeout=PATIENCE_S)
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as raw:
            raw.sendall(b"no HTTP at all\r\n\r\n")
            assert b"400" in raw.recv(100)
    said = server.log.splitlines()
    (announced,) = (line for line in said if line.startswith("segue: listening on http://"))
    messages = [json.loads(line)["message"] for line in said if line != announced]
    assert messages[0].endswith("new -> loading")
    assert messages[-1] == "stopped"
    assert [message for message in messages if message.startswith("POST /v1/detect 200")]
