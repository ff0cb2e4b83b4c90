"""Who may read ``/docs`` and ``/openapi.json``: who may have speech detected.

A browser has no way to send a bearer token with the address of a page, so the token is taken as a password too: for
these pages alone, which change nothing, so that no other site gains by the browser's sending it along.
"""

import base64
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from segue.edges.http.errors import respond
from segue.errors import Unauthorized

if TYPE_CHECKING:
    from segue.service import Service

PATHS = ("/docs", "/openapi.json", "/static-offline-docs")
"""With all that is below them."""


class Documentation:
    """ASGI middleware: 401 for them where detection is closed, without the token."""

    def __init__(self, app: ASGIApp, *, service: "Service") -> None:
        self._app = app
        self._access = service.access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _is_here(scope["path"]):
            try:
                self._access.detection(
                    _token(Headers(scope=scope).get("authorization", "")),
                    send="give it as the password of any user, or send Authorization: Bearer TOKEN",
                )
            except Unauthorized as error:
                answer = respond(error, scope["state"]["request_id"])
                answer.headers["WWW-Authenticate"] = 'Basic realm="Segue: the token is the password", Bearer'
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _is_here(path: str) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in PATHS)


def _token(authorization: str) -> str | None:
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(given.strip(), validate=True).decode().partition(":")[2]
    except ValueError:  # no base64, or no text in it
        return None
