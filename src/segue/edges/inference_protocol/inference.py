"""A request for inference: what of it is asked of the service, and which outputs are wanted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool

from segue.edges.inference_protocol.tensors import Tensor, read_tensors
from segue.errors import InvalidParameter, RequestInvalid
from segue.service import Ask
from segue.service.number_json import MOST_OTHER_BYTES, parsed
from segue.speech.names import printable, shown
from segue.speech.rules import ASKABLE
from segue.speech.samples import check_rate
from segue.speech.wav import to_wav
from segue.swap import VersionId

AUDIO, RATE = "audio", "sample_rate"
SEGMENTS, PROBABILITIES = "segments", "probabilities"
OUTPUTS: Mapping[str, str] = {SEGMENTS: "INT64", PROBABILITIES: "FP32"}
"""Name and datatype."""

AUDIO_DATATYPES = ("FP32", "INT16")
DEFAULT_RATE_HZ = 16_000

_FOR_THE_SERVER = ("binary_data_output", "priority", "timeout")
"""Parameters of the protocol. The last two are hints, and every request has the same rights here."""

_SEQUENCE = ("sequence_id", "sequence_start", "sequence_end")
_LONGEST_ID = 256
_INLINE_BYTES = 2**16
"""So little is read on the event loop."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """``recording`` is a wav. ``outputs``: each with whether it is to be binary."""

    id: str
    recording: bytes
    ask: Ask
    outputs: tuple[tuple[str, bool], ...]


async def read_request(body: bytes, header_bytes: str | None, *, version: str | None, request_id: str) -> Wanted:
    """What a body asks for; ``header_bytes`` is Inference-Header-Content-Length: how much of it is JSON.

    Raises RequestInvalid, RequestTooLarge, InvalidParameter, InvalidSamples; what only the rules know comes later.
    """
    size = _json_bytes(body, header_bytes)
    given = await parsed(body[:size])
    if len(body) <= _INLINE_BYTES:
        return _wanted(given, body[size:], version=version, request_id=request_id)
    return await run_in_threadpool(_wanted, given, body[size:], version=version, request_id=request_id)


def _wanted(given: object, binary: bytes, *, version: str | None, request_id: str) -> Wanted:
    if not isinstance(given, dict):
        raise RequestInvalid(f"the body is {shown(given)}; a JSON object is wanted")
    options = given.get("parameters", {})
    if not isinstance(options, dict):
        raise RequestInvalid(f"parameters is {shown(options)}: an object is wanted")
    _check_parameters(options)
    outputs = _outputs(given.get("outputs"), is_binary=options.get("binary_data_output") is True)
    tensors = {tensor.name: tensor for tensor in read_tensors(given.get("inputs"), binary)}
    key = _text(options.get("key", ""), "the parameter key") or request_id
    return Wanted(
        id=_text(given.get("id", ""), "id"),
        recording=_recording(tensors, options),
        ask=Ask(
            key=key,
            version=VersionId(version) if version else None,
            probabilities=any(name == PROBABILITIES for name, _ in outputs),
            asked={name: options[name] for name in ASKABLE if name in options},
        ),
        outputs=outputs,
    )


def _json_bytes(body: bytes, given: str | None) -> int:
    if given is None:
        return len(body)
    if not (given.isascii() and given.isdecimal()) or len(given) > 20 or int(given) > min(len(body), MOST_OTHER_BYTES):
        raise RequestInvalid(
            f"Inference-Header-Content-Length is {shown(given)}: how many of the body's {len(body)} bytes are JSON is "
            f"wanted, at most {MOST_OTHER_BYTES}"
        )
    return int(given)


def _check_parameters(options: Mapping[str, Any]) -> None:
    for name, value in options.items():
        if name in _SEQUENCE:
            raise InvalidParameter(f"{name}: there are no sequences here; live audio goes to the WebSocket /v1/stream")
        if name not in (*ASKABLE, RATE, "key", *_FOR_THE_SERVER):
            accepted = ", ".join((RATE, "key", *ASKABLE))
            raise InvalidParameter(f"{shown(name)}: there is no such parameter; there are {accepted}")
        if not isinstance(value, str | int | float):
            raise InvalidParameter(f"{name}={shown(value)}: a text or a number is wanted")


def _outputs(given: object, *, is_binary: bool) -> tuple[tuple[str, bool], ...]:
    if given is None or given == []:
        return ((SEGMENTS, is_binary),)
    if not isinstance(given, list):
        raise RequestInvalid(f"outputs is {shown(given)}: a list is wanted")
    found: dict[str, bool] = {}
    for each in given:
        name = each.get("name") if isinstance(each, dict) else each
        if not isinstance(each, dict) or not isinstance(name, str) or name not in OUTPUTS or name in found:
            raise RequestInvalid(f"an output is {shown(name)}: {' and '.join(OUTPUTS)} can be had, each once")
        options = each.get("parameters", {})
        if not isinstance(options, dict) or not isinstance(options.get("binary_data", False), bool):
            raise RequestInvalid(
                f"output {name}: parameters are {shown(options)}; binary_data, true or false, is taken"
            )
        if options.keys() - {"binary_data"}:
            raise RequestInvalid(f"output {name}: {shown(min(options.keys() - {'binary_data'}))} is not taken")
        found[name] = options.get("binary_data", is_binary)
    return tuple(found.items())


def _recording(tensors: Mapping[str, Tensor], options: Mapping[str, Any]) -> bytes:
    """The audio as a wav."""
    for name in tensors.keys() - {AUDIO, RATE}:
        raise RequestInvalid(f"there is no input {name!r}; there are {AUDIO} and {RATE}")
    if AUDIO not in tensors:
        raise RequestInvalid(f"the input {AUDIO} is missing: give the samples, FP32 or INT16")
    audio, rate_hz = tensors[AUDIO], _rate_hz(tensors.get(RATE), options.get(RATE))
    if audio.datatype not in AUDIO_DATATYPES:
        accepted = " and ".join(AUDIO_DATATYPES)
        raise RequestInvalid(f"{AUDIO} has datatype {audio.datatype}; {accepted} are taken")
    if len(audio.shape) > 2 or (len(audio.shape) == 2 and audio.shape[0] != 1):
        raise RequestInvalid(
            f"{AUDIO} has shape {list(audio.shape)}; [n] and [1, n] are taken: one recording a request, and as many "
            "requests at once as you like"
        )
    return to_wav(audio.values, rate=rate_hz)


def _rate_hz(tensor: Tensor | None, option: object) -> int:
    if tensor is None:
        return check_rate(_whole(DEFAULT_RATE_HZ if option is None else option), name=AUDIO)
    if option is not None:
        raise RequestInvalid(f"{RATE} is given as an input and as a parameter: give it once")
    if len(tensor.values) != 1:
        raise RequestInvalid(f"{RATE} has shape {list(tensor.shape)}: one number is wanted")
    return check_rate(_whole(tensor.values[0].item()), name=AUDIO)


def _whole(rate_hz: object) -> float:
    """A number that ``check_rate`` can look at."""
    if isinstance(rate_hz, bool) or not isinstance(rate_hz, int | float) or abs(rate_hz) > 2**32:
        raise InvalidParameter(f"{RATE}={shown(rate_hz)}: a whole number of Hz is wanted")
    return rate_hz


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_ID or printable(value) != value:
        raise RequestInvalid(f"{what} is {shown(value)}: at most {_LONGEST_ID} printable characters are wanted")
    return value


def known_outputs() -> Sequence[dict[str, Any]]:
    """For a model's metadata."""
    shapes = {SEGMENTS: [-1, 2], PROBABILITIES: [-1]}
    return [{"name": name, "datatype": datatype, "shape": shapes[name]} for name, datatype in OUTPUTS.items()]
