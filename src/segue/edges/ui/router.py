"""What joins the app at once: ``/``, which leads to the page in the browser's language, the page, and its door."""

from functools import partial
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from pydantic import BaseModel
from starlette.responses import RedirectResponse, Response

from segue.edges.ui.listening import Listening
from segue.edges.ui.page import Page
from segue.edges.ui.words import LANGUAGES, language_of

if TYPE_CHECKING:
    from segue.service import Service

_MOST_TOKEN = 1_000


class Given(BaseModel):
    """The token."""

    token: str


def join(app: FastAPI, service: "Service", *, gives_way_s: float = 10.0) -> Page:
    """Add the page's routes to the app, after all others. It is loaded when its ``begin`` is called.

    It has a path a language, and none of it is mounted at ``/``: a mount there would take every address that nothing
    else has, and the service could not say any more, in its own form, that there is no such thing.
    """
    page = Page(service, gives_way_s=gives_way_s)

    async def front(request: Request) -> Response:
        language = language_of(request.headers.get("accept-language", ""))
        return RedirectResponse(f"/{language}/", 307, {"Vary": "Accept-Language", "Cache-Control": "no-store"})

    async def session(request: Request, given: Given) -> Response:
        response = Response(status_code=204)
        page.door.open(given.token[:_MOST_TOKEN], response, secure=request.url.scheme == "https")
        return response

    app.add_api_route("/", front, methods=["GET", "HEAD"], include_in_schema=False)
    app.add_api_route("/page/session", session, methods=["POST"], include_in_schema=False)
    app.add_api_websocket_route("/page/live/{language}", Listening(service, page.door).listen)
    for language in LANGUAGES:
        app.add_api_route(f"/{language}", partial(_whole, language), methods=["GET", "HEAD"], include_in_schema=False)
        app.add_route(f"/{language}/{{path:path}}", page, include_in_schema=False)  # type: ignore[arg-type]  # an ASGI app
    return page


async def _whole(language: str) -> Response:
    return RedirectResponse(f"/{language}/", 308)
