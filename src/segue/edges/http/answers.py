"""Answers of the service -> the bytes that go out."""

import json
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from segue.edges.http.asks import Wanted
from segue.service import Answer
from segue.speech.detection import Detection, ModelIdentity
from segue.speech.formats import FORMATS
from segue.speech.names import legible
from segue.speech.parameters import schedule_text
from segue.speech.rules import PARAMETERS, Rules

MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "json": "application/json",
        "jsonl": "application/jsonl",
        "csv": "text/csv",
        "srt": "application/x-subrip",
        "vtt": "text/vtt",
        "funasr": "application/json",
    }
)
"""Of the formats; of the others it is ``text/plain``."""

_LARGE_FRAMES = 50_000
"""With more probabilities than that, text is made in a thread: the event loop has others to answer."""


async def detected(answer: Answer, wanted: Wanted, *, name: str, request_id: str) -> Response:
    """The answer to a recording, in the form that was asked for. The headers too say which version made it."""
    frames = sum(0 if found.probabilities is None else len(found.probabilities) for found in answer.detections)
    if frames > _LARGE_FRAMES:
        body = await run_in_threadpool(_text, answer, wanted, name=name, request_id=request_id)
    else:
        body = _text(answer, wanted, name=name, request_id=request_id)
    first = answer.detections[0]
    headers = {"X-Segue-Version": first.model.version or "", "X-Segue-Mode": first.mode}
    headers |= {"X-Segue-Preset": first.preset} if first.preset else {}
    return Response(body, headers=headers, media_type=MEDIA_TYPES.get(wanted.form, "text/plain"))


def _text(answer: Answer, wanted: Wanted, *, name: str, request_id: str) -> bytes:
    if wanted.form != "json":
        form = FORMATS[wanted.form]
        called = form.names([name])[name] if form.names else name
        return form.document(form.render(called, answer.detections)).encode(errors="backslashreplace")
    first = answer.detections[0]
    found = {"channels": _list(map(_channel, answer.detections))} if wanted.ask.split else _speech(first)
    about = {
        "duration_ms": first.duration_ms,
        **decisions(first.rules),
        "model": model(first.model),
        "request_id": request_id,
        **({"parameters": parameters(first.rules)} if wanted.parameters else {}),
    }
    return _object(found | {name: _json(value) for name, value in about.items()}).encode() + b"\n"


def to_json(value: object) -> bytes:
    """As few bytes as there can be, one line of them for terminals, and never NaN, which is no JSON."""
    return _json(value).encode() + b"\n"


def model(identity: ModelIdentity) -> dict[str, Any]:
    """Which version answered."""
    return {
        "id": legible(identity.id),
        "revision": identity.revision,
        "version": identity.version,
        "digest": identity.digest,
    }


def decisions(rules: Rules) -> dict[str, str]:
    """The mode, and the preset if there is one."""
    return {"mode": rules.mode, "preset": rules.preset} if rules.preset else {"mode": rules.mode}


def parameters(rules: Rules) -> dict[str, Any]:
    """The decision parameters in effect, such that a request can give them back."""
    values = {name: value for name, value in rules.parameters().items() if name in PARAMETERS}
    if "silence_schedule" in values:
        values["silence_schedule"] = schedule_text(rules.silence_schedule)
    return values


def _channel(detection: Detection) -> str:
    return _object({"channel": _json(detection.channel), **_speech(detection)})


def _speech(detection: Detection) -> dict[str, str]:
    segments = [{"start_ms": segment.start_ms, "end_ms": segment.end_ms} for segment in detection.segments]
    if detection.probabilities is None:
        return {"segments": _json(segments)}
    return {"segments": _json(segments), "probabilities": _list(_decimals(detection.probabilities))}


def _decimals(probabilities: Any, block: int = 10_000) -> Iterator[str]:
    """Six decimals, as in files. A day is 8.6 million values: never all of them as Python objects at once."""
    for start in range(0, len(probabilities), block):
        yield ",".join([f"{p:.6g}" if p < 1e-4 else f"{p:.6f}" for p in probabilities[start : start + block].tolist()])


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _object(texts: Mapping[str, str]) -> str:
    """Of values that are JSON already."""
    return "{" + ",".join(f'"{name}":{text}' for name, text in texts.items()) + "}"


def _list(texts: Iterable[str]) -> str:
    return "[" + ",".join(texts) + "]"
