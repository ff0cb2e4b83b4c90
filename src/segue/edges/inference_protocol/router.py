"""The protocol's addresses. A model's name may have slashes in it, so the longer addresses come first."""

import json
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from segue.edges.inference_protocol import models, repository
from segue.edges.inference_protocol.answers import HEADER_LENGTH, inferred
from segue.edges.inference_protocol.failures import DOCUMENTED, in_its_form
from segue.edges.inference_protocol.inference import read_request
from segue.errors import AudioError, RequestInvalid
from segue.service import Ask
from segue.service.caller import Caller, client_of, of_samples
from segue.service.number_json import parsed
from segue.speech.names import shown
from segue.swap import VersionId

if TYPE_CHECKING:
    from segue.service import Service

MOST_BYTES = 32 * 2**20
"""Of a request: 8 minutes of FP32 at 16 kHz. It is kept in memory; longer recordings go to /v1/detect."""

_MOST_CHANGE_BYTES = 2**20

router = APIRouter(prefix="/v2", tags=["open inference protocol"], dependencies=[Depends(in_its_form)])

_BEARER = HTTPBearer(auto_error=False, scheme_name="token", description="The content of `$SEGUE_HOME/token`.")
_Given = Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]


def _service(request: Request) -> "Service":
    service: Service = request.app.state.service
    return service


async def _detection(request: Request, given: _Given) -> None:
    _service(request).access.detection(given.credentials if given else None)


async def _control(request: Request, given: _Given) -> None:
    _service(request).access.control(given.credentials if given else None)


_for_detection, _for_control = [Depends(_detection)], [Depends(_control)]
_UNREADY: dict[int | str, Any] = {status: DOCUMENTED[status] for status in (404, 503)}


def _json(value: object, status: int = 200) -> Response:
    return Response(json.dumps(value).encode(), status, media_type="application/json")


async def _change(request: Request) -> tuple[object, dict[str, str]]:
    """The JSON and the query of a change; no body at all is an empty object."""
    caller = Caller(request.receive, _service(request).settings)
    body = await caller.whole(request.headers, most_bytes=_MOST_CHANGE_BYTES)
    query = dict(request.query_params.multi_items())
    if len(query) != len(request.query_params.multi_items()):
        raise RequestInvalid("a parameter of the query is given twice: give it once")
    return await parsed(body) if body.strip() else {}, query


@router.get("", summary="The server", response_model=None, dependencies=_for_detection, responses=DOCUMENTED)
async def server() -> Response:
    """Its name and version, and the extensions of the protocol that it speaks."""
    return _json(models.server())


@router.get("/health/live", summary="Whether the process answers", response_model=None)
async def live() -> Response:
    """Whether the process answers; not whether it can detect."""
    return _json({"live": True})


@router.get("/health/ready", summary="Whether a version serves", response_model=None, responses=_UNREADY)
async def ready(request: Request) -> Response:
    """Whether a warmed version serves; else what the service waits for."""
    service = _service(request)
    return _readiness({}, "" if service.ready else service.waits_for)


@router.get(
    "/models/{model:path}/versions/{version}/ready",
    summary="Whether a version can be asked",
    response_model=None,
    responses=_UNREADY,
)
async def version_ready(request: Request, model: str, version: str) -> Response:
    """Whether it is loaded and warmed."""
    return _readiness({"name": model}, models.unready(_service(request), model, version))


@router.get(
    "/models/{model:path}/ready", summary="Whether a model can be asked", response_model=None, responses=_UNREADY
)
async def model_ready(request: Request, model: str) -> Response:
    """Whether something serves that answers to this name."""
    return _readiness({"name": model}, models.unready(_service(request), model, None))


def _readiness(about: dict[str, Any], why_not: str) -> Response:
    if why_not:
        return _json({**about, "ready": False, "error": why_not}, 503)
    return _json({**about, "ready": True})


@router.get(
    "/models/{model:path}/versions/{version}",
    summary="A version",
    response_model=None,
    dependencies=_for_detection,
    responses=DOCUMENTED,
)
async def version_metadata(request: Request, model: str, version: str) -> Response:
    """Its inputs and outputs."""
    return _json(models.metadata(_service(request), model, version))


@router.get(
    "/models/{model:path}",
    summary="A model",
    response_model=None,
    dependencies=_for_detection,
    responses=DOCUMENTED,
)
async def model_metadata(request: Request, model: str) -> Response:
    """Its versions that can be asked, its inputs and outputs."""
    return _json(models.metadata(_service(request), model, None))


_TENSORS = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "object", "required": ["inputs"]}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


@router.post(
    "/models/{model:path}/versions/{version}/infer",
    summary="Find where the speech is in a tensor of samples, with this version",
    response_model=None,
    dependencies=_for_detection,
    responses=DOCUMENTED,
    openapi_extra=_TENSORS,
)
async def infer_with(request: Request, model: str, version: str) -> Response:
    """As without a version, and answered by this one or by none."""
    return await _infer(request, model, version)


@router.post(
    "/models/{model:path}/infer",
    summary="Find where the speech is in a tensor of samples",
    response_model=None,
    dependencies=_for_detection,
    responses=DOCUMENTED,
    openapi_extra=_TENSORS,
)
async def infer(request: Request, model: str) -> Response:
    """Input `audio`, FP32 or INT16 of shape [n] or [1, n]; output `segments`, INT64 of shape [k, 2], in ms."""
    return await _infer(request, model, None)


async def _infer(request: Request, model: str, version: str | None) -> Response:
    service = _service(request)
    with service.admit(client_of(request.scope)):
        models.check_version(service, model, version)  # what cannot be answered is said before the upload
        service.describe(Ask(key=request.state.request_id, version=VersionId(version) if version else None))
        caller = Caller(request.receive, service.settings)
        body = await caller.whole(request.headers, most_bytes=MOST_BYTES)
        wanted = await read_request(
            body, request.headers.get(HEADER_LENGTH), version=version, request_id=request.state.request_id
        )
        del body
        try:
            answer = await caller.outcome(service.detect(wanted.recording, wanted.ask))
        except AudioError as error:
            raise of_samples(error) from error
        request.state.facts = answer.facts  # for the log, and for traces
        return await inferred(answer, wanted, name=model)


@router.post(
    "/repository/index", summary="Every version", response_model=None, dependencies=_for_control, responses=DOCUMENTED
)
async def index(request: Request) -> Response:
    """Its state: READY, LOADING, UNLOADING or UNAVAILABLE. With `{"ready": true}` those that are READY."""
    given, _ = await _change(request)
    if not isinstance(given, dict) or given.keys() - {"ready"} or not isinstance(given.get("ready", False), bool):
        raise RequestInvalid(f'the body is {shown(given)}: nothing, or {{"ready": true}}, is wanted')
    found = await run_in_threadpool(models.index, _service(request), ready=given.get("ready", False))
    return _json(found)


@router.post(
    "/repository/models/{model:path}/load",
    summary="Let a model serve",
    response_model=None,
    dependencies=_for_control,
    responses=DOCUMENTED,
)
async def load(request: Request, model: str) -> Response:
    """Prepare it and switch to it, as `POST /v1/switch` does; answered when it serves."""
    body, query = await _change(request)
    return _json(await repository.load(_service(request), model, body, query, who=f"oip {client_of(request.scope)}"))


@router.post(
    "/repository/models/{model:path}/unload",
    summary="Unload what of a model does not serve",
    response_model=None,
    dependencies=_for_control,
    responses=DOCUMENTED,
)
async def unload(request: Request, model: str) -> Response:
    """Drain and close its versions, or the one that the parameter `version` names."""
    body, query = await _change(request)
    return _json(await repository.unload(_service(request), model, body, query, who=f"oip {client_of(request.scope)}"))
