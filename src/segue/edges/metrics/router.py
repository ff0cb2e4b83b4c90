"""What joins the app: ``GET /metrics``, open or closed as detection is, and what counts for it."""

from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, FastAPI, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from starlette.responses import Response

from segue.edges.metrics.answers import Answered, CountAnswers
from segue.edges.metrics.counts import Counts
from segue.edges.metrics.labels import model_of
from segue.edges.metrics.moment import Moment
from segue.swap import VersionId

if TYPE_CHECKING:
    from segue.service import Service

_BEARER = HTTPBearer(auto_error=False, scheme_name="token", description="The content of `$SEGUE_HOME/token`.")
_TEXT = {"type": "string"}
_TYPES = ("text/plain", "application/openmetrics-text")


def join(app: FastAPI, service: "Service") -> CollectorRegistry:
    """Count from now on, and answer ``GET /metrics`` with the registry that is returned."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each, which nothing here needs
    registry = CollectorRegistry(auto_describe=False)

    def named(version: VersionId) -> str:
        known = {each.version: each.resolved.spec.model_id for each in service.board.snapshot().versions}
        return model_of(known.get(version, ""))

    counts = Counts(registry, named)
    service.board.listen(counts.hear)
    service.hearing.listen(counts.listen)
    registry.register(Moment(service))
    ProcessCollector(registry=registry)
    app.add_middleware(CountAnswers, answered=Answered(registry))

    def may(given: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]) -> None:
        service.access.detection(given.credentials if given else None)

    # Not a coroutine: the status takes locks, and some milliseconds of text are made while others are answered.
    def metrics(request: Request) -> Response:
        """Every metric, for Prometheus: as text, or in OpenMetrics where that is accepted."""
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"Content-Type": media_type, "Cache-Control": "no-store"})

    app.add_api_route(
        "/metrics",
        metrics,
        methods=["GET"],
        tags=["health"],
        summary="The metrics, for Prometheus",
        dependencies=[Depends(may)],
        response_model=None,
        responses={
            200: {"description": "They.", "content": {kind: {"schema": _TEXT} for kind in _TYPES}},
            401: {"description": "Where detection needs the token."},
        },
    )
    return registry
