"""Traces: a span a request, a stream and a change, and nothing at all where nobody wants them."""

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from segue.edges import tracing
from segue.edges.http.app import build
from segue.errors import SegueError
from segue.swap import ModelSpec
from tests.e2e.server import Server, home_with
from tests.edges.http.server import serving
from tests.edges.http.service import LoudService, loud_service, model, recording
from tests.edges.streaming import running

pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed")

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode, Tracer

PATIENCE_S = 20.0
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    """Where the spans go."""
    return InMemorySpanExporter()


@pytest.fixture
def tracer(exporter: InMemorySpanExporter) -> Tracer:
    """That the spans come from."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider.get_tracer("test")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LoudService]:
    """Nothing serves yet."""
    with loud_service(tmp_path / "home") as service:
        yield service


def spans(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    """By name."""
    return {span.name: span for span in exporter.get_finished_spans()}


def said(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_a_request_is_a_span_of_its_caller_s_trace(
    service: LoudService, exporter: InMemorySpanExporter, tracer: Tracer, tmp_path: Path
) -> None:
    """With version, mode, seconds of audio and the ID; a probe is none, and what is refused is no error of ours."""
    version = service.serve(model(tmp_path, "first"))
    app = build(service)
    tracing.attach(app, service, tracer)
    with serving(app) as address:
        requests.get(f"{address.url}/readyz", timeout=PATIENCE_S)
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "X-Request-ID": "mine"}
        requests.post(f"{address.url}/v1/detect", data=recording(), headers=headers, timeout=PATIENCE_S)
        requests.get(f"{address.url}/v1/changes/private", timeout=PATIENCE_S)
    found = spans(exporter)
    assert set(found) == {"POST /v1/detect", "GET /v1/changes/{change_id}"}
    detect = found["POST /v1/detect"]
    assert f"{detect.context.trace_id:032x}" == TRACE
    assert detect.parent is not None
    assert f"{detect.parent.span_id:016x}" == PARENT
    assert said(detect) == {
        "http.request.method": "POST",
        "http.route": "/v1/detect",
        "http.response.status_code": 200,
        "segue.request_id": "mine",
        "segue.version": version,
        "segue.mode": "classic",
        "segue.audio_seconds": 4.0,
    }
    assert found["GET /v1/changes/{change_id}"].status.status_code is StatusCode.UNSET


def test_a_request_that_cannot_be_answered_is_an_error(
    service: LoudService, exporter: InMemorySpanExporter, tracer: Tracer
) -> None:
    """Of the service, with its status."""
    app = build(service)
    tracing.attach(app, service, tracer)
    with serving(app) as address:
        requests.post(f"{address.url}/v1/detect", data=recording(), timeout=PATIENCE_S)
    (span,) = exporter.get_finished_spans()
    assert (said(span)["http.response.status_code"], span.status.status_code) == (503, StatusCode.ERROR)


def test_a_stream_is_a_span(
    monkeypatch: pytest.MonkeyPatch, exporter: InMemorySpanExporter, tracer: Tracer, tmp_path: Path
) -> None:
    """From its opening to its end."""
    monkeypatch.setattr(tracing, "_tracer", lambda: tracer)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "test")
    with running(tmp_path / "home") as server:
        version = server.service.serve("usual")
        with server.open() as client:
            client.hear("ready")
            client.say(np.zeros(16_000, dtype="<i2"))
            client.finish()
            client.hear_all()
        server.wait(lambda: "WEBSOCKET /v1/stream" in spans(exporter))
    found = said(spans(exporter)["WEBSOCKET /v1/stream"])
    assert (found["http.response.status_code"], found["segue.version"], found["segue.audio_seconds"]) == (
        101,
        version,
        1,
    )


def test_changes_are_spans(
    service: LoudService, exporter: InMemorySpanExporter, tracer: Tracer, tmp_path: Path
) -> None:
    """A preparation with its steps, the switch that followed, and a change that was refused."""
    tracing.attach(build(service), service, tracer)
    version = service.serve(model(tmp_path, "first"))
    with pytest.raises(SegueError):
        service.rollback(who="test", why="of the test").future.result(PATIENCE_S)
    operation = service.switch(ModelSpec(str(tmp_path / "nowhere")), who="test")
    assert operation.future.exception(PATIENCE_S) is not None
    prepare, switch = spans(exporter)["prepare"], exporter.get_finished_spans()[1]
    assert said(prepare)["segue.version"] == version
    assert [event.name for event in prepare.events] == ["warming", "ready"]
    assert said(switch) == {"segue.epoch": 1, "segue.who": "test", "segue.version": version}
    refused = [span for span in exporter.get_finished_spans() if span.status.status_code is StatusCode.ERROR]
    assert {span.name for span in refused} == {"rollback", "switch"}


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"PATH": "/bin"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_nothing_is_traced_unless_the_environment_says_so(
    service: LoudService, environment: dict[str, str], wanted: bool, monkeypatch: pytest.MonkeyPatch, tracer: Tracer
) -> None:
    """By OpenTelemetry's own variables: then the app has one middleware more, else it is as it was."""
    monkeypatch.setattr(tracing, "_tracer", lambda: tracer)
    app = build(service)
    before = len(app.user_middleware)
    tracing.join(app, service, environment)
    assert len(app.user_middleware) - before == wanted


def test_without_the_extra_the_log_says_so(
    service: LoudService, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And the service goes on without traces."""
    app = build(service)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    tracing.join(app, service, {"OTEL_SERVICE_NAME": "x"})
    assert "pip install 'segue[otel]'" in caplog.text


def test_the_process_sends_its_spans(tmp_path: Path, model_directory: Path) -> None:
    """To where ``OTEL_EXPORTER_OTLP_ENDPOINT`` says, at the latest when it ends."""
    bodies: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.path.encode() + self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        server = Server(home_with(tmp_path / "home", model_directory))
        server.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{collector.server_port}"
        with server:
            requests.post(f"{server.url}/v1/detect", data=recording(), timeout=PATIENCE_S)
        collector.shutdown()
    sent = b"".join(bodies)
    assert sent.startswith(b"/v1/traces")
    assert b"POST /v1/detect" in sent
    assert b"prepare" in sent
