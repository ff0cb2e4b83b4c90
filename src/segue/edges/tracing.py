"""OpenTelemetry traces: a span a request, a stream, a preparation and a change of what serves.

Nothing of it happens unless the extra ``otel`` is installed and the environment asks for it, by the variables of
OpenTelemetry's own (``OTEL_EXPORTER_OTLP_ENDPOINT`` …). Spans go out over OTLP/HTTP, in a thread of the library's own.
"""

import logging
import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from segue import __version__
from segue.swap import Event, Refused, State, Switched, Transitioned

if TYPE_CHECKING:
    from fastapi import FastAPI
    from opentelemetry.trace import Span, Tracer
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from segue.service import Service

_LOG = logging.getLogger(__name__)
_PROBES = frozenset({"/livez", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"})
_FACTS = {"version": "segue.version", "mode": "segue.mode", "audio_s": "segue.audio_seconds"}
_BEGINS, _ENDS = State.LOADING, (State.READY, State.FAILED, State.CLOSED)


def join(app: "FastAPI", service: "Service", environment: Mapping[str, str] = os.environ) -> None:
    """Trace from now on, where that is wanted and can be had; where it only is wanted, the log says so."""
    if not is_wanted(environment):
        return
    try:
        tracer = _tracer()
    except ModuleNotFoundError as error:
        _LOG.warning("no traces, though OTEL_ variables are set (%s): pip install 'segue[otel]'", error)
        return
    attach(app, service, tracer)


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Whether the environment says where traces go, and not that there are none."""
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or exporter == "none":
        return False
    return any(name.startswith("OTEL_") and value for name, value in environment.items())


def attach(app: "FastAPI", service: "Service", tracer: "Tracer") -> None:
    """Let a tracer have the spans of an app and of its service's changes."""
    app.add_middleware(Traced, tracer=tracer)
    service.board.listen(Changes(tracer).hear)


def _tracer() -> "Tracer":
    """Raises ModuleNotFoundError without the extra."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "segue"}
    provider = TracerProvider(resource=Resource.create({**named, "service.version": __version__}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("segue", __version__)


class Traced:
    """ASGI middleware: a span a request or WebSocket, within the caller's own trace if it names one (W3C)."""

    def __init__(self, app: "ASGIApp", tracer: "Tracer") -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._app = app
        self._tracer = tracer
        self._propagator = TraceContextTextMapPropagator()

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] in _PROBES:
            await self._app(scope, receive, send)
            return
        from opentelemetry.trace import SpanKind

        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        within = self._propagator.extract(headers)
        method = scope.get("method", "WEBSOCKET")
        with self._tracer.start_as_current_span(method, context=within, kind=SpanKind.SERVER) as span:
            status = 0

            async def send_noted(message: "Message") -> None:
                nonlocal status
                status = message.get("status", 101 if message["type"] == "websocket.accept" else 0) or status
                await send(message)

            try:
                await self._app(scope, receive, send_noted)
            finally:
                _describe(span, scope, method, status)


def _describe(span: "Span", scope: "Scope", method: str, status: int) -> None:
    from opentelemetry.trace import StatusCode

    state: Mapping[str, Any] = scope.get("state", {})
    route = getattr(scope.get("route"), "path", None)
    span.update_name(f"{method} {route}" if route else method)
    known = {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": status or None,
        "segue.request_id": state.get("request_id"),
        **{name: state.get("facts", {}).get(fact) for fact, name in _FACTS.items()},
    }
    span.set_attributes({name: value for name, value in known.items() if value is not None})
    if status >= 500:
        span.set_status(StatusCode.ERROR)


class Changes:
    """A listener of the switchboard. A preparation lasts; a route is installed in a moment. Safe for threads."""

    def __init__(self, tracer: "Tracer") -> None:
        self._tracer = tracer
        self._lock = threading.Lock()  # guards _under_way
        self._under_way: dict[tuple[str, int], Span] = {}

    def hear(self, event: Event) -> None:
        """Take note of what happened."""
        if isinstance(event, Transitioned):
            self._stepped(event)
        elif isinstance(event, Switched):
            self._moment(event.verb, event.why, _of_switch(event))
        elif isinstance(event, Refused):
            self._moment(event.verb, event.message, {"segue.who": event.who, "error.type": event.code}, failed=True)

    def _stepped(self, event: Transitioned) -> None:
        name = (event.version, event.incarnation)
        if event.after is _BEGINS:
            span = self._tracer.start_span("prepare", attributes={"segue.version": event.version})
            with self._lock:
                self._under_way[name] = span
            return
        with self._lock:
            found = self._under_way.pop(name, None) if event.after in _ENDS else self._under_way.get(name)
        if found is None:
            return
        found.add_event(event.after.value)
        if event.after in _ENDS:
            _end(found, event.why, failed=event.after is State.FAILED)

    def _moment(self, name: str, why: str, attributes: Mapping[str, str | float], *, failed: bool = False) -> None:
        _end(self._tracer.start_span(name, attributes=attributes), why, failed=failed)


def _of_switch(event: Switched) -> Mapping[str, str | float]:
    found: dict[str, str | float] = {"segue.epoch": event.epoch, "segue.who": event.who}
    if event.route is not None:
        found["segue.version"] = event.route.primary
        if event.route.canary is not None:
            found |= {"segue.canary": event.route.canary, "segue.canary_share": event.route.canary_share}
    return found


def _end(span: "Span", why: str, *, failed: bool) -> None:
    from opentelemetry.trace import StatusCode

    if failed:
        span.set_status(StatusCode.ERROR, why)
    elif why:
        span.set_attribute("segue.why", why)
    span.end()
