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
from segue.edges.http.bodies import read_json
from segue.edges.http.changes import LATER, answer, answers, body_of, changed, outcome_of
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
from segue.swap import ModelSpec, VersionId

router = APIRouter(prefix="/v1", tags=["control"], dependencies=[for_control])

_ASKED = (Unauthorized, InvalidParameter)
_GIVEN = (*_ASKED, RequestInvalid, RequestTooLarge)
_PREPARED = (
    *(InvalidModelID, ModelNotFound, ModelInvalid, OriginUnavailable, PreparationFailed, StoreError),
    *(ShuttingDown, Superseded),
)


@router.get(
    "/status",
    summary="What serves, and how it fares",
    response_model=None,
    responses=answers(schemas.Status, "All of it, at one moment.", *_ASKED),
)
async def status(request: Request) -> Response:
    """What serves, what is under way, what drains and what it waits for."""
    return answer(reports.plain(await run_in_threadpool(service_of(request).status)))


@router.get(
    "/versions",
    summary="The versions",
    response_model=None,
    responses=answers(schemas.Versions, "All that were ever added.", *_ASKED),
)
async def versions(request: Request) -> Response:
    """Every version that was ever added, with its state, its role and how it fares."""
    found = await run_in_threadpool(service_of(request).status)
    return answer({"versions": reports.plain(found.versions)})


@router.post(
    "/versions",
    summary="Prepare a version, without switching to it",
    response_model=None,
    responses=answers(schemas.VersionReport, "It is ready.", *_GIVEN, *_PREPARED),
    openapi_extra=body_of(schemas.Prepare),
)
async def prepare(request: Request) -> Response:
    """Fetch, verify, load and warm a model: a switch to it is then immediate."""
    service = service_of(request)
    body = await read_json(request, service.settings, schemas.Prepare)
    spec = ModelSpec(body.model_id, body.revision, body.options)
    operation = await run_in_threadpool(service.prepare, spec, who=who_of(request), why=body.why)
    return answer(reports.outcome(await outcome_of(operation)))


@router.post(
    "/switch",
    summary="Replace the model",
    response_model=None,
    responses={
        **answers(schemas.Switched, "It serves.", *_GIVEN, *_PREPARED, Busy, UnknownVersion, JournalUnavailable),
        **LATER,
    },
    openapi_extra=body_of(schemas.Switch),
)
async def switch(request: Request, query: Annotated[schemas.SwitchWaiting, Query()]) -> Response:
    """Prepare a version and let it serve. Nothing that is under way is broken; if anything fails, nothing changes."""
    service = service_of(request)
    body = await read_json(request, service.settings, schemas.Switch)
    wanted = VersionId(body.version) if body.version else ModelSpec(body.model_id or "", body.revision, body.options)
    flags = {"queue": query.queue, "abort_rollout": query.abort_rollout}
    operation = await run_in_threadpool(service.switch, wanted, who=who_of(request), why=body.why, **flags)
    return await changed(operation, wait=query.wait)


@router.post(
    "/rollback",
    summary="Go back to the version that served before",
    response_model=None,
    responses={**answers(schemas.Switched, "It serves.", *_GIVEN, *_PREPARED, NothingToRollBack), **LATER},
    openapi_extra=body_of(schemas.Reason, required=False),
)
async def rollback(request: Request, query: Annotated[schemas.Waiting, Query()]) -> Response:
    """Go back, and with another rollback one further. It waits for no other change: it cancels what is prepared."""
    service = service_of(request)
    body = await read_json(request, service.settings, schemas.Reason)
    operation = await run_in_threadpool(service.rollback, who=who_of(request), why=body.why)
    return await changed(operation, wait=query.wait)


@router.get(
    "/changes/{change_id}",
    summary="A change, under way or over",
    response_model=None,
    responses=answers(schemas.Change, "Its steps, and its outcome.", *_ASKED, UnknownChange),
)
async def change(request: Request, change_id: str) -> Response:
    """How a change fares: the steps that it took, and its answer or error when it is over."""
    return answer(reports.change(service_of(request).operation(change_id)))


@router.delete(
    "/versions/{version}",
    summary="Drain and close a version",
    response_model=None,
    responses=answers(schemas.Removed, "What came of it.", *_ASKED, UnknownVersion, VersionInUse, IllegalTransition),
)
async def remove(request: Request, version: str, query: Annotated[schemas.Deadline, Query()]) -> Response:
    """Give it no new requests, wait for those that it has, and close it."""
    work = partial(service_of(request).remove, VersionId(version), deadline_s=query.deadline_s, who=who_of(request))
    return answer(reports.plain(await _aside(work)))


@router.get(
    "/history",
    summary="What happened, and who asked for it",
    response_model=None,
    responses=answers(schemas.History, "The newest first.", *_ASKED, JournalUnavailable),
)
async def history(request: Request, query: Annotated[schemas.Page, Query()]) -> Response:
    """Every change of the route and of a version, from the journal."""
    entries = await run_in_threadpool(service_of(request).history, query.limit, before=query.before)
    return answer({"entries": [reports.entry(entry) for entry in entries]})


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
