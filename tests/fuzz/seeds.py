"""What fuzzing begins with: one good example of each kind, from which bad ones are made."""

import io
import json
from collections.abc import Iterator

import numpy as np
import soundfile

from tests.fuzz.app import BETWEEN, NEXT

_PART = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n'
    b"%s\r\n--b--\r\n"
)
_PLAN = {
    "shadow": 20,
    "canary": [1, 10, 50],
    "step": "60s",
    "bake": "10m",
    "min_requests": 50,
    "max_disagreement": 5,
    "keep": 2,
}
_SWITCH = {"model_id": "/models/usual", "options": {"mode": "classic", "max_end_silence_time": 500}, "why": "because"}


def clip(seconds: float = 0.05, kind: str = "WAV") -> bytes:
    """A tone."""
    file = io.BytesIO()
    samples = 0.3 * np.sin(np.arange(int(seconds * 16_000)) / 6)
    soundfile.write(file, samples, 16_000, format=kind)
    return file.getvalue()


def forms() -> Iterator[bytes]:
    """Content type, body."""
    for kind in (b"multipart/form-data; boundary=b", b'multipart/form-data; boundary="b"; charset=utf-8', b"audio/wav"):
        yield kind + b"\n" + _PART % b"RIFF\r\n--b\r\nx"
    yield b"multipart/form-data; boundary=b\npreamble\r\n" + _PART % b"" + b"epilogue"
    yield b"application/x-www-form-urlencoded\nfile=x"


def requests() -> Iterator[bytes]:
    """Query, headers."""
    yield b"mode=tight&threshold=0.5&channels=split&probabilities=true&format=json\nX-Segue-Key: a\nX-Segue-Version: v1"
    yield b"mode=dynamic&silence_schedule=10000:2000,20000:1000\nX-Segue-Who: \xe7\x8e\x8b\nAuthorization: Basic YTpi"
    yield b"preset=noisy&max_end_silence_time=800\nHost: vad.example:80\nOrigin: http://vad.example"


def bodies() -> Iterator[bytes]:
    """JSON."""
    for said in (
        _SWITCH,
        {**_SWITCH, "plan": _PLAN, "every": "5m"},
        {"version": "v1", "why": ""},
        {"percent": 12.5},
        {},
    ):
        yield json.dumps(said).encode()


def names() -> Iterator[bytes]:
    """A model's name, and a revision."""
    for text in (
        "iic/speech@v2.0.4",
        "hf:funasr/fsmn-vad",
        "fsmn-vad\nmain",
        "./models/x",
        "a/../b",
        "~root/x",
        "//h/x",
    ):
        yield text.encode()


def audios() -> Iterator[bytes]:
    """Files of several formats."""
    for kind in ("WAV", "FLAC", "OGG", "MP3", "AIFF", "CAF", "AU", "W64"):
        yield clip(kind=kind)


def app_requests() -> Iterator[bytes]:
    """One of each kind of route that there is."""
    yield b"POST /v1/detect\nformat=srt" + BETWEEN + clip()
    yield b"POST /v1/detect\n\ncontent-type: multipart/form-data; boundary=b" + BETWEEN + _PART % clip()
    for route in (b"POST /v1/switch", b"POST /v1/versions", b"POST /v1/rollouts", b"PUT /v1/follow"):
        for said in bodies():
            yield route + b"\nwait=false" + BETWEEN + said
    yield b"GET /v1/history\nlimit=3&before=9" + BETWEEN
    yield b"DELETE /v1/versions/{version}\ndeadline_s=0" + BETWEEN
    audio = [0.1, -0.1] * 400
    inputs = [{"name": "audio", "shape": [1, 800], "datatype": "FP32", "data": audio}]
    yield b"POST /v2/models/{model}/infer\n" + BETWEEN + json.dumps({"id": "1", "inputs": inputs}).encode()
    binary = [{"name": "audio", "shape": [1, 4], "datatype": "FP32", "parameters": {"binary_data_size": 16}}]
    told = json.dumps({"inputs": binary}).encode()
    head = b"POST /v2/models/{model}/infer\n\ninference-header-content-length: %d" % len(told)
    yield head + BETWEEN + told + bytes(16)
    yield b"POST /v2/repository/index\n" + BETWEEN + b"{}"
    yield b"POST /v2/repository/models/{model}/load\n" + BETWEEN + b'{"parameters": {"revision": "v1"}}'
    yield b"POST /v1/vad\n" + BETWEEN + json.dumps({"model": "x", "audio": audio}).encode()


def app_lives() -> Iterator[bytes]:
    """A stream, and a session of the realtime protocol."""
    yield b"WS /v1/stream\nsample_rate=16000&probabilities=true" + BETWEEN + bytes(640) + NEXT + b't{"type": "finish"}'
    yield b"WS /v1/stream\nencoding=float32&policy=at-silence" + BETWEEN + bytes(7) + NEXT + bytes(9)
    update = {"type": "session.update", "session": {"turn_detection": {"type": "server_vad", "threshold": 0.5}}}
    append = {"type": "input_audio_buffer.append", "audio": "AAAA" * 200}
    said = (update, append, {"type": "input_audio_buffer.commit"}, {"type": "input_audio_buffer.clear"})
    yield b"WS /v1/realtime\nmodel=x" + BETWEEN + NEXT.join(b"t" + json.dumps(each).encode() for each in said)


def heads() -> Iterator[bytes]:
    """What comes from a socket."""
    yield b"GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n" * 2
    yield b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabcGET / HTTP/1.0\r\n\r\n"
    yield b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n"
    upgrade = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: "
    yield upgrade + b"h2c\r\nContent-Length: 2\r\n\r\nhiGET / HTTP/1.1\r\n\r\n"
    key = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    yield upgrade + b"websocket\r\n" + key + b"\x81\x85\0\0\0\0hello\x89\x80\0\0\0\0\x88\x80\0\0\0\0"
    yield b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
