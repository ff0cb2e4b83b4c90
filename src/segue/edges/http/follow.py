"""The routes of what is followed: look at it, begin it, stop it. They want the token."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from segue.edges.http import reports, schemas
from segue.edges.http.access import for_control, service_of, who_of
from segue.edges.http.bodies import read_json
from segue.edges.http.changes import answer, answers, body_of
from segue.errors import (
    InvalidModelID,
    InvalidParameter,
    InvalidPlan,
    ModelNotFound,
    RequestInvalid,
    RequestTooLarge,
    StoreError,
    Unauthorized,
)
from segue.swap import ModelSpec, seconds_of

router = APIRouter(prefix="/v1/follow", tags=["rollouts"], dependencies=[for_control])

_ASKED = (Unauthorized, InvalidParameter)
_GIVEN = (*_ASKED, RequestInvalid, RequestTooLarge, InvalidPlan, InvalidModelID, ModelNotFound, StoreError)


class Follow(schemas.Prepare):
    """A branch, or a directory where the service runs; and how what is new there is released."""

    plan: dict[str, Any] = Field(
        default={}, description="As for a rollout.", examples=[{"shadow": 20, "canary": [1, 10, 50]}]
    )
    every: Annotated[float | str, Field(union_mode="left_to_right")] = Field(
        default="5m", description="Between two looks: seconds, or text such as '5m'; 10 s at the least."
    )


class Followed(BaseModel):
    """What is followed, and what the last look found. ``next_s``: until the next one; times of day since 1970."""

    model: str
    model_id: str
    revision: str | None
    options: dict[str, schemas.Option]
    plan: dict[str, Any]
    every_s: float
    who: str
    why: str
    since: float
    looked_at: float | None
    next_s: float
    digest: str
    version: str
    says: str
    problem: str
    note: str


class Following(BaseModel):
    """What is followed, or nothing."""

    follow: Followed | None


class Stopped(BaseModel):
    """What was followed until now, or nothing."""

    stopped: Followed | None


@router.get("", summary="What is followed", response_model=None, responses=answers(Following, "Or null.", *_ASKED))
async def follow(request: Request) -> Response:
    """What is followed, what the last look found there, and what follows from it."""
    return answer({"follow": reports.plain(service_of(request).follower.report)})


@router.put(
    "",
    summary="Follow a branch or a directory",
    response_model=None,
    responses=answers(Following, "It is followed from now on.", *_GIVEN),
    openapi_extra=body_of(Follow),
)
async def begin(request: Request) -> Response:
    """In place of what was followed. What is new there is released by the plan, once, and nobody need be at hand."""
    service = service_of(request)
    body = await read_json(request, service.settings, Follow)
    spec, every_s = ModelSpec(body.model_id, body.revision, body.options), seconds_of("every", body.every)
    report = await run_in_threadpool(
        service.follower.follow, spec, body.plan, every_s=every_s, who=who_of(request), why=body.why
    )
    return answer({"follow": reports.plain(report)})


@router.delete(
    "", summary="Follow nothing", response_model=None, responses=answers(Stopped, "Nothing is followed.", *_ASKED)
)
async def stop(request: Request) -> Response:
    """A rollout that is under way goes on."""
    report = await run_in_threadpool(service_of(request).follower.stop, who=who_of(request))
    return answer({"stopped": reports.plain(report)})
