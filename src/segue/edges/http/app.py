"""The routes together, around one service."""

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware

from segue import __version__
from segue.edges.http import control, detect, errors, follow, health, rollouts
from segue.edges.http.documentation import Documentation
from segue.edges.http.leftover import Leftover
from segue.edges.http.request_id import RequestID
from segue.edges.http.site import Site

if TYPE_CHECKING:
    from segue.service import Service

_ABOUT = """Find where the speech is in recordings, with a model that can be replaced while they are detected.

Every answer has `X-Request-ID`: the client's own (letters, digits, `.`, `_`, `-`; at most 64), or one made here. Every
error has the form `{"error": {"code", "message", "request_id"}}`; 429 and 503 say in `Retry-After` after how many
seconds to come again. Live audio goes to the WebSocket `/v1/stream`.
"""

_TAGS = [
    {"name": "detection", "description": "Open on the server's own machine; elsewhere it needs the token."},
    {"name": "control", "description": "Needs the token. `X-Segue-Who` says who asks, for the history."},
    {"name": "rollouts", "description": "A new version, step by step. Needs the token."},
    {"name": "health", "description": "Always open."},
]

_CROSS_ORIGIN: dict[str, Any] = {
    "allow_methods": ["*"],
    "allow_headers": ["*"],
    "expose_headers": ["X-Request-ID", "X-Segue-Version", "X-Segue-Mode", "X-Segue-Preset", "Retry-After", "Location"],
    "max_age": 600,
}
"""For pages of the sites that are listed: they send what others send, and read what others read. No cookies."""


def build(service: "Service") -> FastAPI:
    """The app. It is complete, and other routers can be added; the service is ``app.state.service``.

    A router added may raise any SegueError: it is answered in the one form, a WebSocket before its acceptance too. One
    whose protocol has another form sets ``request.state.error_body`` (an ``errors.ErrorBody``) before all else. Whom it
    lets in is its own to decide, by ``service.access``.
    """
    app = FastAPIOffline(
        redoc_url=None,
        title="Segue",
        version=__version__,
        description=_ABOUT,
        openapi_tags=_TAGS,
        redirect_slashes=False,
    )
    settings = service.settings
    app.state.service = service
    errors.install(app)
    if settings.allowed_origins:
        app.add_middleware(CORSMiddleware, allow_origins=settings.allowed_origins, **_CROSS_ORIGIN)
    app.add_middleware(Documentation, service=service)
    app.add_middleware(Site, settings=settings)
    app.add_middleware(Leftover)
    app.add_middleware(RequestID)  # the last added is the outermost
    for router in (health.router, detect.router, control.router, rollouts.router, follow.router):
        app.include_router(router)
    return app
