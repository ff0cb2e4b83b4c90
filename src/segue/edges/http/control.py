"""The control routes: what serves, what is to serve, what did. All of them want the token.

Whatever may wait for a lock or the disk runs in a thread. A client that goes away never cancels a change.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from segue.edges.http import reports, schemas
from segue.edges.http.access import for_control, service_of, who_of
from segue.edges.http.answers import to_json
from segue.edges.http.bodies import read_json
from segue.edges.http.errors import documented
from segue.errors import (
    Busy,
    IllegalTransition,
    InvalidModelID,
    InvalidParameter,
    JournalUnavailable,
    ModelInvalid,
    ModelNotFound,
    NothingToRollBack,
    OriginUnavailable,
    PreparationFailed,
    RequestInvalid,
    RequestTooLarge,
    ShuttingDown,
    StoreError,
    Superseded,
    Unauthorized,
    UnknownChange,
    UnknownVersion,
    VersionInUse,
)
from segue.service import Operation
from segue.swap import ModelSpec, VersionId

router = APIRouter(prefix="/v1", tags=["control"], dependencies=[for_control])

_ASKED = (Unauthorized, InvalidParameter)
_GIVEN = (*_ASKED, RequestInvalid, RequestTooLarge)
_PREPARED = (
    *(InvalidModelID, ModelNotFound, ModelInvalid, OriginUnavailable, PreparationFailed, StoreError),
    *(ShuttingDown, Superseded),
)


def _answers(model: type[Any], said: str, *errors: type[Any]) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": model, "description": said}, **documented(*errors)}


def _body(model: type[schemas.Strict], *, required: bool = True) -> dict[str, Any]:
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": required, "content": content}}


_LATER: dict[int | str, dict[str, Any]] = {
    202: {"model": schemas.Change, "description": "It is under way (`wait=false`); `Location` says where to ask."}
}


@router.get(
    "/status",
    summary="What serves, and how it fares",
    response_model=None,
    responses=_answers(schemas.Status, "All of it, at one moment.", *_ASKED),
)
async def status(request: Request) -> Response:
    """What serves, what is under way, what drains and what it waits for."""
    return _json(reports.plain(await run_in_threadpool(service_of(request).status)))


@router.get(
    "/versions",
    summary="The versions",
    response_model=None,
    responses=_answers(schemas.Versions, "All that were ever added.", *_ASKED),
)
async def versions(request: Request) -> Response:
    """Every version that was ever added, with its state, its role and how it fares."""
    found = await run_in_threadpool(service_of(request).status)
    return _json({"versions": reports.plain(found.versions)})


@router.post(
    "/versions",
    summary="Prepare a version, without switching to it",
    response_model=None,
    responses=_answers(schemas.VersionReport, "It is ready.", *_GIVEN, *_PREPARED),
    openapi_extra=_body(schemas.Prepare),
)
async def prepare(request: Request) -> Response:
    """Fetch, verify, load and warm a model: a switch to it is then immediate."""
    service = service_of(request)
    body = await read_json(request, service.settings, schemas.Prepare)
    spec = ModelSpec(body.model_id, body.revision, body.options)
    operation = await run_in_threadpool(service.prepare, spec, who=who_of(request), why=body.why)
    return _json(reports.outcome(await _outcome(operation)))


@router.post(
    "/switch",
    summary="Replace the model",
    response_model=None,
    responses={
        **_answers(schemas.Switched, "It serves.", *_GIVEN, *_PREPARED, Busy, UnknownVersion, JournalUnavailable),
        **_LATER,
    },
    openapi_extra=_body(schemas.Switch),
)
async def switch(request: Request, query: Annotated[schemas.Waiting, Query()]) -> Response:
    """Prepare a version and let it serve. Nothing that is under way is broken; if anything fails, nothing changes."""
    service = service_of(request)
    body = await read_json(request, service.settings, schemas.Switch)
    wanted = VersionId(body.version) if body.version else ModelSpec(body.model_id or "", body.revision, body.options)
    operation = await run_in_threadpool(service.switch, wanted, who=who_of(request), why=body.why, queue=query.queue)
    return await _changed(operation, wait=query.wait)


@router.post(
    "/rollback",
    summary="Go back to the version that served before",
    response_model=None,
    responses={**_answers(schemas.Switched, "It serves.", *_GIVEN, *_PREPARED, NothingToRollBack), **_LATER},
    openapi_extra=_body(schemas.Rollback, required=False),
)
async def rollback(request: Request, query: Annotated[schemas.RollbackWaiting, Query()]) -> Response:
    """Go back, and with another rollback one further. It waits for no other change: it cancels what is prepared."""
    service = service_of(request)
    body = await read_json(request, service.settings, schemas.Rollback)
    operation = await run_in_threadpool(service.rollback, who=who_of(request), why=body.why)
    return await _changed(operation, wait=query.wait)


@router.get(
    "/changes/{change_id}",
    summary="A change, under way or over",
    response_model=None,
    responses=_answers(schemas.Change, "Its steps, and its outcome.", *_ASKED, UnknownChange),
)
async def change(request: Request, change_id: str) -> Response:
    """How a change fares: the steps that it took, and its answer or error when it is over."""
    return _json(reports.change(service_of(request).operation(change_id)))


@router.delete(
    "/versions/{version}",
    summary="Drain and close a version",
    response_model=None,
    responses=_answers(schemas.Removed, "What came of it.", *_ASKED, UnknownVersion, VersionInUse, IllegalTransition),
)
async def remove(request: Request, version: str, query: Annotated[schemas.Deadline, Query()]) -> Response:
    """Give it no new requests, wait for those that it has, and close it."""
    work = partial(service_of(request).remove, VersionId(version), deadline_s=query.deadline_s, who=who_of(request))
    return _json(reports.plain(await _aside(work)))


@router.get(
    "/history",
    summary="What happened, and who asked for it",
    response_model=None,
    responses=_answers(schemas.History, "The newest first.", *_ASKED, JournalUnavailable),
)
async def history(request: Request, query: Annotated[schemas.Page, Query()]) -> Response:
    """Every change of the route and of a version, from the journal."""
    entries = await run_in_threadpool(service_of(request).history, query.limit, before=query.before)
    return _json({"entries": [reports.entry(entry) for entry in entries]})


async def _changed(operation: Operation, *, wait: bool) -> Response:
    if not wait:
        return _json(reports.change(operation), status=202, headers={"Location": f"/v1/changes/{operation.id}"})
    return _json(reports.outcome(await _outcome(operation)))


async def _outcome(operation: Operation) -> Any:
    """What it brought. Whoever waits may go away, and the change goes on. Raises what it failed with."""
    return await asyncio.shield(asyncio.wrap_future(operation.future))


async def _aside(work: Callable[[], Any]) -> Any:
    """Run what may wait for an hour, in a thread of its own.

    Those of ``run_in_threadpool`` are forty, which others need at once; and the process does not end before they do.
    """
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 -- whoever waits must hear of it
            future.set_exception(error)

    threading.Thread(target=run, name="remove", daemon=True).start()
    return await asyncio.shield(asyncio.wrap_future(future))


def _json(value: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(to_json(value), status, headers, media_type="application/json")
