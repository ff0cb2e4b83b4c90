"""``GET /livez`` and ``GET /readyz``: for whoever starts, watches and balances servers. Always open."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from segue.edges.http.access import service_of
from segue.edges.http.answers import to_json
from segue.edges.http.errors import documented
from segue.edges.http.schemas import Alive, Ready
from segue.errors import NotReady
from segue.service import Ask

router = APIRouter(tags=["health"])


@router.get(
    "/livez",
    summary="Whether the process answers",
    response_model=None,
    responses={200: {"model": Alive, "description": "It does."}},
)
async def livez() -> Response:
    """Whether the process answers; not whether it can detect."""
    return Response(to_json({"status": "alive"}), media_type="application/json")


@router.get(
    "/readyz",
    summary="Whether a version serves",
    response_model=None,
    responses={200: {"model": Ready, "description": "One does."}, **documented(NotReady)},
)
async def readyz(request: Request) -> Response:
    """Whether a warmed version serves; else the error says what the service waits for."""
    service = service_of(request)
    if not service.ready:
        raise NotReady(service.waits_for)
    version = service.describe(Ask(key=request.state.request_id)).model.version
    return Response(to_json({"status": "ready", "version": version}), media_type="application/json")
