"""Errors in the protocol's form: ``{"error": "one line"}``, with the status that the service has for each."""

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from segue.errors import Refusal, SegueError, one_line
from segue.service.caller import CallerGone
from segue.speech.names import printable

_LOG = logging.getLogger(__name__)

_RETRY_AFTER_S = 2
"""Of a 503 that does not say itself."""


class Failed(BaseModel):
    """What went wrong."""

    error: str


class ProtocolRoute(APIRoute):
    """A route whose errors have the protocol's form, those of its door too."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]  # as FastAPI documents it
        """Wrap it."""
        handle = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await handle(request)
            except SegueError as error:
                return _respond(error, request)
            except CallerGone as gone:
                raise ClientDisconnect from gone

        return answered


def _respond(error: SegueError, request: Request) -> Response:
    status: int = request.app.state.status_of(error)
    headers = {}
    if isinstance(error, Refusal):
        headers["Retry-After"] = str(error.retry_after_s)
    elif status == 503:
        headers["Retry-After"] = str(_RETRY_AFTER_S)
    elif status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status == 500:
        _LOG.error("request %s: %s: %s", request.state.request_id, error.code, one_line(error), exc_info=error)
    body = json.dumps({"error": printable(one_line(error))}).encode()
    return Response(body, status, headers, media_type="application/json")


_SAID = {
    400: "The request is not of the protocol's form.",
    401: "The token is missing or wrong.",
    404: "No such model, version or revision.",
    408: "The body came too slowly.",
    409: "Not while something else serves, or is under way.",
    413: "The body, or the audio, is too large.",
    415: "A compressed body.",
    422: "Tensors, parameters or a model that cannot be used.",
    429: "The client is over its share.",
    500: "The model failed.",
    502: "No origin of the model answers.",
    503: "Nothing serves, or there is no place.",
    507: "No room.",
}
DOCUMENTED: dict[int | str, dict[str, Any]] = {
    status: {"model": Failed, "description": text} for status, text in _SAID.items()
}
"""For OpenAPI: the errors of every address."""
