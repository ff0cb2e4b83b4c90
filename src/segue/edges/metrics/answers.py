"""What HTTP answered: by the route's pattern, never by the path that was asked for."""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from segue.edges.metrics.labels import method_of

NO_ROUTE = "none"
_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Answered:
    """The metrics."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.responses = Counter(
            "segue_http_responses", "Answers over HTTP.", ("method", "route", "status"), registry=registry
        )
        self.duration = Histogram(
            "segue_http_response_duration_seconds",
            "From the head of a request to the end of its answer; waiting and the upload are in it.",
            ("route",),
            buckets=_BUCKETS_S,
            registry=registry,
        )


class CountAnswers:
    """ASGI middleware; WebSockets are counted elsewhere. An answer that never came, for its client is gone, is 499."""

    def __init__(self, app: ASGIApp, answered: Answered, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._answered = answered
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s, status = self._clock(), 499

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        finally:
            route = getattr(scope.get("route"), "path", NO_ROUTE)
            self._answered.responses.labels(method_of(scope["method"]), route, status).inc()
            self._answered.duration.labels(route).observe(self._clock() - began_s)
