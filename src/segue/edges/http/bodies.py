"""The body of a request: a recording, raw or in a form, or a JSON object; within what it may weigh and take."""

from collections.abc import AsyncIterator, Mapping
from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from python_multipart.multipart import parse_options_header

from segue.edges.http.errors import invalid
from segue.edges.http.form import Form
from segue.edges.http.upload import Upload
from segue.errors import RequestInvalid, RequestUnsupported, one_line
from segue.service.caller import Caller, check_coding
from segue.settings import Settings
from segue.speech.names import shown

MOST_JSON_BYTES = 2**20

_M = TypeVar("_M", bound=BaseModel)

_NO_AUDIO = ("text/", "image/", "font/", "message/", "model/", "multipart/")
_NO_AUDIO_EITHER = frozenset(
    f"application/{kind}" for kind in ("json", "xml", "javascript", "pdf", "zip", "gzip", "msword", "x-tar", "x-ndjson")
)
"""Of the rest only what is in it tells: curl calls everything application/x-www-form-urlencoded."""


async def read_recording(request: Request, settings: Settings) -> Upload:
    """The recording: the raw body, or the field ``file`` of a form. Whoever gets it closes it.

    Raises RequestTooLarge (at once where the client says how much comes), RequestTooSlow, RequestUnsupported,
    RequestInvalid, StoreError; CallerGone when the client goes away.
    """
    form = _form(request.headers)
    upload = Upload()
    try:
        async for piece in pieces(request, settings, most_bytes=settings.max_body_bytes):
            for data in (piece,) if form is None else form.feed(piece):
                await upload.write(data)
        if form is not None:
            form.finish()
            upload.call_it(form.file_name)
        await upload.finish()
    except BaseException:
        upload.close()
        raise
    return upload


async def read_json(request: Request, settings: Settings, model: type[_M]) -> _M:
    """The JSON object, as the model wants it; no body at all is an empty object.

    Raises RequestInvalid, RequestTooLarge, RequestTooSlow, InvalidParameter.
    """
    text = b"".join([piece async for piece in pieces(request, settings, most_bytes=MOST_JSON_BYTES)])
    try:
        return model.model_validate_json(text or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "json_invalid":
            raise RequestInvalid(f"the body is no JSON: {one_line(first['ctx']['error'])}") from error
        if not first["loc"] and first["type"] in ("model_type", "model_attributes_type"):
            raise RequestInvalid(f"the body is {shown(first['input'])}; a JSON object is wanted") from error
        raise invalid(error.errors(include_url=False)) from error


def pieces(request: Request, settings: Settings, *, most_bytes: int) -> AsyncIterator[bytes]:
    """The body as it comes. Raises RequestTooLarge, RequestTooSlow, CallerGone."""
    declared = request.headers.get("content-length", "")
    return Caller(request.receive, settings).pieces(most_bytes=most_bytes, declared=declared)


def _form(headers: Mapping[str, str]) -> Form | None:
    """The form that the body is; None when it is raw. Raises RequestUnsupported, RequestInvalid."""
    check_coding(headers)
    kind_bytes, options = parse_options_header(headers.get("content-type", ""))
    kind = kind_bytes.decode("latin-1")
    if kind == "multipart/form-data":
        return Form(options)
    if kind.startswith(_NO_AUDIO) or kind in _NO_AUDIO_EITHER or kind.endswith(("+json", "+xml")):
        raise RequestUnsupported(
            f"Content-Type {shown(kind)}: send it as audio/*, video/*, application/octet-stream, or in a form"
        )
    return None
