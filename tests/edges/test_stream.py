"""``WS /v1/stream`` over a real server: what clients may do, and what they must not be able to."""

import json
import socket
import struct
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import InvalidStatus

from segue.edges.stream import _fields
from segue.service.streams import ModelChanged, Opened
from segue.speech.detection import ModelIdentity
from segue.speech.detector import Detector
from segue.speech.rules import Rules
from segue.speech.segmenter import SpeechStarted
from segue.swap import Route
from tests.edges.streaming import USUAL, Running, frame, pcm16, running
from tests.service.voices import QUICK, RATE, Trouble, Voice, Weights, plain, talk

SAID = talk(3, 4.0)
_MUCH_BYTES = 200_000_000
"""More than the buffers of both systems hold."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One for all tests that leave it as it was; ``first`` serves."""
    with running(tmp_path_factory.mktemp("home"), stream_idle_s=5.0, max_streams=8) as server:
        server.service.serve("first")
        yield server
        server.wait(server.service.is_given_back)


def expected(**asked: Any) -> list[dict[str, Any]]:
    """The events of ``SAID``, as a client is told them."""
    samples = pcm16(SAID).astype(np.float32) / 32768
    detector = Detector(Voice(USUAL, Trouble()), Rules.of(QUICK), model=None)  # type: ignore[arg-type]  # not looked at
    stream = detector.stream(**asked)
    told: list[dict[str, Any]] = []
    for event in stream.accept(samples) + stream.finish():
        if isinstance(event, SpeechStarted):
            told.append({"type": "speech_started", "at_ms": event.at_ms})
        else:
            segment = event.segment
            told.append({"type": "speech_ended", "start_ms": segment.start_ms, "end_ms": segment.end_ms})
    return told


# -- what is said --------------------------------------------------------------------------------------------------


def test_every_message_has_its_form(tmp_path: Path) -> None:
    """ready, probabilities, events, model_changed and finished, each with exactly these fields; closed with 1000."""
    with running(tmp_path) as server:
        first = server.service.serve("first")
        with server.open("probabilities=true&encoding=float32") as client:
            ready = client.hear("ready")
            assert ready == {
                "type": "ready",
                "model": {"id": "test/first", "revision": "v1", "version": first, "digest": "first"},
                "mode": "classic",
                "sample_rate": RATE,
            }
            client.say(SAID[:RATE])
            client.hear("probabilities")
            second = server.service.serve("second", Weights(0.2), mode="dynamic")
            client.say(SAID[RATE:])
            assert client.hear("model_changed") == {
                "type": "model_changed",
                "from": first,
                "to": second,
                "at_ms": 990,  # the 100th frame waited for the one after it
                "mode": "dynamic",
                "model": {"id": "test/second", "revision": "v1", "version": second, "digest": "second"},
            }
            client.finish()
            assert client.hear_all() == 1000
        assert client.told[-1] == {"type": "finished", "duration_ms": 4000}
        told = client.of("probabilities")
        assert {tuple(message) for message in told} == {("type", "from_ms", "frame_ms", "values")}
        assert {message["frame_ms"] for message in told} == {10}
        values = np.concatenate([message["values"] for message in told])
        assert [message["from_ms"] for message in told] == list(
            np.cumsum([0, *(10 * len(message["values"]) for message in told[:-1])])
        )
        p_speech = 1 - np.concatenate((plain(Weights(0.3), SAID)[:99], plain(Weights(0.2), SAID)[99:]))
        np.testing.assert_allclose(values, p_speech, atol=1e-6)
        assert {tuple(message) for message in client.of("speech_started")} == {("type", "at_ms")}
        assert {tuple(message) for message in client.of("speech_ended")} == {("type", "start_ms", "end_ms")}
        server.wait(server.service.is_given_back)


def test_a_preset_in_effect_is_named() -> None:
    """In ready and in model_changed, beside the mode; where there is none, neither has it."""
    model = ModelIdentity("a/b", None, "d", "v1")
    assert _fields(Opened(model, "tight", RATE, "dusty"))["preset"] == "dusty"
    assert _fields(ModelChanged(model, model, 10, "tight", "dusty"))["preset"] == "dusty"
    assert (
        "preset"
        not in _fields(Opened(model, "tight", RATE)).keys() | _fields(ModelChanged(model, model, 10, "tight")).keys()
    )


def test_a_failing_version_is_an_error_that_does_not_end_the_stream(tmp_path: Path) -> None:
    """It is said with its code and that it is not final; after a switch the events are whole."""
    with running(tmp_path) as server:
        server.service.serve("first")
        with server.open() as client:
            client.hear("ready")
            server.service.troubles["first"].raising = 10**6
            client.say(pcm16(SAID[: 2 * RATE]))
            error = client.hear("error")
            assert error == {
                "type": "error",
                "code": "inference_failed",
                "message": "made to fail",
                "final": False,
            }
            server.service.serve("second")
            client.say(pcm16(SAID[2 * RATE :]))
            client.finish()
            assert client.hear_all() == 1000
        assert client.of("speech_started") + client.of("speech_ended")
        told = [message for message in client.told if message["type"].startswith("speech")]
        assert told == expected()
        server.wait(server.service.is_given_back)


def test_probabilities_are_not_told_unless_asked_for(server: Running) -> None:
    """Events alone, and they equal those of a detector fed the same audio."""
    with server.open() as client:
        client.say(pcm16(SAID))
        client.finish()
        assert client.hear_all() == 1000
    assert [message for message in client.told if message["type"].startswith("speech")] == expected()
    assert {message["type"] for message in client.told} == {"ready", "speech_started", "speech_ended", "finished"}


def test_what_the_query_asks_for_decides(server: Running) -> None:
    """Mode and parameters are the stream's; ``ready`` says the mode."""
    asked = {"mode": "dynamic", "chunk_size": "500", "silence_schedule": "500:300,inf:60"}
    with server.open("&".join(f"{name}={value}" for name, value in asked.items())) as client:
        assert client.hear("ready")["mode"] == "dynamic"
        client.say(pcm16(SAID))
        client.finish()
        assert client.hear_all() == 1000
    told = [message for message in client.told if message["type"].startswith("speech")]
    assert told == expected(**asked) != expected()


@pytest.mark.parametrize("pieces", [320, 0])
def test_funasr_s_form_has_pairs_and_nothing_else(server: Running, pieces: int) -> None:
    """A start is [start, -1] and an end [-1, end], or both in one pair; no ready, no finished; closed with 1000."""
    with server.open("format=funasr&key=call%207") as client:
        client.say(pcm16(SAID), pieces=pieces)
        client.finish()
        assert client.hear_all() == 1000
    assert {tuple(message) for message in client.told} == {("key", "value")}
    assert {message["key"] for message in client.told} == {"call 7"}
    said = [time_ms for message in client.told for pair in message["value"] for time_ms in pair if time_ms != -1]
    ends = [message for message in expected() if message["type"] == "speech_ended"]
    assert said == [time_ms for message in ends for time_ms in (message["start_ms"], message["end_ms"])]
    assert len(ends) > 1


def test_funasr_s_form_still_says_what_fails(tmp_path: Path) -> None:
    """A failing version is an error in our own words: an empty value would be silence."""
    with running(tmp_path) as server:
        server.service.serve("first")
        server.service.troubles["first"].raising = 10**6
        with server.open("format=funasr") as client:
            client.say(pcm16(SAID))
            assert client.hear("error")["code"] == "inference_failed"


def test_mode_and_preset_of_the_query_are_the_stream_s_through_a_change(tmp_path: Path) -> None:
    """A version of other options takes over: the stream keeps the mode and the preset that it asked for."""
    with running(tmp_path) as server:
        server.service.serve("first")
        with server.open("mode=tight&preset=noisy") as client:
            ready = client.hear("ready")
            assert (ready["mode"], ready["preset"]) == ("tight", "noisy")
            server.service.serve("second", Weights(0.2), mode="dynamic")
            client.say(pcm16(SAID))
            changed = client.hear("model_changed")
            assert (changed["mode"], changed["preset"]) == ("tight", "noisy")


@pytest.mark.parametrize("pieces", [1, 7, 1_001, 0])
def test_messages_may_end_in_the_middle_of_a_sample(server: Running, pieces: int) -> None:
    """Whatever the sizes of the messages, in bytes, the events are the same; what is left of a sample is no sample."""
    with server.open() as client:
        client.say(pcm16(SAID) if pieces != 1 else pcm16(SAID[:RATE]), pieces=pieces)
        client.connection.send(b"\x07")
        client.finish()
        assert client.hear_all() == 1000
    told = [message for message in client.told if message["type"].startswith("speech")]
    if pieces != 1:
        assert told == expected()
    assert client.told[-1]["duration_ms"] == (4_000 if pieces != 1 else 1_000)


def test_float32_and_other_rates(server: Running) -> None:
    """float32 within ±1 is what pcm16 is; at another rate it is resampled, and times stay the audio's own."""
    exact = pcm16(SAID).astype("<f4") / np.float32(32768)
    with server.open("encoding=float32") as client:
        client.say(exact, pieces=4_099)
        client.finish()
        client.hear_all()
    assert [message for message in client.told if message["type"].startswith("speech")] == expected()
    with server.open("encoding=float32&sample_rate=48000") as client:
        assert client.hear("ready")["sample_rate"] == 48_000
        client.say(np.repeat(exact, 3))
        client.finish()
        client.hear_all()
    assert client.told[-1]["duration_ms"] == 4_000
    assert client.of("speech_ended")


# -- what is asked -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("sample_rate=abc", "sample_rate='abc'"),
        ("sample_rate=7999", "7999 Hz"),
        ("sample_rate=16000.5", "16000.5"),
        ("sample_rate=nan", "sample_rate='nan'"),
        ("sample_rate=1e999", "sample_rate='1e999'"),
        ("encoding=mp3", "pcm16, float32"),
        ("encoding=", "pcm16, float32"),
        ("policy=never", "follow, at-silence, pin"),
        ("deadline_s=-1", "deadline_s='-1'"),
        ("deadline_s=inf", "deadline_s='inf'"),
        ("probabilities=perhaps", "true or false"),
        ("format=rttm", "segue, funasr"),
        ("format=funasr&probabilities=true", "format=funasr cannot hold probabilities"),
        ("mode=loud", "classic, dynamic, tight"),
        ("preset=loud", "preset='loud' (request): one of"),
        ("mode=tight&do_extend=0", "do_extend (request) decides nothing in mode tight"),
        ("max_end_silence_time=long", "max_end_silence_time='long'"),
        ("window_size_ms=50&sil_to_speech_time_thres=60", "sil_to_speech_time_thres=60"),
        ("snr_mode=1", "snr_mode is not a parameter of a stream; they are sample_rate, "),
        ("sampel_rate=16000", "sampel_rate is not a parameter"),
    ],
)
def test_what_cannot_be_had_is_said_and_closes_with_1008(server: Running, query: str, message: str) -> None:
    """One final error that names what was given and what is accepted."""
    with server.open(query) as client:
        assert client.hear_all() == 1008
    (error,) = client.told
    assert (error["type"], error["final"]) == ("error", True)
    assert error["code"] in ("invalid_parameter", "invalid_samples")
    assert message in error["message"]


def test_a_key_keeps_its_side_of_a_canary(tmp_path: Path) -> None:
    """By the header, or by the query where a browser cannot set one; the header wins."""
    with running(tmp_path) as server:
        first, second = (server.service.prepared(name) for name in ("first", "second"))
        route = Route(first, second, 0.5)
        server.service.board.switch(route)
        for key in "abcdef":
            for opening in (server.open(f"key={key}"), server.open("key=other", X_Segue_Key=key)):
                with opening as client:
                    assert client.hear("ready")["model"]["version"] == route.choose(key)


# -- who may -------------------------------------------------------------------------------------------------------


def test_the_token_where_detection_is_not_open(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """By header or subprotocol; without it, or with another, 401 in the form of every error, and no stream.

    That is no fault of the server, and not in its log.
    """
    with running(tmp_path, is_open=False) as server:
        server.service.serve("first")
        token = server.service.token
        refused: list[dict[str, Any]] = [
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": f"Basic {token}"},
            {"Authorization": ""},
            {"protocols": ["bearer.wrong"]},
            {"protocols": [token]},
            {"protocols": [f"bearer.{token}"], "Authorization": "Bearer wrong"},
        ]
        for given in refused:
            with pytest.raises(InvalidStatus) as caught, server.open(**given):
                pass
            response = caught.value.response
            assert response.status_code == 401
            error = json.loads(response.body or b"")["error"]
            assert error["code"] == "unauthorized"
            assert error["request_id"] == response.headers["X-Request-ID"]
            assert token not in error["message"]
        taken: list[tuple[dict[str, Any], str | None]] = [
            ({"Authorization": f"Bearer {token}"}, None),
            ({"Authorization": f"bearer {token}"}, None),
            ({"protocols": [f"bearer.{token}"]}, f"bearer.{token}"),
            ({"protocols": ["segue", f"bearer.{token}"]}, "segue"),
        ]
        for given, spoken in taken:
            with server.open(**given) as client:
                client.hear("ready")
                assert client.connection.subprotocol == spoken
        server.wait(server.service.is_given_back)
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


def test_no_token_is_asked_for_where_detection_is_open(server: Running) -> None:
    """Nor looked at."""
    for given in ("", "Bearer wrong"):
        with server.open(Authorization=given) as client:
            client.hear("ready")


# -- what does not belong ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        pcm16(talk(1, 0.5)).tobytes(),
        np.array([0.1, np.nan], "<f4").tobytes(),
        np.array([np.inf], "<f4").tobytes(),
        np.array([9.0], "<f4").tobytes(),
    ],
    ids=["pcm16", "NaN", "infinite", "not scaled"],
)
def test_what_is_no_float32_audio_is_left_out_and_said(server: Running, wrong: bytes) -> None:
    """An error that is not final; the stream goes on as if it had not been sent."""
    exact = pcm16(SAID).astype("<f4") / np.float32(32768)
    with server.open("encoding=float32") as client:
        client.say(exact[:RATE])
        client.connection.send(wrong)
        error = client.hear("error")
        assert (error["code"], error["final"]) == ("invalid_samples", False)
        client.say(exact[RATE:])
        client.finish()
        assert client.hear_all() == 1000
    assert [message for message in client.told if message["type"].startswith("speech")] == expected()


@pytest.mark.parametrize(
    "text", ["", "finish", "{}", '{"type": "start"}', '{"type": "finish", "now": true}', "[" * 100_000, "AAAA"]
)
def test_text_where_audio_belongs_closes_with_1003(server: Running, text: str) -> None:
    """One final error that says what a text may be."""
    with server.open() as client:
        client.hear("ready")
        client.connection.send(text)
        assert client.hear_all() == 1003
    error = client.told[-1]
    assert (error["code"], error["final"]) == ("unsupported_media_type", True)
    assert '{"type": "finish"}' in error["message"]


def test_after_finish_nothing_is_taken(server: Running) -> None:
    """A second finish says nothing new; audio is an error, if the stream has not ended by then."""
    gate = server.service.troubles["first"]
    gate.raising = 10**6  # so that it cannot end
    try:
        with server.open() as client:
            client.say(pcm16(SAID))
            client.finish()
            client.finish()
            client.say(pcm16(SAID))
            assert client.hear_all() == 1008
        assert client.told[-1]["code"] == "stream_finished"
    finally:
        gate.heal()


def test_text_that_is_no_text_closes_with_1007(server: Running) -> None:
    """And gives everything back."""
    with server.raw() as raw:
        raw.sendall(frame(b"\xff\xfe", opcode=1))
        said = b""
        with suppress(ConnectionResetError):
            while data := raw.recv(4096):
                said += data
        assert b"\x03\xef" in said  # 1007
    server.wait(server.service.is_given_back)


def test_a_message_of_more_than_a_megabyte_closes_with_1009(server: Running) -> None:
    """One of a megabyte is taken."""
    with server.open() as client:
        client.hear("ready")
        client.connection.send(bytes(2**20))
        client.connection.send(bytes(2**20 + 2))
        assert client.hear_all() == 1009
    server.wait(server.service.is_given_back)


# -- limits --------------------------------------------------------------------------------------------------------


def test_more_streams_than_there_is_room_for_are_told_to_come_again(tmp_path: Path) -> None:
    """1013 with the reason; when one ends the next is taken."""
    with running(tmp_path, max_streams=2) as server:
        server.service.serve("first")
        with server.open() as first, server.open() as second:
            first.hear("ready")
            second.hear("ready")
            with server.open() as third:
                assert third.hear_all() == 1013
            assert [(message["code"], message["final"]) for message in third.told] == [("overloaded", True)]
            first.finish()
            assert first.hear_all() == 1000
            server.wait(lambda: server.service._stream_admission.taken == 1)
            with server.open() as fourth:
                fourth.hear("ready")


def test_before_anything_serves_a_stream_is_told_to_come_again(tmp_path: Path) -> None:
    """1013, and what the service waits for."""
    with running(tmp_path) as server, server.open() as client:
        assert client.hear_all() == 1013
        assert [message["code"] for message in client.told] == ["not_ready"]


def test_a_client_that_brings_nothing_is_closed(tmp_path: Path) -> None:
    """After the idle time, with 1008; one that brings audio now and then is not."""
    with running(tmp_path, stream_idle_s=0.4) as server:
        server.service.serve("first")
        with server.open() as idle, server.open() as alive:
            for _ in range(4):
                alive.say(pcm16(SAID[:160]))
                with suppress(TimeoutError):
                    alive.connection.recv(0.2)
            assert idle.hear_all() == 1008
            assert idle.told[-1]["code"] == "body_too_slow"
            alive.finish()
            assert alive.hear_all() == 1000
        server.wait(server.service.is_given_back)


def test_a_client_that_reads_nothing_costs_bounded_memory_and_is_closed(tmp_path: Path) -> None:
    """The server stops reading its audio, holds a few megabytes at most, and hangs up after the idle time."""
    with running(tmp_path, stream_idle_s=1.0, send_bytes=4_096) as server:
        server.service.serve("first")
        with server.raw("encoding=float32", read_bytes=4_096) as raw:
            raw.settimeout(0.5)
            wrong = frame(np.full(100, np.nan, "<f4").tobytes()) * 100  # each of them is answered with an error
            tracemalloc.start()
            sent = 0
            try:
                with suppress(TimeoutError):
                    while sent < _MUCH_BYTES:
                        raw.sendall(wrong)
                        sent += len(wrong)
                held, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert sent < _MUCH_BYTES, "it goes on reading"
            assert held < 5e6
            assert peak < 10e6
            server.wait(server.service.is_given_back)
            server.wait(lambda: server.connections == 0)  # though much was not read yet


def test_a_client_that_reads_nothing_after_its_finish_is_closed(tmp_path: Path) -> None:
    """Also where what is left to be said is less than what stops the reading."""
    with running(tmp_path, stream_idle_s=0.5, send_bytes=4_096) as server:
        server.service.serve("first")
        with server.raw("encoding=float32", read_bytes=4_096) as raw:
            raw.sendall(frame(np.full(1, np.nan, "<f4").tobytes()) * 450)
            raw.sendall(frame(b'{"type": "finish"}', opcode=1))
            server.wait(server.service.is_given_back)
            server.wait(lambda: server.connections == 0)


@pytest.mark.parametrize("size", [2, 32_000])
def test_audio_that_nobody_detects_is_not_read_without_an_end(server: Running, size: int) -> None:
    """While a call hangs, ten seconds of audio wait, in at most a thousand messages; then the socket is not read."""
    with server.raw() as raw:
        server.wait(lambda: server.service.leases == 1)
        (live,) = server.service._rounds.streams()
        server.wait(live.claim)  # as a call that hangs would have it
        raw.settimeout(0.3)
        sent, messages = 0, frame(bytes(size)) * (100 if size == 2 else 1)
        with suppress(TimeoutError):
            while sent < _MUCH_BYTES:
                raw.sendall(messages)
                sent += len(messages)
        assert sent < _MUCH_BYTES
        assert live.waiting_samples <= 10 * RATE + size
        assert live.waiting_chunks <= 1_001
        live.release()
    server.wait(server.service.is_given_back)


def test_a_stream_that_waits_is_not_taken_for_a_dead_connection(server: Running) -> None:
    """While its audio is not read neither is its pong: only after the idle time may that count against it."""
    timeout_s = server.config.ws_ping_timeout
    assert timeout_s is not None
    assert timeout_s > server.service.settings.stream_idle_s


# -- sudden ends ---------------------------------------------------------------------------------------------------


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize("after", ["opening", "audio", "finish", "half a frame", "closing"])
def test_a_client_that_vanishes_leaves_nothing_behind(server: Running, after: str) -> None:
    """A reset at any moment: its stream, its place and its leases are given back."""
    raw = server.raw()
    if after in ("audio", "finish"):
        raw.sendall(frame(pcm16(SAID[:RATE]).tobytes()))
    if after == "finish":
        raw.sendall(frame(b'{"type": "finish"}', opcode=1))
    if after == "half a frame":
        raw.sendall(frame(pcm16(SAID[:RATE]).tobytes())[:999])
    if after == "closing":
        raw.sendall(frame(struct.pack("!H", 1000), opcode=8))
    _reset(raw)
    server.wait(server.service.is_given_back)


def test_a_client_that_vanishes_after_its_finish_is_noticed_though_nothing_can_be_said(tmp_path: Path) -> None:
    """While its version fails and no message comes."""
    with running(tmp_path) as server:
        server.service.serve("first")
        server.service.troubles["first"].raising = 10**6
        with server.open() as client:
            client.say(pcm16(SAID))
            client.finish()
            client.hear("error")
            _reset(client.connection.socket)
            server.wait(server.service.is_given_back)
        server.service.troubles["first"].heal()


@pytest.mark.parametrize("finishes", [True, False])
def test_what_is_never_detected_ends_the_stream(tmp_path: Path, finishes: bool) -> None:
    """Where nothing serves for the idle time: 1013, also where the client goes on sending."""
    with running(tmp_path, stream_idle_s=0.5) as server:
        version = server.service.serve("first")
        with server.open() as client:
            client.hear("ready")
            server.service.board.fail(version, "told to")
            if finishes:
                client.finish()
            else:
                client.say(np.zeros(12 * RATE, "<i2"), pieces=2**18)
            assert client.hear_all() == 1013
        assert [message["code"] for message in client.of("error")] == ["not_ready", "overloaded"]
        server.wait(server.service.is_given_back)


# -- the service's own ends ----------------------------------------------------------------------------------------


def test_a_server_that_stops_tells_its_streams_and_ends_them_whole(tmp_path: Path) -> None:
    """shutting_down, the end of the open utterance, finished, and 1012: come again."""
    with running(tmp_path) as server:
        server.service.serve("first")
        with server.open("max_single_segment_time=60000") as client, server.open() as quiet:
            quiet.hear("ready")
            client.say(pcm16(np.full(RATE, 0.9, np.float32)))
            client.hear("speech_started")
            server.stop()
            assert client.hear_all() == 1012
            assert quiet.hear_all() == 1012
        assert [message["type"] for message in client.told] == [
            "ready",
            "speech_started",
            "error",
            "speech_ended",
            "finished",
        ]
        error, ended, finished = client.told[2:]
        assert (error["code"], error["final"]) == ("shutting_down", False)
        assert ended == {"type": "speech_ended", "start_ms": 0, "end_ms": 1000}
        assert finished["duration_ms"] == 1000
        assert [message["type"] for message in quiet.told] == ["ready", "error", "finished"]


def test_a_stream_that_no_version_can_take_over_is_counted_as_elsewhere(tmp_path: Path) -> None:
    """It goes on to its end on the old version, which waits for it; the status says that it is elsewhere."""
    with running(tmp_path) as server:
        old = server.service.serve("first")
        with server.open() as client:
            client.say(pcm16(SAID[:RATE]))
            client.hear("speech_started")
            server.service.serve("other", Weights(0.3, frame_ms=20))
            client.say(pcm16(SAID[RATE:]))
            server.wait(lambda: server.service.status().streams.elsewhere == 1)
            report = {version.version: version for version in server.service.status().versions}
            assert report[old].streams == 1
            client.finish()
            assert client.hear_all() == 1000
        assert [message for message in client.told if message["type"].startswith("speech")] == expected()
        server.wait(lambda: server.service.status().streams.elsewhere == 0)
        server.wait(server.service.is_given_back)
