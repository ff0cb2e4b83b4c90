"""The model of a real server is replaced, again and again, while people use it, and nobody notices.

Small forms run with the other tests; ``make drills`` runs the same code with the numbers of docs/reliability.md.
"""

import json
import random
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from websockets.sync.client import ClientConnection, connect

from scripts.speech import Samples
from segue.speech.segmenter import SpeechStarted
from segue.swap import VersionId
from tests.e2e.drill import Operator, full, recordings, report, small
from tests.e2e.load import RATE, FileClients, Heard, Live, LiveStreams, encoded
from tests.e2e.server import SEGUE, Server, home_with, until
from tests.e2e.truth import Truth, check_acknowledged, check_lives
from tests.e2e.variants import Variant, twin, variant, variants

ASKS: Sequence[Mapping[str, str]] = (
    {},
    {"probabilities": "true"},
    {"mode": "dynamic"},
    {"max_end_silence_time": "600"},
)
POLICIES: Sequence[Mapping[str, str]] = (
    {},
    {"probabilities": "true"},
    {"max_end_silence_time": "500"},
    {"mode": "dynamic"},
    {"policy": "at-silence"},
    {"policy": "at-silence", "deadline_s": "1"},
    {"policy": "pin"},
    {"policy": "pin", "deadline_s": "2"},
)
CHUNKS_MS = (200, 100, 37, 1000, 333)
SCHEDULES: Sequence[Mapping[str, str]] = (
    {},
    {"mode": "dynamic", "chunk_size": "2000", "silence_schedule": "3000:1200,6000:600,inf:200"},
)


@pytest.fixture
def home(tmp_path: Path, model_directory: Path) -> Path:
    return home_with(tmp_path / "home", model_directory)


@pytest.fixture
def six(home: Path, tmp_path: Path, model_directory: Path) -> list[Variant]:
    return variants(home, model_directory, tmp_path)


# -- files and streams under way -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many use the service, and how often it changes under them."""

    switches: int
    clients: int = 16
    streams: int = 32


@pytest.mark.parametrize("size", [small(Crowd(25)), full(Crowd(500))])
def test_nobody_notices(size: Crowd, home: Path, six: list[Variant], long_speech: Samples) -> None:
    """Under files and live streams the version changes, to warm ones, to such that must be loaded, and back: no request
    fails, no stream breaks, and each answer is right for the version that it names.

    What begins after the acknowledgement of a change is answered by the new version; no version answers when it is not
    loaded; and in the end all leases are back.
    """
    truth, chance, files = Truth(six), random.Random(0), recordings(long_speech, 12, seconds=9)
    with Server(home, max_resident=2) as server:
        operator = Operator(server)
        operator.switch(six[0])
        with (
            FileClients(server, files, ASKS, clients=size.clients) as clients,
            LiveStreams(server, _lives(size.streams), long_speech) as streams,
        ):
            until(lambda: streams.all(lambda heard: bool(heard.version)), "all streams are open")
            for number in range(size.switches):
                if number % 10 == 9:
                    operator.rollback()
                else:
                    operator.switch(chance.choice([each for each in six if each.version != operator.serving]))
                _use_it(clients, streams, operator.serving, chance)
        until(lambda: not server.status()["streams"]["open"], "all streams are closed")
        until(lambda: not any(each["leases"] for each in server.status()["versions"]), "all leases are back")
        status = server.status()
        assert not any(each["errors"] or each["stranded"] or each["failure"] for each in status["versions"])
        assert status["requests"]["refused"] == 0
        for answer in clients.answers:
            truth.check_file(answer, files[answer.number])
        moves = [truth.check_stream(heard) for heard in streams.heard]
        quiet = check_acknowledged(clients.answers, operator.done)
        closed = check_lives(server, clients.answers)
    assert not any(move for heard, move in zip(streams.heard, moves, strict=True) if _is_pinned(heard))
    report(
        f"{size.switches} switches under {size.clients} file clients and {size.streams} live streams",
        files=len(clients.answers),
        of_which_with_no_switch_under_way=quiet,
        seconds_of_audio_in_streams=round(sum(heard.sent_samples / heard.live.rate for heard in streams.heard)),
        changes_of_version_in_streams=sum(moves),
        versions_closed_meanwhile=closed,
        ms_of_a_switch=f"{operator.took_ms[size.switches // 2]:.0f} (most {operator.took_ms[-1]:.0f})",
    )


def _lives(count: int) -> list[Live]:
    """Of all policies, chunk sizes, rates and encodings, in real time and three times as fast."""
    return [
        Live(
            POLICIES[number % len(POLICIES)],
            chunk_ms=CHUNKS_MS[number % len(CHUNKS_MS)],
            speed=1 if number % 3 else 3,
            rate=(RATE, RATE, 8_000, RATE, 44_100)[number % 5],
            encoding="float32" if number % 4 == 3 else "pcm16",
            start_s=number * 4.3,
        )
        for number in range(count)
    ]


def _is_pinned(heard: Heard) -> bool:
    return heard.policy == "pin" and "deadline_s" not in heard.live.query


def _use_it(clients: FileClients, streams: LiveStreams, version: VersionId, chance: random.Random) -> None:
    """Now and then nothing is waited for, now and then some answers, now and then that all who follow have moved."""
    match chance.randrange(3):
        case 0:
            wanted = len(clients.answers) + 10
            until(lambda: len(clients.answers) >= wanted, "clients are answered")
        case 1:
            follow = "all who follow have moved"
            until(lambda: streams.all(lambda heard: heard.policy != "follow" or heard.version == version), follow)


@pytest.mark.parametrize("switches", [small(40), full(1000)])
def test_after_the_acknowledgement_nobody_gets_the_old_version(
    switches: int, home: Path, six: list[Variant], long_speech: Samples
) -> None:
    """Eight threads hammer a server that switches between warm versions: no answer whose request was begun after the
    acknowledgement of a switch names the version before it."""
    truth, files = Truth(six), recordings(long_speech, 8, seconds=2)
    with Server(home) as server:
        operator = Operator(server)
        for each in six:
            operator.switch(each)
        with FileClients(server, files, ({},), clients=8) as clients:
            for number in range(switches):
                wanted = len(clients.answers) + 24
                operator.switch(six[number % len(six)])
                until(lambda wanted=wanted: len(clients.answers) >= wanted, "clients are answered")  # type: ignore[misc]
        for answer in clients.answers:
            truth.check_file(answer, files[answer.number])
        quiet = check_acknowledged(clients.answers, operator.done)
    assert quiet > switches
    report(
        f"{switches} switches under 8 clients that hammer",
        files=len(clients.answers),
        of_which_with_no_switch_under_way=quiet,
        ms_of_a_switch=f"{operator.took_ms[switches // 2]:.0f} (most {operator.took_ms[-1]:.0f})",
    )


# -- a batch -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Batch:
    """How many files, and how many switches meanwhile."""

    files: int
    switches: int


@pytest.mark.parametrize("size", [small(Batch(60, 5)), full(Batch(1000, 20))])
def test_a_batch_is_whole(size: Batch, home: Path, six: list[Variant], long_speech: Samples, tmp_path: Path) -> None:
    """``segue detect --server`` while the version changes: a line for every file, once, in order, right for the version
    that it names."""
    truth, files = Truth(six), recordings(long_speech, size.files, seconds=20)
    (tmp_path / "batch").mkdir()
    names = [f"batch/{number:04}.wav" for number in range(size.files)]
    for name, content in zip(names, files, strict=True):
        (tmp_path / name).write_bytes(content)
    out = tmp_path / "out.jsonl"
    with Server(home) as server:
        operator = Operator(server)
        for each in reversed(six):
            operator.switch(each)
        command = [SEGUE, "detect", "batch", "--server", server.url, "--format", "jsonl"]
        with out.open("wb") as file:
            process = subprocess.Popen(command, stdout=file, cwd=tmp_path, env=server.environment)
        for number in range(size.switches):
            wanted = (number + 1) * size.files // (size.switches + 2)
            until(lambda wanted=wanted: out.read_bytes().count(b"\n") >= wanted, "results come")  # type: ignore[misc]
            operator.switch(six[(number + 1) % len(six)])
        assert process.wait(600) == 0
    found = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert [line["file"] for line in found] == names
    for line, content in zip(found, files, strict=True):
        detection = truth.detection(content, VersionId(line["model"]["version"]), {})
        expected = [{"start_ms": segment.start_ms, "end_ms": segment.end_ms} for segment in detection.segments]
        assert (line["segments"], line["mode"]) == (expected, detection.mode)
    used = {line["model"]["version"] for line in found}
    assert used == {each.version for each in six}
    report(f"A batch of {size.files} files", switches=size.switches, versions_that_answered=len(used))


# -- equal weights -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Twins:
    """How often the streams are moved, for how much audio, in which chunks."""

    every_ms: int
    seconds: int
    chunks_ms: Sequence[float]


@pytest.mark.parametrize(
    "size",
    [
        small(Twins(200, 15, (1000 / RATE * 100, 20, 77.7, 200, 1000))),
        full(Twins(1000, 180, (1, 1000 / RATE * 100, 10, 20, 77.7, 100, 200, 333.3, 1000, 5000))),
    ],
)
def test_equal_weights_change_nothing(
    size: Twins, home: Path, tmp_path: Path, model_directory: Path, long_speech: Samples
) -> None:
    """Streams in chunks of any size, moved to and fro between copies of one model, are told exactly what a stream that
    is never moved is told, and that they were moved."""
    twins = [variant(f"twin {n}", twin(model_directory, tmp_path / f"twin{n}", f"{n}"), home) for n in (1, 2)]
    lives = [Live({"probabilities": "true", **asked}, chunk_ms) for chunk_ms in size.chunks_ms for asked in SCHEDULES]
    truth, began_s = Truth(twins), time.monotonic()
    with Server(home) as server:
        operator = Operator(server)
        operator.switch(twins[0])
        with ExitStack() as stack:
            streams = [stack.enter_context(_stepped(server, live, long_speech)) for live in lives]
            for step in range(size.seconds * 1000 // size.every_ms):
                for stream in streams:
                    stream.send_until((step + 1) * size.every_ms, operator.serving)
                operator.switch(twins[(step + 1) % 2])
            for stream in streams:
                stream.finish()
    moves = [truth.check_stream(stream.heard) for stream in streams]
    for stream in streams:
        assert stream.heard.messages[0]["type"] == "ready"
        told = [each for each in stream.heard.messages[1:-1] if each["type"].startswith("speech")]
        assert told == _undisturbed(twins[0], stream.heard)
    report(
        f"{len(operator.done) - 1} switches between equal weights, every {size.every_ms} ms of audio",
        streams=len(streams),
        changes_of_version=sum(moves),
        events=sum(len(_undisturbed(twins[0], stream.heard)) for stream in streams),
        times_real_time=f"{size.seconds / (time.monotonic() - began_s):.1f}",
    )


class _Stepped:
    """A live stream that is fed up to a moment of its audio, and waits until it was moved."""

    def __init__(self, heard: Heard, socket: ClientConnection) -> None:
        self.heard = heard
        self._socket = socket
        self._hear()

    def send_until(self, ms: float, version: VersionId) -> None:
        """Send the chunks that end by then; if there are any, it goes over to this version."""
        live, sent = self.heard.live, False
        while 1000 * (self.heard.sent_samples + live.chunk) <= ms * live.rate:
            self._socket.send(self.heard.next_chunk())
            sent = True
        while sent and self.heard.version != version:
            self._hear()

    def finish(self) -> None:
        """No audio follows; hear what is left."""
        self._socket.send('{"type": "finish"}')
        while self.heard.messages[-1]["type"] not in ("finished", "error"):
            self._hear()
        self._socket.close()
        self.heard.close_code = self._socket.close_code

    def _hear(self) -> None:
        self.heard.hear(json.loads(self._socket.recv(60)))


@contextmanager
def _stepped(server: Server, live: Live, track: Samples) -> Iterator[_Stepped]:
    url = server.websocket_url(sample_rate=live.rate, encoding=live.encoding, **live.query)
    with connect(url, compression=None, ping_interval=None) as socket:
        yield _Stepped(Heard(live, encoded(track, live.rate, live.encoding)), socket)


def _undisturbed(version: Variant, heard: Heard) -> list[dict[str, object]]:
    """What a stream of this version is told of the same audio, given at once."""
    asked = {name: value for name, value in heard.live.query.items() if name != "probabilities"}
    stream = version.detector.stream(sample_rate=heard.live.rate, **asked)
    return [
        {"type": "speech_started", "at_ms": event.at_ms}
        if isinstance(event, SpeechStarted)
        else {"type": "speech_ended", "start_ms": event.segment.start_ms, "end_ms": event.segment.end_ms}
        for event in (*stream.accept(np.asarray(heard.audio)), *stream.finish())
    ]
