"""Errors as answers: the only table from an error to its status, and the form that an error has.

``{"error": {"code", "message", "request_id"}}``; a route of a protocol with another form says so in
``request.state.error_body``. What is not in the table, nearest class first, does not go out: it is 500 ``internal``,
and its traceback goes to the log.
"""

import http
import json
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

from fastapi import FastAPI, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketState

from segue.edges.http.schemas import Failed
from segue.errors import (
    AudioError,
    AudioNotFound,
    AudioTooLong,
    AudioUnreadable,
    GoldenFailed,
    InferenceFailed,
    InsufficientMemory,
    InvalidParameter,
    InvalidPlan,
    InvalidRoute,
    JournalUnavailable,
    LeaseReturned,
    ModelError,
    ModelNotFound,
    NotReady,
    OriginUnavailable,
    PreparationFailed,
    Refusal,
    RequestInvalid,
    RequestTooLarge,
    RequestTooSlow,
    RequestUnsupported,
    RestoreFailed,
    SegueError,
    ServerRunning,
    ServiceError,
    StoreError,
    SwitchError,
    TooManyRequests,
    Unauthorized,
    UnknownChange,
    UnknownRollout,
    UnknownVersion,
    one_line,
)
from segue.service.caller import CallerGone
from segue.speech.names import printable, shown

_LOG = logging.getLogger(__name__)

STATUS: Mapping[type[SegueError], int] = MappingProxyType(
    {
        SegueError: 500,
        InvalidParameter: 422,
        AudioError: 422,
        AudioNotFound: 500,  # of an upload: it is we who have lost it
        AudioUnreadable: 500,
        AudioTooLong: 413,
        ModelError: 422,
        ModelNotFound: 404,
        OriginUnavailable: 502,
        InferenceFailed: 500,
        StoreError: 507,
        SwitchError: 409,
        UnknownVersion: 404,
        InvalidRoute: 422,
        InvalidPlan: 422,
        GoldenFailed: 422,
        InsufficientMemory: 507,
        UnknownRollout: 404,
        PreparationFailed: 422,
        NotReady: 503,
        LeaseReturned: 500,
        RestoreFailed: 503,
        JournalUnavailable: 503,
        ServiceError: 400,
        RequestInvalid: 400,
        RequestTooLarge: 413,
        RequestTooSlow: 408,
        RequestUnsupported: 415,
        Unauthorized: 401,
        UnknownChange: 404,
        Refusal: 503,
        TooManyRequests: 429,
        ServerRunning: 409,
    }
)

ErrorBody: TypeAlias = Callable[[int, str], Mapping[str, Any]]
"""(status, message of one line) -> the JSON of an error, in a protocol's own form."""

_RETRY_AFTER_S = 2
"""Of a 503 that does not say itself: a model that loads, a journal that is locked."""


def status_of(error: SegueError | type[SegueError]) -> int:
    """The status of the nearest class that the table has."""
    kind = error if isinstance(error, type) else type(error)
    return next(STATUS[base] for base in kind.__mro__ if base in STATUS)


def respond(error: SegueError, request_id: str, body: ErrorBody | None = None) -> Response:
    """The answer that says it, in the form of a protocol if it has one."""
    status = status_of(error)
    headers = {}
    if isinstance(error, Refusal):
        headers["Retry-After"] = str(error.retry_after_s)
    elif status == 503:
        headers["Retry-After"] = str(_RETRY_AFTER_S)
    elif status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    message = printable(one_line(error))
    if body is not None:
        return _json(body(status, message), status, headers)
    return _answer(status, error.code, message, request_id, headers)


def internal(request_id: str) -> Response:
    """The answer where something of ours broke: nothing of it goes out but where to look."""
    message = f"this is a fault in Segue; the server's log says more of request {request_id}"
    return _answer(500, "internal", message, request_id)


def forbidden(message: str, request_id: str) -> Response:
    """The answer to what is not to be sent at all, with a token or without."""
    return _answer(403, "forbidden", message, request_id)


def _answer(
    status: int, code: str, message: str, request_id: str, headers: Mapping[str, str] = MappingProxyType({})
) -> Response:
    return _json({"error": {"code": code, "message": message, "request_id": request_id}}, status, headers)


def _json(body: Mapping[str, Any], status: int, headers: Mapping[str, str]) -> Response:
    return Response(json.dumps(body).encode() + b"\n", status, dict(headers), media_type="application/json")


def invalid(errors: Sequence[Mapping[str, Any]], *, skip: int = 0) -> InvalidParameter:
    """What pydantic found, the first of it: what was given and what is accepted.

    ``skip``: parts of the place that only FastAPI knows, such as ``query``.
    """
    first = errors[0]
    place = ".".join(str(part) for part in first["loc"][skip:])
    if first["type"] == "missing":
        return InvalidParameter(f"{place}: is missing; give it")
    if not place:
        return InvalidParameter(first["msg"])
    return InvalidParameter(f"{place}={shown(first['input'])}: {first['msg'][:1].lower()}{first['msg'][1:]}")


def documented(*kinds: type[SegueError]) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of the errors that an address answers with."""
    codes: dict[int, list[str]] = defaultdict(list)
    for kind in kinds:
        codes[status_of(kind)].append(f"`{kind.code}`: {(kind.__doc__ or '').splitlines()[0]}")
    return {status: {"model": Failed, "description": "\n\n".join(lines)} for status, lines in sorted(codes.items())}


def install(app: FastAPI) -> None:
    """Let the app answer every error that it knows; the rest is for the middleware."""
    app.add_exception_handler(SegueError, _segue_error)  # type: ignore[arg-type]  # for both kinds of connection
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(ClientDisconnect, _client_gone)
    app.add_exception_handler(CallerGone, _client_gone)
    not_found = app.router.default

    async def nothing_there(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # Starlette answers with an empty 403
            websocket = WebSocket(scope, receive, send)
            await websocket.receive()
            await _deny(websocket, _not_found(websocket))
        else:
            await not_found(scope, receive, send)

    app.router.default = nothing_there


async def _segue_error(connection: Request | WebSocket, error: Exception) -> Response | None:
    assert isinstance(error, SegueError)
    response = respond(error, connection.state.request_id, getattr(connection.state, "error_body", None))
    if response.status_code == 500:
        _LOG.error("request %s: %s: %s", connection.state.request_id, error.code, one_line(error), exc_info=error)
    if isinstance(connection, WebSocket):
        await _deny(connection, response)
        return None
    return response


async def _deny(websocket: WebSocket, response: Response) -> None:
    """Before it is accepted, a WebSocket is answered like any request."""
    connecting = websocket.application_state is WebSocketState.CONNECTING
    if connecting and "websocket.http.response" in websocket.scope.get("extensions", {}):
        await websocket.send_denial_response(response)
    else:
        await websocket.close(1011)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status, path, headers = error.status_code, printable(request.scope["path"]), dict(error.headers or {})
    code = http.HTTPStatus(status).phrase.lower().replace(" ", "_")
    message = printable(one_line(error.detail))
    if status == 404:
        return _not_found(request)
    if status == 405:
        headers["Allow"] = _methods(request, headers.get("Allow", ""))
        message = f"{request.method} {path}: this takes {headers['Allow']}"
    return _answer(status, code, message, request.state.request_id, headers)


def _not_found(connection: HTTPConnection) -> Response:
    path = printable(connection.scope["path"])  # its url is made of the query too, and fails where that is no UTF-8
    message = f"{path}: there is nothing of that name; /docs lists what there is"
    return _answer(404, "not_found", message, connection.state.request_id)


def _methods(request: Request, allowed: str) -> str:
    """Of every route of this path that the document has: Starlette names those of the first only."""
    paths: Mapping[str, Mapping[str, object]] = request.app.openapi()["paths"]
    found = [methods for path, methods in paths.items() if compile_path(path)[0].match(request.scope["path"])]
    return ", ".join(sorted(name.upper() for methods in found for name in methods)) or allowed


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return respond(invalid(error.errors(), skip=1), request.state.request_id)


async def _client_gone(request: Request, error: Exception) -> Response:
    """Nobody is there to be answered: the server throws it away."""
    del error
    _LOG.debug("request %s: the client went away", request.state.request_id)
    return Response(status_code=499)
