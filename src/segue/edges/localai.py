"""LocalAI's ``POST /v1/vad``: samples of 16 kHz as JSON in, segments in seconds out.

Errors have OpenAI's form, as LocalAI's do: ``{"error": {"code", "message", "type"}}``, the code being the status.
"""

import json
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from segue.errors import AudioError, RequestInvalid
from segue.service import Answer, Ask
from segue.service.caller import Caller, client_of, of_samples
from segue.service.number_json import parsed
from segue.service.served_names import check_served
from segue.speech.names import shown
from segue.speech.rules import ASKABLE
from segue.speech.wav import to_wav

if TYPE_CHECKING:
    from segue.service import Service

MOST_BYTES = 32 * 2**20
"""Of a body: a minute and a half of samples in all their digits. It is kept in memory."""

RATE_HZ = 16_000
_INLINE_SAMPLES = 10_000

_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
"""OpenAI's words, by status; of the other 400s it is ``invalid_request_error``, of the 500s ``server_error``."""


class _Error(BaseModel):
    code: int
    message: str
    type: str


class Failed(BaseModel):
    """What went wrong."""

    error: _Error


class Seconds(BaseModel):
    """One stretch of speech, in seconds from the first sample."""

    start: float
    end: float


class Detected(BaseModel):
    """Where the speech is."""

    segments: list[Seconds]


class Vad(BaseModel):
    """The body; decision parameters, ``mode`` and ``preset`` may stand beside these."""

    model: str = Field(default="", description="A name that what serves answers to; empty is any.")
    audio: list[float] = Field(description="Samples of 16 kHz, full scale at ±1.")


_Given = Annotated[
    HTTPAuthorizationCredentials | None,
    Security(HTTPBearer(auto_error=False, scheme_name="token", description="The content of `$SEGUE_HOME/token`.")),
]


async def _in_its_form(request: Request) -> None:
    """Errors, those of the door too."""
    request.state.error_body = _error_body


async def _detection(request: Request, given: _Given) -> None:
    request.app.state.service.access.detection(given.credentials if given else None)


router = APIRouter(prefix="/v1", tags=["localai"], dependencies=[Depends(_in_its_form), Depends(_detection)])

_SAID = {
    400: "No JSON of this form.",
    401: "The token is missing or wrong.",
    404: "No such model.",
    408: "The body came too slowly.",
    413: "The body, or the audio, is too large.",
    415: "A compressed body.",
    422: "Samples or parameters that cannot be used.",
    429: "The client is over its share.",
    500: "The model failed.",
    503: "Nothing serves, or there is no place.",
}


@router.post(
    "/vad",
    summary="LocalAI's: find where the speech is in samples",
    response_model=None,
    responses={
        200: {"model": Detected, "description": "The segments."},
        **{status: {"model": Failed, "description": text} for status, text in _SAID.items()},
    },
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": Vad.model_json_schema()}}}
    },
)
async def vad(request: Request) -> Response:
    """The body has `model` and `audio`, samples of 16 kHz; the answer segments in seconds."""
    service: Service = request.app.state.service
    with service.admit(client_of(request.scope)):
        caller = Caller(request.receive, service.settings)
        given = await parsed(await caller.whole(request.headers, most_bytes=MOST_BYTES))
        name, audio, asked = _wanted(given)
        if name:
            check_served(service, name)
        ask = Ask(key=request.state.request_id, asked=asked)
        if len(audio) <= _INLINE_SAMPLES:
            recording = _recording(audio)
        else:
            recording = await run_in_threadpool(_recording, audio)
        del given, audio
        try:
            answer = await caller.outcome(service.detect(recording, ask))
        except AudioError as error:
            raise of_samples(error) from error
        request.state.facts = answer.facts  # for the log, and for traces
        return _answer(answer)


def _wanted(given: Any) -> tuple[str, list[Any] | NDArray[np.float32], dict[str, Any]]:
    """Model, samples and what is asked of the rules. Raises RequestInvalid."""
    if not isinstance(given, dict):
        raise RequestInvalid(f"the body is {shown(given)}; a JSON object with model and audio is wanted")
    name, audio = given.pop("model", ""), given.pop("audio", None)
    if not isinstance(name, str):
        raise RequestInvalid(f"model is {shown(name)}: a text is wanted")
    if not isinstance(audio, list | np.ndarray):
        raise RequestInvalid(f"audio is {shown(audio)}: a list of samples is wanted, 16 kHz, full scale at 1")
    for key, value in given.items():
        if key not in ASKABLE or not isinstance(value, str | int | float):
            raise RequestInvalid(f"{shown(key)} is not taken so; model and audio are, and {', '.join(ASKABLE)}")
    return name, audio, given


def _recording(audio: list[Any] | NDArray[np.float32]) -> bytes:
    """The samples as a wav. Raises RequestInvalid for what are no numbers."""
    if isinstance(audio, list) and not all(type(sample) in (int, float) for sample in audio):
        first = next(sample for sample in audio if type(sample) not in (int, float))
        raise RequestInvalid(f"audio has {shown(first)} in it: numbers are wanted")
    try:
        with np.errstate(over="ignore"):  # what is too large is infinite, and refused as that
            return to_wav(np.asarray(audio, np.float32), rate=RATE_HZ)
    except OverflowError as error:
        raise RequestInvalid("audio has a number that is too large") from error


def _answer(answer: Answer) -> Response:
    (found,) = answer.detections
    segments = [{"start": each.start_ms / 1000, "end": each.end_ms / 1000} for each in found.segments]
    headers = {"X-Segue-Version": found.model.version or "", "X-Segue-Mode": found.mode}
    return Response(json.dumps({"segments": segments}).encode(), headers=headers, media_type="application/json")


def _error_body(status: int, message: str) -> dict[str, Any]:
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"code": status, "message": message, "type": kind}}
