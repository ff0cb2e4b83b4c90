"""Errors in the protocol's form: ``{"error": "one line"}``, with the status that the service has for each."""

from typing import Any

from fastapi import Request
from pydantic import BaseModel


class Failed(BaseModel):
    """What went wrong."""

    error: str


async def in_its_form(request: Request) -> None:
    """A dependency, before all others: the errors of a route have the protocol's form, those of its door too."""
    request.state.error_body = _error_body


def _error_body(status: int, message: str) -> dict[str, Any]:
    del status
    return {"error": message}


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
