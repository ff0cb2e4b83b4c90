"""The routes of rollouts: begin one, look at it, and what may be done with the one under way. They want the token."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from segue.edges.http import reports, schemas
from segue.edges.http.access import for_control, service_of, who_of
from segue.edges.http.bodies import read_json
from segue.edges.http.changes import LATER, answer, answers, body_of, changed
from segue.errors import (
    Busy,
    GoldenFailed,
    InvalidModelID,
    InvalidParameter,
    InvalidPlan,
    JournalUnavailable,
    ModelInvalid,
    ModelNotFound,
    OriginUnavailable,
    PreparationFailed,
    RequestInvalid,
    RequestTooLarge,
    Superseded,
    Unauthorized,
    UnknownRollout,
    UnknownVersion,
    VersionNotReady,
)
from segue.service import Service
from segue.swap import ModelSpec, RolloutReport, VersionId

router = APIRouter(prefix="/v1/rollouts", tags=["rollouts"], dependencies=[for_control])

CURRENT = "current"
"""In place of an ID: the one under way."""

_ASKED = (Unauthorized, InvalidParameter, UnknownRollout)
_GIVEN = (*_ASKED, RequestInvalid, RequestTooLarge)
_BEGUN = (
    *(InvalidPlan, InvalidModelID, ModelNotFound, ModelInvalid, OriginUnavailable, PreparationFailed, Busy),
    *(GoldenFailed, UnknownVersion, VersionNotReady, JournalUnavailable, Superseded),
)


class Begin(schemas.Switch):
    """What is to be released, as for a switch, and how: the plan, as people write it."""

    plan: dict[str, Any] = Field(
        default={},
        description="shadow, canary, max_disagreement: percent; step, bake: seconds, or text such as '10m'; the rest "
        "as docs/rollouts.md has it.",
        examples=[{"shadow": 20, "canary": [1, 10, 50], "bake": "10m", "min_requests": 50}],
    )


class Share(schemas.Strict):
    """A share, set by hand."""

    percent: float = Field(ge=0, le=100, description="Of the keys.")


class Rollouts(BaseModel):
    """Those that this process remembers, the newest first."""

    rollouts: list[schemas.Rollout]


class Mirrored(BaseModel):
    """What the copies have shown: parts of the primary's speech, ms at the 1st, 50th and 99th percentile."""

    version: str
    compared: int
    waiting: int
    dropped: int
    too_large: int
    failed: int
    iou: float | None
    missed: float | None
    extra: float | None
    speech_primary: float | None
    speech_trial: float | None
    start_shift_ms: list[float] | None
    end_shift_ms: list[float] | None
    latency_ratio: float | None


class Rollout(schemas.Rollout):
    """One rollout, with what the copies have shown."""

    mirror: Mirrored


@router.post(
    "",
    summary="Release a version gradually",
    response_model=None,
    responses={**answers(schemas.Rollout, "It has begun.", *_GIVEN, *_BEGUN), **LATER},
    openapi_extra=body_of(Begin),
)
async def begin(request: Request, query: Annotated[schemas.Waiting, Query()]) -> Response:
    """Prepare a version and let it take the first step of its plan. It goes on by itself, and back by itself."""
    service = service_of(request)
    body = await read_json(request, service.settings, Begin)
    wanted = VersionId(body.version) if body.version else ModelSpec(body.model_id or "", body.revision, body.options)
    operation = await run_in_threadpool(service.rollout, wanted, body.plan, who=who_of(request), why=body.why)
    return await changed(operation, wait=query.wait)


@router.get("", summary="The rollouts", response_model=None, responses=answers(Rollouts, "The newest first.", *_ASKED))
async def rollouts(request: Request) -> Response:
    """Those that this process remembers; the history has them all."""
    return answer({"rollouts": reports.plain(service_of(request).rollouts.reports())})


@router.get(
    "/{rollout_id}",
    summary="One rollout",
    response_model=None,
    responses=answers(Rollout, "Where it is, and what is known.", *_ASKED),
)
async def rollout(request: Request, rollout_id: str) -> Response:
    """Where it is, what it waits for, and what the copies have shown; `current` is the one under way, or the last."""
    service = service_of(request)
    report = service.rollouts.report(_id(rollout_id))
    return answer(reports.plain(report) | {"mirror": reports.plain(service.mirrored(report.version))})


@router.post(
    "/{rollout_id}/canary",
    summary="Set the share by hand",
    response_model=None,
    responses=answers(
        schemas.Rollout, "It is set, and stays until the next word.", *_GIVEN, JournalUnavailable, Superseded
    ),
    openapi_extra=body_of(Share),
)
async def canary(request: Request, rollout_id: str) -> Response:
    """So many percent of the keys are answered by the version on trial; a key that was stays with it as they grow."""
    body = await read_json(request, service_of(request).settings, Share)
    return await _done(
        request, lambda service, who: service.rollouts.canary(body.percent / 100, _id(rollout_id), who=who)
    )


@router.post(
    "/{rollout_id}/pause",
    summary="Let it stay where it is",
    response_model=None,
    responses=answers(schemas.Rollout, "It stays; it is taken back all the same if it must.", *_ASKED),
)
async def pause(request: Request, rollout_id: str) -> Response:
    """It takes no step by itself until it is resumed."""
    return await _done(request, lambda service, who: service.rollouts.pause(_id(rollout_id), who=who))


@router.post(
    "/{rollout_id}/resume",
    summary="Let it go on",
    response_model=None,
    responses=answers(schemas.Rollout, "It goes on by its plan.", *_ASKED),
)
async def resume(request: Request, rollout_id: str) -> Response:
    """After a pause, or a share that was set by hand."""
    return await _done(request, lambda service, who: service.rollouts.resume_by_hand(_id(rollout_id), who=who))


@router.post(
    "/{rollout_id}/promote",
    summary="Let it serve everyone",
    response_model=None,
    responses=answers(schemas.Rollout, "It serves everyone.", *_ASKED, JournalUnavailable, Superseded),
)
async def promote(request: Request, rollout_id: str) -> Response:
    """Now, whatever its plan waits for. In its bake time it is still taken back if it must."""
    return await _done(request, lambda service, who: service.rollouts.promote(_id(rollout_id), who=who))


@router.post(
    "/{rollout_id}/abort",
    summary="End it",
    response_model=None,
    responses=answers(
        schemas.Rollout, "What served before serves everyone.", *_GIVEN, JournalUnavailable, Busy, Superseded
    ),
    openapi_extra=body_of(schemas.Reason, required=False),
)
async def abort(request: Request, rollout_id: str) -> Response:
    """At any step: what served before serves everyone again, at once."""
    body = await read_json(request, service_of(request).settings, schemas.Reason)
    return await _done(request, lambda service, who: service.rollouts.abort(_id(rollout_id), who=who, why=body.why))


async def _done(request: Request, act: Callable[[Service, str], RolloutReport]) -> Response:
    """It waits for the disk: in a thread."""
    report = await run_in_threadpool(act, service_of(request), who_of(request))
    return answer(reports.plain(report))


def _id(rollout_id: str) -> str | None:
    return None if rollout_id == CURRENT else rollout_id
