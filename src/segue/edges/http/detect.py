"""``POST /v1/detect``: a recording in, its segments out. ``GET /v1/serving``: what would answer."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from segue.edges.http import answers, asks
from segue.edges.http.access import for_detection, service_of
from segue.edges.http.bodies import read_recording
from segue.edges.http.errors import documented
from segue.edges.http.schemas import Detected, Serving
from segue.errors import (
    AudioEmpty,
    AudioError,
    AudioTooLong,
    AudioTruncated,
    AudioUndecodable,
    InferenceFailed,
    InvalidParameter,
    InvalidSamples,
    NoAudioTrack,
    NotReady,
    Overloaded,
    RequestInvalid,
    RequestTooLarge,
    RequestTooSlow,
    RequestUnsupported,
    ShuttingDown,
    StoreError,
    TooManyRequests,
    Unauthorized,
    UnknownVersion,
    VersionNotReady,
)
from segue.service.caller import Caller, client_of
from segue.speech.formats import FORMATS
from segue.speech.parameters import MODES, PARAMETERS, parameters_of, range_of
from segue.speech.presets import NO_PRESET, PRESETS

router = APIRouter(prefix="/v1", tags=["detection"], dependencies=[for_detection])


def _parameter(name: str, schema: dict[str, Any], said: str, *, place: str = "query") -> dict[str, Any]:
    return {"name": name, "in": place, "required": False, "schema": schema, "description": said}


def _decision(name: str) -> dict[str, Any]:
    modes = " and ".join(mode for mode in MODES if name in parameters_of(mode))
    return _parameter(name, _schema(name), f"Decision parameter of mode {modes}; times in ms.")


def _schema(name: str) -> dict[str, Any]:
    accepted = range_of(name)
    if accepted is None:
        return {"type": "string"}
    kind, least, most = accepted
    if (kind, least, most) == (int, 0, 1):
        return {"enum": [0, 1, False, True]}
    return {"type": "integer" if kind is int else "number", "minimum": least, "maximum": most}


_TEXT = {"type": "string"}
_FLAG = {"type": "boolean", "default": False}
_DECISIONS = [
    _parameter("mode", {"enum": list(MODES)}, "How pauses end an utterance; else the version's own."),
    _parameter("preset", {"enum": [*PRESETS, *NO_PRESET]}, "Parameters for a kind of recording; else the version's."),
    *map(_decision, PARAMETERS),
]
_HEADERS = [
    _parameter("X-Segue-Key", _TEXT, "Requests of one key are answered by one side of a trial.", place="header"),
    _parameter("X-Segue-Version", _TEXT, "This version and no other; 409 when it is not loaded.", place="header"),
]
_QUERY = [
    _parameter("channels", {"enum": ["mix", "split"], "default": "mix"}, "Mix them, or detect in each."),
    _parameter("probabilities", _FLAG, "Add the speech probability of every frame (json, jsonl)."),
    _parameter("parameters", _FLAG, "Add the decision parameters in effect (json)."),
    _parameter("format", {"enum": list(FORMATS), "default": "json"}, "The form of the answer."),
]
_BINARY = {"type": "string", "format": "binary"}
_BODY = {
    "required": True,
    "content": {
        "application/octet-stream": {"schema": _BINARY},
        "multipart/form-data": {"schema": {"properties": {"file": _BINARY}, "required": ["file"], "type": "object"}},
    },
}
_MEDIA_TYPES = {answers.MEDIA_TYPES.get(form, "text/plain") for form in FORMATS} - {answers.MEDIA_TYPES["json"]}
_OTHER_FORMS = {media_type: {"schema": _TEXT} for media_type in sorted(_MEDIA_TYPES)}
_REFUSALS = (Unauthorized, InvalidParameter, UnknownVersion, VersionNotReady, NotReady)


@router.post(
    "/detect",
    summary="Find where the speech is in a recording",
    response_model=None,
    responses={
        200: {"model": Detected, "description": "The segments.", "content": _OTHER_FORMS},
        **documented(
            *_REFUSALS,
            *(AudioEmpty, AudioUndecodable, AudioTruncated, AudioTooLong, NoAudioTrack, InvalidSamples),
            *(RequestInvalid, RequestTooLarge, RequestTooSlow, RequestUnsupported),
            *(Overloaded, TooManyRequests, ShuttingDown, StoreError, InferenceFailed),
        ),
    },
    openapi_extra={"requestBody": _BODY, "parameters": [*_QUERY, *_DECISIONS, *_HEADERS]},
)
async def detect(request: Request) -> Response:
    """The body is the recording, in any format; or a form with the field `file`. Times are whole milliseconds."""
    service, wanted = service_of(request), asks.to_detect(request)
    with service.admit(client_of(request.scope)):
        service.describe(wanted.ask)  # what cannot be answered is said before the upload
        upload = await read_recording(request, service.settings)
        try:
            call = service.detect(upload.source, wanted.ask)
        except BaseException:
            upload.close()
            raise
        call.future.add_done_callback(lambda _: upload.close())
        try:
            answer = await Caller(request.receive, service.settings).outcome(call)
        except AudioError as error:
            raise upload.named(error) from error
    request.state.facts = answer.facts  # for the log, and for traces
    return await answers.detected(answer, wanted, name=upload.name, request_id=request.state.request_id)


@router.get(
    "/serving",
    summary="What would answer",
    response_model=None,
    responses={200: {"model": Serving, "description": "The version, and its rules."}, **documented(*_REFUSALS)},
    openapi_extra={"parameters": [*_DECISIONS, *_HEADERS]},
)
async def serving(request: Request) -> Response:
    """The version that a recording with this query and these headers would get, and the rules that would decide."""
    found = service_of(request).describe(asks.to_describe(request))
    body = {
        "model": answers.model(found.model),
        **answers.decisions(found.rules),
        "parameters": answers.parameters(found.rules),
        "sample_rate": found.sample_rate,
        "frame_ms": found.frame_ms,
        "epoch": found.epoch,
    }
    return Response(answers.to_json(body), media_type="application/json")
