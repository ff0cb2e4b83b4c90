"""A service as what finds the speech."""

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from segue.edges.batch.crew import Stopped
from segue.edges.batch.inputs import Input
from segue.edges.batch.outage import PATIENCE_S
from segue.edges.batch.remote import Remote
from segue.edges.batch.results import ResultDirectory
from segue.edges.batch.task import Outcome, Request, Task
from segue.errors import (
    ConnectionBroken,
    InvalidParameter,
    ServerRefused,
    ServerUnreachable,
    VersionNotReady,
)
from segue.settings import Settings
from segue.speech.formats import FORMATS
from tests.client.loopback import Asked, Loopback, refusal
from tests.edges.batch.contract import BROKEN, Contract
from tests.fakes import loudness_detector


class Clock:
    """Time passes only while somebody pauses; ``on_pause`` may then change the world."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.on_pause: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    def pause(self, seconds: float) -> None:
        with self._lock:
            self.now_s += seconds
            self.on_pause()


class Bench:
    """A service on the loopback interface, and what a batch has of it."""

    def __init__(self, home: Path, server: Loopback, contract: Contract) -> None:
        self.settings = Settings(home=home)
        self.server = server
        self.contract = contract
        self.clock = Clock()
        self.said: list[str] = []

    def remote(self, *, one_version: bool = False, url: str | None = None, **asked: Any) -> Remote:
        return Remote(
            url or self.server.url,
            asked,
            one_version=one_version,
            say=self.said.append,
            settings=self.settings,
            clock_s=lambda: self.clock.now_s,
            pause=self.clock.pause,
        )

    def sent(self) -> list[Asked]:
        return [asked for asked in self.server.asked if asked.path == "/v1/detect"]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    contract = Contract()
    with contract.running() as server:
        yield Bench(tmp_path / "home", server, contract)


@pytest.fixture
def clip(tmp_path: Path) -> str:
    """Two channels: a tone from the first to the second of four seconds, and silence."""
    samples = np.zeros((64_000, 2), dtype=np.float32)
    samples[16_000:32_000, 0] = 0.5
    soundfile.write(tmp_path / "clip.wav", samples, 16_000)
    return str(tmp_path / "clip.wav")


def quiet(*_: object) -> None:
    pass


def lines(task: Task, item: Input) -> list[dict[str, Any]]:
    return [json.loads(text) for text in task.run(item, quiet, quiet).items]


# -- the same results ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("probabilities", [False, True])
@pytest.mark.parametrize("asked", [{}, {"mode": "dynamic", "max_end_silence_time": "500"}])
def test_lines_are_those_of_a_detector_here(
    bench: Bench, clip: str, split: bool, probabilities: bool, asked: dict[str, Any]
) -> None:
    """JSONL through the service differs from a detector's here in the name of the version, and in nothing else."""
    request = Request(FORMATS["jsonl"], split=split, probabilities=probabilities)
    remote, detector = bench.remote(**asked), loudness_detector(**asked)
    through = lines(Task(remote, request, expected=remote.serving), Input(clip))
    assert [line["model"].pop("version") for line in through] == ["v1"] * (2 if split else 1)
    assert through == lines(Task(detector, request, expected=lambda: detector), Input(clip))


@pytest.mark.parametrize("name", ["missing.wav", "empty.wav", "bad.wav", "folder", "cut.wav"])
def test_failures_are_those_of_a_detector_here(bench: Bench, clip: str, tmp_path: Path, name: str) -> None:
    """What is missing, empty, no audio or cut short fails with the code that it has here, and its own name."""
    (tmp_path / "empty.wav").touch()
    (tmp_path / "bad.wav").write_bytes(b"nonsense" * 10)
    (tmp_path / "folder").mkdir()
    (tmp_path / "cut.wav").write_bytes(Path(clip).read_bytes()[:-20_000])
    request, remote, detector = Request(FORMATS["jsonl"]), bench.remote(), loudness_detector()
    item = Input(str(tmp_path / name))
    (through,) = lines(Task(remote, request, expected=remote.serving), item)
    (here,) = lines(Task(detector, request, expected=lambda: detector), item)
    assert through["error"]["code"] == here["error"]["code"]
    assert name in through["error"]["message"]


def test_what_cannot_be_sought_in_is_sent(bench: Bench, clip: str) -> None:
    """Standard input from a pipe gives what the file with its bytes gives, and can be sent again."""
    bench.contract.faults += [BROKEN]
    remote = bench.remote()
    expected = remote.detect(clip, probabilities=False, progress=quiet)
    reader, writer = os.pipe()
    with open(reader, "rb") as pipe:
        feeder = threading.Thread(target=_feed, args=(writer, Path(clip).read_bytes()))
        feeder.start()
        bench.contract.faults += [BROKEN]
        assert remote.detect(pipe, probabilities=False, progress=quiet) == expected
        feeder.join()


def _feed(descriptor: int, data: bytes) -> None:
    with open(descriptor, "wb") as pipe:
        pipe.write(data)


def test_what_is_asked_goes_with_every_recording(bench: Bench, clip: str) -> None:
    """Mode, parameters, channels and probabilities are in the query, and no version in the headers unless wanted."""
    bench.remote(mode="dynamic", window_size_ms="300").detect_channels(clip, probabilities=True, progress=quiet)
    (asked,) = bench.sent()
    assert asked.query == {
        "mode": "dynamic",
        "window_size_ms": "300",
        "channels": "split",
        "probabilities": "true",
        "parameters": "true",
    }
    assert "x-segue-version" not in asked.headers
    assert asked.body == Path(clip).read_bytes()


def test_progress_is_told_and_may_stop_it(bench: Bench, clip: str) -> None:
    """The length is told at the end; what is raised while a recording is sent ends it, and is raised as it is."""
    heard: list[tuple[int, int | None]] = []
    remote = bench.remote()
    remote.detect(clip, probabilities=False, progress=lambda *told: heard.append(told))
    assert heard[0] == (0, None)
    assert heard[-1] == (4000, 4000)

    def stop(*_: object) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        remote.detect(clip, probabilities=False, progress=stop)


# -- resume --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [{}, {"mode": "dynamic", "speech_noise_thres": "0.25"}])
@pytest.mark.parametrize("here_first", [True, False])
def test_resume_works_across_here_and_the_service(
    bench: Bench, clip: str, tmp_path: Path, asked: dict[str, Any], here_first: bool
) -> None:
    """A result made by the same model, mode and parameters is the same result, whether made here or by the service."""
    results = ResultDirectory(tmp_path / "out", "json")
    item = Input(clip)
    results.reserve([item.source])
    request = Request(FORMATS["json"], resume=True)

    def here(**asked: Any) -> Outcome:
        detector = loudness_detector(**asked)
        return Task(detector, request, expected=lambda: detector, results=results).run(item, quiet, quiet)

    def there(**asked: Any) -> Outcome:
        remote = bench.remote(**asked)
        return Task(remote, request, expected=remote.serving, results=results).run(item, quiet, quiet)

    first, second = (here, there) if here_first else (there, here)
    assert not first(**asked).skipped
    assert second(**asked).skipped
    assert not second(**asked | {"max_end_silence_time": "700"}).skipped
    assert not first(**asked).skipped


def test_after_a_switch_resume_expects_the_new_version(bench: Bench, clip: str, tmp_path: Path) -> None:
    """Once an answer names another version, what resume expects is asked again; the old one's results are redone."""
    results = ResultDirectory(tmp_path / "out", "json")
    items = [Input(clip), Input(str(tmp_path / "other.wav"))]
    Path(items[1].file).write_bytes(Path(clip).read_bytes())
    results.reserve([item.source for item in items])
    remote = bench.remote()
    task = Task(remote, Request(FORMATS["json"], resume=True), expected=remote.serving, results=results)
    assert not task.run(items[0], quiet, quiet).skipped
    bench.contract.serve(loudness_detector(max_end_silence_time=500), "v2")
    assert task.run(items[0], quiet, quiet).skipped  # nobody knows yet
    assert not task.run(items[1], quiet, quiet).skipped
    assert not task.run(items[0], quiet, quiet).skipped
    assert task.run(items[1], quiet, quiet).skipped
    assert task.run(items[0], quiet, quiet).skipped
    assert len([asked for asked in bench.server.asked if asked.path == "/v1/serving"]) == 2


def test_each_result_names_the_version_that_made_it(bench: Bench, clip: str) -> None:
    """A model replaced between two recordings is named with the second, together with the rules that decided."""
    remote = bench.remote()
    first = remote.detect(clip, probabilities=False, progress=quiet)
    bench.contract.serve(loudness_detector(max_end_silence_time=500), "v2")
    second = remote.detect(clip, probabilities=False, progress=quiet)
    assert (first.model.version, second.model.version) == ("v1", "v2")
    assert (first.rules.max_end_silence_time, second.rules.max_end_silence_time) == (800, 500)


# -- one version ---------------------------------------------------------------------------------------------------


def test_one_version_is_sent_with_every_recording(bench: Bench, clip: str) -> None:
    """The version that serves at the beginning is asked for by name, also after another serves."""
    remote = bench.remote(one_version=True)
    bench.contract.serve(loudness_detector(), "v2")
    for _ in range(2):
        remote.detect(clip, probabilities=False, progress=quiet)
    assert [asked.headers["x-segue-version"] for asked in bench.sent()] == ["v1", "v1"]


def test_a_version_that_is_closed_is_said_with_what_to_do(bench: Bench, clip: str) -> None:
    """The error names the version, the server's reason, and both ways to go on."""
    remote = bench.remote(one_version=True)
    bench.contract.closed.add("v1")
    with pytest.raises(VersionNotReady) as refused:
        remote.detect(clip, probabilities=False, progress=quiet)
    for part in ("--one-version", "v1", "is closed", "segue switch --version v1", "--resume"):
        assert part in str(refused.value)


def test_a_server_that_has_just_started_knows_its_version_soon(bench: Bench, clip: str) -> None:
    """A version that is unknown because the server is not ready yet is waited for: it restores what served."""
    remote = bench.remote(one_version=True)
    bench.contract.is_starting = True
    bench.clock.on_pause = lambda: setattr(bench.contract, "is_starting", bench.clock.now_s < 3)
    assert remote.detect(clip, probabilities=False, progress=quiet).model.version == "v1"
    assert bench.said == ["waiting for the server: the model loads"]


# -- a server that is busy, away or gone ---------------------------------------------------------------------------


def test_a_server_without_room_is_asked_again_when_it_said(bench: Bench, clip: str) -> None:
    """Retry-After is obeyed as often as it comes, in steps that a stop can end."""
    bench.contract.faults += [refusal(503, "overloaded", Retry_After="3"), refusal(429, "many", Retry_After="2")]
    remote = bench.remote()
    assert remote.detect(clip, probabilities=False, progress=quiet)
    assert bench.clock.now_s == pytest.approx(5)
    assert bench.said == []

    bench.contract.faults += [refusal(503, "overloaded", Retry_After="100")]
    stopping = threading.Event()
    bench.clock.on_pause = stopping.set

    def progress(*_: object) -> None:
        if stopping.is_set():
            raise Stopped

    with pytest.raises(Stopped):
        remote.detect(clip, probabilities=False, progress=progress)
    assert bench.clock.now_s < 10


def test_a_server_that_is_not_ready_is_waited_for(bench: Bench) -> None:
    """At the beginning it is said once why; a server that stays so is an error of its own."""
    waits = refusal(503, "not_ready", "the model loads")
    answer, bench.server.answer = bench.server.answer, lambda _: waits
    bench.clock.on_pause = lambda: setattr(bench.server, "answer", answer) if bench.clock.now_s > 5 else None
    assert bench.remote().serving().model.version == "v1"
    assert bench.said == ["waiting for the server: the model loads"]
    bench.server.answer = lambda _: waits
    bench.clock.on_pause = lambda: setattr(bench.clock, "now_s", bench.clock.now_s + 60)
    with pytest.raises(ServerRefused, match="the model loads"):
        bench.remote()


def test_no_server_is_an_error_at_once(bench: Bench) -> None:
    """At the beginning there is nothing to wait for."""
    with pytest.raises(ServerUnreachable, match="no server answers"):
        bench.remote(url=f"http://127.0.0.1:{free_port()}")
    assert bench.clock.now_s == 0


def test_parameters_that_the_server_refuses_are_ours(bench: Bench) -> None:
    """They are an InvalidParameter in its words, before anything is sent."""
    with pytest.raises(InvalidParameter, match="window_size_ms"):
        bench.remote(window_size_ms="100")
    assert bench.sent() == []


def test_a_connection_that_broke_is_made_again(bench: Bench, clip: str) -> None:
    """A recording whose connection broke is sent again, whole, and nothing is said of it."""
    bench.contract.faults += [BROKEN, BROKEN]
    assert bench.remote().detect(clip, probabilities=False, progress=quiet)
    assert [asked.body for asked in bench.sent()] == [Path(clip).read_bytes()] * 3
    assert bench.said == []


def test_a_connection_that_breaks_every_time_is_one_failure(bench: Bench, clip: str) -> None:
    """A recording that breaks its connection each time, though the server answers, fails alone, after some trials."""
    bench.contract.faults += [BROKEN] * 5
    remote = bench.remote()
    with pytest.raises(ConnectionBroken, match=r"sent 5 times in vain, though the server is there"):
        remote.detect(clip, probabilities=False, progress=quiet)
    assert remote.detect(clip, probabilities=False, progress=quiet)


def test_a_server_that_restarts_is_waited_for(bench: Bench, clip: str) -> None:
    """A server that goes away with a recording under way, and comes back with another version, answers it."""
    remote = bench.remote()
    bench.contract.before = lambda _: setattr(bench.contract, "is_away", True)

    def restart() -> None:
        if bench.clock.now_s > 5:
            bench.contract.before = quiet
            bench.contract.serve(loudness_detector(), "v2")
            bench.contract.is_away = False

    bench.clock.on_pause = restart
    assert remote.detect(clip, probabilities=False, progress=quiet).model.version == "v2"
    away, back = bench.said
    assert f"waiting up to {PATIENCE_S:g} s" in away
    assert back == "the server answers again"


def test_a_server_that_is_gone_is_one_clear_error(bench: Bench, clip: str) -> None:
    """After the wait it is ServerUnreachable, and for the next recording at once."""
    remote = bench.remote()
    bench.contract.is_away = True
    for _ in range(2):
        with pytest.raises(ServerUnreachable, match=bench.server.url):
            remote.detect(clip, probabilities=False, progress=quiet)
    assert PATIENCE_S <= bench.clock.now_s < PATIENCE_S + 1
    assert len(bench.said) == 1


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
