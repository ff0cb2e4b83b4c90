"""Sessions over a real server, with OpenAI's own clients and without: detection, orders, and what goes wrong."""

import asyncio
import itertools
import json
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from openai import AsyncOpenAI

from segue.edges.realtime.audio_format import AudioFormat
from segue.edges.realtime.turn_detection import TurnDetection
from segue.speech.detector import Detector
from segue.speech.stream import DetectorStream
from tests.edges.realtime.talking import RATE, at_rate, client, encoded, hear, pair, raw, said, told
from tests.edges.streaming import PATIENCE_S, Running, running
from tests.service.voices import Weights, talk

pytestmark = pytest.mark.filterwarnings("ignore:connect.. must be used as a context manager:DeprecationWarning")
"""OpenAI's client that is not async uses websockets 17 in the way of before."""

TURNS = TurnDetection(0.6, 200, 300)
VAD: dict[str, Any] = {
    "type": "server_vad",
    "threshold": 0.6,
    "prefix_padding_ms": 200,
    "silence_duration_ms": 300,
}


@pytest.fixture(scope="module")
def audio(speech: NDArray[np.float32]) -> NDArray[np.int16]:
    """12 s of it at 24 kHz."""
    return at_rate(speech[: 12 * 16_000])


def sizes(name: str) -> Callable[[], int]:
    """Bytes of each event."""
    random = np.random.default_rng(1)
    return {"even": lambda: 4_800, "odd": lambda: 1_237, "random": lambda: int(random.integers(1, 20_000))}[name]


def pieces(data: bytes, size: Callable[[], int]) -> list[bytes]:
    found, at = [], 0
    while at < len(data):
        found.append(data[at : (at := at + size())])
    return found


# -- detection, by clients that others wrote ------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["even", "odd", "random"])
def test_openai_s_client_is_told_what_our_detector_says(
    real: Running, detector: Detector, audio: NDArray[np.int16], how: str
) -> None:
    """In the current shape, whatever the sizes of the appends, also in the middle of a sample."""
    with client(real).realtime.connect(model="fsmn-vad") as connection:
        assert connection.recv().type == "session.created"
        asked: Any = {"type": "transcription", "audio": {"input": {"turn_detection": VAD}}}
        connection.session.update(session=asked)
        updated: Any = connection.recv()
        assert (updated.type, updated.session.type) == ("session.updated", "transcription")
        assert updated.session.audio.input.turn_detection.silence_duration_ms == 300
        for piece in pieces(audio.tobytes(), sizes(how)):
            connection.input_audio_buffer.append(audio=encoded(piece))
        connection.input_audio_buffer.clear()
        events = hear(connection, "input_audio_buffer.cleared")
    expected = said(detector, audio, TURNS)
    assert told(events) == expected
    assert len(expected) >= 4
    items = [event.item_id for event in events if event.type == "input_audio_buffer.committed"]
    assert len(items) == len(set(items)) == sum(kind == "stopped" for kind, _ in expected)


@pytest.mark.parametrize("law", ["pcmu", "pcma"])
def test_openai_s_async_client_with_telephone_audio(
    real: Running, detector: Detector, speech: NDArray[np.float32], law: Any
) -> None:
    """G.711 at 8 kHz: what is told is what the decoded samples are."""
    data = _g711(at_rate(speech[: 8 * 16_000], 8_000), law)
    samples = AudioFormat(law, 8_000).samples(data)

    async def session() -> list[Any]:
        place = f"{real.host}:{real.port}/v1"
        async with AsyncOpenAI(api_key="x", base_url=f"http://{place}").realtime.connect() as connection:
            asked: Any = {"format": {"type": f"audio/{law}"}, "turn_detection": VAD}
            await connection.session.update(session={"type": "realtime", "audio": {"input": asked}})
            for piece in pieces(data, sizes("odd")):
                await connection.input_audio_buffer.append(audio=encoded(piece))
            await connection.input_audio_buffer.clear()
            events = []
            async for event in connection:
                events.append(event)
                if event.type == "input_audio_buffer.cleared":
                    return events
            return events

    events = asyncio.run(session())
    expected = said(detector, samples, TURNS, rate=8_000)
    assert told(events) == expected
    assert expected


def test_openai_s_beta_client(real: Running, detector: Detector, audio: NDArray[np.int16]) -> None:
    """The flat shape, by the client of the package that speaks it; one event announces an item."""
    with client(real).beta.realtime.connect(model="fsmn-vad") as connection:
        assert connection.recv().type == "session.created"
        connection.session.update(session={"input_audio_format": "pcm16", "turn_detection": VAD})  # type: ignore[typeddict-item]  # a dict of its fields
        updated: Any = connection.recv()
        assert updated.session.turn_detection.threshold == 0.6
        for piece in pieces(audio.tobytes(), sizes("even")):
            connection.input_audio_buffer.append(audio=encoded(piece))
        connection.input_audio_buffer.clear()
        events = hear(connection, "input_audio_buffer.cleared")
    assert told(events) == said(detector, audio, TURNS)
    kinds = [event.type for event in events if event.type.startswith("conversation")]
    assert set(kinds) == {"conversation.item.created"}


def test_defaults_are_openai_s_but_for_the_threshold(
    real: Running, detector: Detector, audio: NDArray[np.int16]
) -> None:
    """Without an update: 24 kHz, 300 and 500 ms; the model's own threshold."""
    with raw(real) as session:
        session.append(audio, pieces=48_000)
        session.clear()
    turns = session.told[0]["session"]["audio"]["input"]["turn_detection"]
    assert (turns["threshold"], turns["prefix_padding_ms"], turns["silence_duration_ms"]) == (0.8, 300, 500)
    assert told(session.told) == said(detector, audio, TurnDetection())


# -- orders --------------------------------------------------------------------------------------------------------


def test_an_update_in_the_middle_leaves_a_turn_open_and_loses_no_time(
    real: Running, detector: Detector, audio: NDArray[np.int16]
) -> None:
    """What is asked then decides from there on; times go on; the answer comes in the order of the audio."""
    cut = _inside_a_turn(detector, audio)
    with raw(real) as session:
        session.send("session.update", session={"turn_detection": VAD})
        session.append(audio[:cut], pieces=9_600)
        session.send("session.update", session={"turn_detection": VAD | {"silence_duration_ms": 900}})
        session.append(audio[cut:], pieces=9_600)
        session.clear()
    first, last = session.of("session.updated")
    assert (first["session"]["turn_detection"]["silence_duration_ms"], len(told(session.told))) != (900, 0)
    before = told(session.told[: session.told.index(last)])
    stream = DetectorStream(detector.scorer, detector.rules, sample_rate=RATE, asked=TURNS.asked)
    expected = [pair(event) for event in stream.accept(audio[:cut])]
    assert before == expected
    assert expected[-1][0] == "started"
    stream.ask(TurnDetection(0.6, 200, 900).asked)
    expected += [pair(event) for event in stream.accept(audio[cut:])]
    assert told(session.told) == expected != said(detector, audio, TURNS)


def test_a_turn_that_is_the_client_s_own_to_end(real: Running, audio: NDArray[np.int16]) -> None:
    """With turn detection null nothing is told of speech; a commit makes an item, of 100 ms at least."""
    with raw(real) as session:
        session.send("session.update", session={"turn_detection": None})
        assert session.hear("session.updated")["session"]["turn_detection"] is None
        session.append(audio[: RATE // 20])
        session.send("input_audio_buffer.commit", event_id="early")
        error = session.hear("error")["error"]
        assert (error["code"], error["event_id"]) == ("input_audio_buffer_commit_empty", "early")
        session.append(audio, pieces=48_000)
        session.send("input_audio_buffer.commit")
        item = session.hear("input_audio_buffer.committed")["item_id"]
        session.append(audio[:RATE])
        session.send("input_audio_buffer.commit")
        assert session.hear("input_audio_buffer.committed")["previous_item_id"] == item
        assert told(session.told) == []


def test_turn_detection_that_comes_later_knows_what_time_it_is(
    real: Running, detector: Detector, audio: NDArray[np.int16]
) -> None:
    """Audio that nobody listened to counts: times are the session's."""
    with raw(real) as session:
        session.send("session.update", session={"turn_detection": None})
        session.append(np.zeros(3 * RATE, np.int16))
        session.send("session.update", session={"turn_detection": VAD})
        session.append(audio, pieces=48_000)
        session.clear()
    assert told(session.told) == [(kind, at_ms + 3_000) for kind, at_ms in said(detector, audio, TURNS)]


def test_turn_detection_off_and_on_inside_an_utterance(
    real: Running, detector: Detector, audio: NDArray[np.int16]
) -> None:
    """It stops where it is switched off, and begins there again; no time is in two turns."""
    cut = _inside_a_turn(detector, audio)
    with raw(real) as session:
        session.send("session.update", session={"turn_detection": VAD})
        session.append(audio[:cut], pieces=9_600)
        session.send("session.update", session={"turn_detection": None})
        session.send("session.update", session={"turn_detection": VAD})
        session.append(audio[cut:], pieces=9_600)
        session.clear()
    expected = said(detector, audio, TURNS)
    number = len(said(detector, audio[:cut], TURNS))
    at_ms = cut * 1000 // RATE
    assert told(session.told) == [*expected[:number], ("stopped", at_ms), ("started", at_ms), *expected[number:]]


def test_the_format_is_settled_with_the_first_audio(real: Running, audio: NDArray[np.int16]) -> None:
    """Before that it may change as often as one likes; then it is refused, and the session goes on as it was."""
    with raw(real) as session:
        for name in ("g711_ulaw", "g711_alaw", "pcm16"):
            session.send("session.update", session={"input_audio_format": name})
            assert session.hear("session.updated")["session"]["input_audio_format"] == name
        session.append(audio[:RATE])
        session.send("session.update", session={"input_audio_format": "g711_ulaw"})
        assert session.hear("error")["error"]["code"] == "format_settled"
        session.send("session.update", session={"input_audio_format": "pcm16"})
        session.hear("session.updated")


# -- what goes wrong ------------------------------------------------------------------------------------------------


def test_what_is_no_event_is_an_error_and_the_session_goes_on(
    real: Running, detector: Detector, audio: NDArray[np.int16]
) -> None:
    """Garbage between the appends of a stream: an error each, and the events of the audio alone."""
    garbage: list[tuple[str | bytes, str, str | None]] = [
        ("{", "invalid_json", None),
        ("", "invalid_json", None),
        (b"\x00\x01", "invalid_json", None),
        ("[1]", "invalid_json", None),
        ("[" * 100_000, "invalid_json", None),
        ("{}", "invalid_value", "type"),
        ('{"type": 7}', "invalid_value", "type"),
        ('{"type": "response.create", "event_id": "\\ud800"}', "invalid_value", "type"),
        ('{"type": "input_audio_buffer.append"}', "invalid_value", "audio"),
        ('{"type": "input_audio_buffer.append", "audio": [1]}', "invalid_value", "audio"),
        ('{"type": "input_audio_buffer.append", "audio": "no base64!"}', "invalid_value", "audio"),
        ('{"type": "input_audio_buffer.append", "audio": "é"}', "invalid_value", "audio"),
        ('{"type": "input_audio_buffer.append", "audio": "AAA"}', "invalid_value", "audio"),
        ('{"type": "session.update"}', "invalid_value", "session"),
        ('{"type": "session.update", "session": {"turn_detection": 7}}', "invalid_value", "session.turn_detection"),
    ]
    parts = np.array_split(audio, len(garbage))
    with raw(real) as session:
        session.send("session.update", session={"turn_detection": VAD})
        for part, (text, _, _) in zip(parts, garbage, strict=True):
            session.append(part)
            session.connection.send(text)
        session.send("input_audio_buffer.append", audio="")
        session.clear()
    errors = [event["error"] for event in session.of("error")]
    assert [(error["code"], error["param"]) for error in errors] == [(code, param) for _, code, param in garbage]
    assert {error["type"] for error in errors} == {"invalid_request_error"}
    assert told(session.told) == said(detector, audio, TURNS)


def test_an_error_names_the_event_that_it_is_about(real: Running) -> None:
    """By the ID that the client gave it, which is not said back at any length."""
    with raw(real) as session:
        session.send("session.update", event_id="mine", session={"turn_detection": {"threshold": 2}})
        error = session.hear("error")["error"]
        assert (error["event_id"], error["param"]) == ("mine", "session.turn_detection.threshold")
        session.send("nothing", event_id="x" * 100_000)
        assert len(session.hear("error")["error"]["event_id"]) <= 512


def test_a_message_that_is_too_large_ends_the_session(real: Running) -> None:
    """Of more than 1 MiB: 1009, and what it held comes back."""
    with raw(real) as session:
        session.append(bytes(2**20))
        assert session.hear_all() == 1009
    real.wait(real.service.is_given_back)


def test_the_model_is_replaced_under_a_session(tmp_path: Path, detector: Detector, audio: NDArray[np.int16]) -> None:
    """OpenAI's clients are told what they would have been without it, and pass over the event that says so."""
    with running(tmp_path) as server:
        versions = [server.service.serve_real("0", detector)]
        with client(server).realtime.connect() as connection:
            asked: Any = {"type": "realtime", "audio": {"input": {"turn_detection": VAD}}}
            connection.session.update(session=asked)
            events: list[Any] = hear(connection, "session.updated")
            for number, part in enumerate(np.array_split(audio, 5)):
                if number:
                    versions.append(server.service.serve_real(str(number), detector))
                connection.input_audio_buffer.append(audio=encoded(part.tobytes()))
                connection.send({"type": "input_audio_buffer.clear"})
                events += hear(connection, "input_audio_buffer.cleared")
        changes = [event.to_dict() for event in events if event.type == "segue.model_changed"]
        assert [(change["from"], change["to"]) for change in changes] == list(itertools.pairwise(versions))
        assert [kind for kind, _ in told(events)] == [kind for kind, _ in said(detector, audio, TURNS)]
        server.wait(server.service.is_given_back)


def test_a_version_that_fails_is_an_error_and_nothing_is_lost(tmp_path: Path) -> None:
    """A server error, once; after a switch the events are whole, and orders are answered in their turn."""
    with running(tmp_path) as server:
        server.service.serve("first")
        with raw(server) as session:
            session.hear("session.created")
            server.service.troubles["first"].raising = 10**6
            session.append(at_rate(talk(3, 2.0)))
            assert session.hear("error")["error"]["type"] == "server_error"
            session.send("input_audio_buffer.commit")
            server.service.serve("second", Weights(0.3))
            session.append(at_rate(talk(4, 2.0)))
            assert session.hear("input_audio_buffer.committed")
            session.clear()
        assert told(session.told)
        server.wait(server.service.is_given_back)


def test_who_brings_nothing_is_told_and_sent_away(tmp_path: Path) -> None:
    """After the idle time: an error, and 1008."""
    with running(tmp_path, stream_idle_s=0.3) as server:
        server.service.serve("first")
        with raw(server) as session:
            assert session.hear_all() == 1008
        assert session.told[-1]["error"]["code"] == "body_too_slow"
        server.wait(server.service.is_given_back)


@pytest.mark.parametrize("flood", ["errors", "orders", "audio"])
def test_who_reads_nothing_is_not_read_either(tmp_path: Path, flood: str) -> None:
    """Whatever it sends, what it keeps is bounded; when it goes, or its time is up, all comes back."""
    with running(tmp_path, stream_idle_s=1.0, send_bytes=4_096) as server:
        server.service.serve("first")
        sent = {
            "errors": b"{",
            "orders": b'{"type":"input_audio_buffer.clear"}',
            "audio": json.dumps({"type": "input_audio_buffer.append", "audio": encoded(bytes(40_000))}).encode(),
        }[flood]
        going_on = threading.Event()
        if flood == "audio":  # else it is detected as fast as it comes
            server.service.troubles["first"].during = going_on.wait
        with _deaf(server) as connection:
            frame = _frame(sent)
            with suppress(OSError):  # a timeout or a reset: it is not read any more
                for _ in range(400):
                    connection.sendall(frame * (2**20 // len(frame)))
                pytest.fail("400 MB were read")
            server.wait(lambda: not server.service._stream_admission.taken)
        going_on.set()
        server.wait(server.service.is_given_back)


def test_fifty_sessions_at_once_with_switches_and_abrupt_ends(tmp_path: Path) -> None:
    """Every second one is cut off in the middle; the others are told the same; nothing is left of any."""
    said_by: list[list[tuple[str, int]]] = []
    patient: Any = {"open_timeout": 60}
    heard = at_rate(talk(3, 3.0))
    with running(tmp_path) as server:
        server.service.serve("0")

        async def session(openai: AsyncOpenAI, number: int) -> None:
            async with openai.realtime.connect(websocket_connection_options=patient) as connection:
                for piece in pieces(heard.tobytes(), lambda: 4_801):
                    await connection.input_audio_buffer.append(audio=encoded(piece))
                if number % 2:
                    transport: Any = connection._connection.transport
                    transport.abort()
                    return
                await connection.input_audio_buffer.clear()
                events = []
                async for event in connection:
                    events.append(event)
                    if event.type == "input_audio_buffer.cleared":
                        break
                said_by.append(told(events))

        async def crowd() -> None:
            openai = AsyncOpenAI(api_key="x", base_url=f"http://{server.host}:{server.port}/v1")
            await asyncio.gather(*(session(openai, number) for number in range(50)), _switches(server))

        asyncio.run(crowd())
        server.wait(server.service.is_given_back)
    assert len(said_by) == 25
    assert all(said == said_by[0] for said in said_by)
    assert said_by[0]


async def _switches(server: Running) -> None:
    for number in range(1, 6):
        await asyncio.to_thread(server.service.serve, str(number))


def _inside_a_turn(detector: Detector, audio: NDArray[np.int16]) -> int:
    """A sample, a whole number of frames, at which a turn is open, well after its start and before its end."""
    pairs = said(detector, audio, TURNS)
    started_ms = next(at_ms for kind, at_ms in pairs if kind == "started")
    stopped_ms = next(at_ms for kind, at_ms in pairs if kind == "stopped")
    return (started_ms + stopped_ms) // 20 * 10 * RATE // 1000


def _g711(samples: NDArray[np.int16], law: Any) -> bytes:
    """The byte of each sample that decodes to what is nearest."""
    table = AudioFormat(law, 8_000).samples(bytes(range(256))).astype(np.int32)
    order = np.argsort(table, kind="stable")
    middles = (table[order][1:] + table[order][:-1]) / 2
    return order[np.searchsorted(middles, samples)].astype(np.uint8).tobytes()


def _frame(payload: bytes) -> bytes:
    """A client's text frame, masked with zeros."""
    size = len(payload)
    head = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size) if size < 2**16 else b""
    return b"\x81" + head + bytes(4) + payload


def _deaf(server: Running) -> socket.socket:
    """A session whose client reads nothing."""
    deaf = socket.socket()
    deaf.settimeout(PATIENCE_S)
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    deaf.connect((server.host, server.port))
    lines = (
        "GET /v1/realtime HTTP/1.1",
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    )
    deaf.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode())
    assert b" 101 " in deaf.recv(64)
    deaf.settimeout(0.5)
    return deaf
