"""What the routes of control have in common: how they are documented, and how a change is answered."""

import asyncio
from typing import Any

from starlette.responses import Response

from segue.edges.http import reports, schemas
from segue.edges.http.answers import to_json
from segue.edges.http.errors import documented
from segue.service import Operation


def answers(model: type[Any], said: str, *errors: type[Any]) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: what a route answers, and which errors."""
    return {200: {"model": model, "description": said}, **documented(*errors)}


def body_of(model: type[schemas.Strict], *, required: bool = True) -> dict[str, Any]:
    """For OpenAPI: the JSON that a route reads."""
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": required, "content": content}}


LATER: dict[int | str, dict[str, Any]] = {
    202: {"model": schemas.Change, "description": "It is under way (`wait=false`); `Location` says where to ask."}
}


async def changed(operation: Operation, *, wait: bool) -> Response:
    """The outcome of a change; or at once, where to ask for it."""
    if not wait:
        return answer(reports.change(operation), status=202, headers={"Location": f"/v1/changes/{operation.id}"})
    return answer(reports.outcome(await outcome_of(operation)))


async def outcome_of(operation: Operation) -> Any:
    """What it brought. Whoever waits may go away, and the change goes on. Raises what it failed with."""
    return await asyncio.shield(asyncio.wrap_future(operation.future))


def answer(value: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON."""
    return Response(to_json(value), status, headers, media_type="application/json")
