"""An answer of the service -> the protocol's: JSON, and behind it the bytes of the outputs that are to be binary."""

import json

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from segue.edges.inference_protocol.inference import OUTPUTS, SEGMENTS, Wanted
from segue.edges.inference_protocol.tensors import write_tensor
from segue.errors import InferenceFailed
from segue.service import Answer
from segue.speech.detection import Detection
from segue.speech.names import legible

HEADER_LENGTH = "Inference-Header-Content-Length"

_LARGE_FRAMES = 50_000
"""With more probabilities than that, the body is made in a thread."""


async def inferred(answer: Answer, wanted: Wanted, *, name: str) -> Response:
    """The answer to a request under the model's name that it used."""
    (found,) = answer.detections
    if found.probabilities is not None and len(found.probabilities) > _LARGE_FRAMES:
        return await run_in_threadpool(_response, found, wanted, name)
    return _response(found, wanted, name)


def _response(found: Detection, wanted: Wanted, name: str) -> Response:
    texts, data = zip(*(_output(found, output, binary=binary) for output, binary in wanted.outputs), strict=True)
    about = {
        **({"id": wanted.id} if wanted.id else {}),
        "model_name": name,
        "model_version": found.model.version or "",
        "parameters": _parameters(found),
    }
    head = f'{json.dumps(about)[:-1]}, "outputs": [{", ".join(texts)}]}}'.encode()
    if not any(binary for _, binary in wanted.outputs):
        return Response(head, media_type="application/json")
    headers = {HEADER_LENGTH: str(len(head))}
    return Response(b"".join((head, *data)), headers=headers, media_type="application/octet-stream")


def _parameters(found: Detection) -> dict[str, str | int]:
    """What decided. The protocol's parameters are texts and numbers: what there is none of is left out."""
    told = {
        "mode": found.mode,
        "preset": found.preset,
        "model_id": legible(found.model.id),
        "revision": found.model.revision,
        "duration_ms": found.duration_ms,
    }
    return {name: value for name, value in told.items() if isinstance(value, int) or value}


def _output(found: Detection, name: str, *, binary: bool) -> tuple[str, bytes]:
    if name == SEGMENTS:
        times = [(segment.start_ms, segment.end_ms) for segment in found.segments]
        return write_tensor(name, OUTPUTS[name], np.array(times, np.int64).reshape(-1, 2), binary=binary)
    if found.probabilities is None:
        raise InferenceFailed(f"{found.model.version} gave no probabilities")
    return write_tensor(name, OUTPUTS[name], found.probabilities, binary=binary)
