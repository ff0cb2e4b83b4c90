"""Recordings made to harm a real server: each is answered, and whoever comes next as if nothing had been."""

import contextlib
import io
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
import soundfile

from scripts.speech import Samples
from tests.e2e.server import Server, home_with, until
from tests.speech.encoded import encode, tone

RATE = 16_000
STALL_S = 2


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, model_directory: Path) -> Iterator[Server]:
    """A server that soon gives up what stalls."""
    home = home_with(tmp_path_factory.mktemp("hostile") / "home", model_directory)
    with Server(home, stall_s=STALL_S, max_audio_s=3600) as begun:
        yield begun


@pytest.fixture(scope="module")
def clip(speech: Samples) -> bytes:
    """Four seconds of speech."""
    file = io.BytesIO()
    soundfile.write(file, speech[: 4 * RATE], RATE, format="WAV")
    return file.getvalue()


@pytest.fixture(autouse=True)
def unharmed(server: Server, clip: bytes) -> Iterator[None]:
    """After each test the same process serves on, on the same version, and holds nothing."""
    pid, before = server.pid, server.status()["versions"]
    yield
    until(lambda: server.status()["requests"]["running"] == 0, "all places are free")
    until(lambda: not any(each["leases"] for each in server.status()["versions"]), "all leases are back")
    assert post(server, clip) == (200, "")
    after = server.status()
    assert after["pid"] == pid
    assert [(each["version"], each["state"], each["stranded"]) for each in after["versions"]] == [
        (each["version"], "ready", 0) for each in before
    ]


def post(server: Server, body: bytes) -> tuple[int, str]:
    """Status and code; the message is one line."""
    answer = requests.post(f"{server.url}/v1/detect", data=body, timeout=60)
    error = answer.json().get("error", {"code": "", "message": ""})
    assert "\n" not in error["message"]
    return answer.status_code, error["code"]


def empty_chunks(count: int) -> bytes:
    """A WAV file without an end of chunks before its audio."""
    return b"RIFF\xff\xff\xff\x7fWAVE" + b"LIST\x04\0\0\0abcd" * count


def empty_boxes(count: int) -> bytes:
    """An MP4 of nothing but free space, in the smallest of pieces."""
    return b"\0\0\0\x18ftypisom\0\0\0\0isomisom" + b"\0\0\0\x08free" * count


def test_many_channels(server: Server) -> None:
    """7.1 and more: a film's sound, and once the end of the process."""
    for kind, channels in (("m4a", 8), ("m4a", 16), ("webm", 8)):
        sound = np.repeat(tone(2.0, rate=48_000), channels, axis=1)
        assert post(server, encode(kind, sound, rate=48_000)) == (200, "")


@pytest.mark.parametrize("body", [empty_chunks(8_000_000), empty_boxes(12_000_000)], ids=["chunks", "boxes"])
def test_what_keeps_a_decoder_busy_is_given_up(server: Server, body: bytes) -> None:
    """Minutes of work before the first sample: refused soon, and no version is held to have failed."""
    began_s = time.monotonic()
    assert post(server, body) == (422, "audio_undecodable")
    assert time.monotonic() - began_s < STALL_S + 5


def test_a_client_that_leaves_takes_its_decoder_along(server: Server) -> None:
    """The thread does not decode to the end what nobody waits for: it is free at once, not when it stalls."""
    body = empty_chunks(8_000_000)
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(
            b"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        until(lambda: any(each["leases"] for each in server.status()["versions"]), "it is being decoded")
    began_s = time.monotonic()
    until(lambda: not any(each["leases"] for each in server.status()["versions"]), "its lease is back")
    assert time.monotonic() - began_s < STALL_S / 2


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{}'\n",
        "[playlist]\nFile1={}\nNumberOfEntries=1\n",
        '<?xml version="1.0"?><MPD><Period><AdaptationSet mimeType="audio/mp4"><Representation><BaseURL>{}</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\na=control:{}\n",
    ],
    ids=["hls", "concat", "pls", "dash", "sdp"],
)
def test_a_playlist_leads_nowhere(server: Server, playlist: str, tmp_path: Path) -> None:
    """What it names is not opened: no file of the server's machine, no address that the server can reach."""
    secret = tmp_path / "secret.wav"
    secret.write_bytes(encode("wav16", tone(1.0)))
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.2)
        host, port = trap.getsockname()
        for place in (str(secret), secret.as_uri(), f"http://{host}:{port}/x.mp3", f"tcp://{host}:{port}"):
            assert post(server, playlist.format(place).encode()) == (422, "audio_undecodable")
        with contextlib.suppress(TimeoutError):
            trap.accept()
            pytest.fail("it was asked for")


def test_headers_that_promise_too_much(server: Server) -> None:
    """Rates, channels and lengths that nothing has: refused by what they say, before any memory is taken for them."""
    wav = bytearray(encode("wav16", tone(1.0)))
    for at, value, size in (
        (24, 2**32 - 1, 4),
        (24, 1, 4),
        (24, 0, 4),
        (22, 65_535, 2),
        (22, 0, 2),
        (40, 2**30, 4),
    ):
        broken = bytes(wav[:at]) + value.to_bytes(size, "little") + bytes(wav[at + size :])
        status, code = post(server, broken)
        assert (status, code) in {
            (422, "audio_undecodable"),
            (422, "audio_truncated"),
            (422, "invalid_samples"),
            (413, "audio_too_long"),
        }
    flac = bytearray(encode("flac", tone(1.0)))
    flac[21:26] = b"\x0f\xff\xff\xff\xff"  # of 36 bits: samples in all
    assert post(server, bytes(flac))[0] in (413, 422)
