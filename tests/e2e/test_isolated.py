"""A version in a process of its own, on a real server: it answers as here, and whatever happens to it harms nobody."""

import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from scripts.speech import Samples
from segue.errors import ServerRefused
from segue.swap import ModelSpec, Resolved
from segue.swap.spec import Option
from tests.e2e.drill import Operator, recordings
from tests.e2e.load import FileClients, Live, LiveStreams
from tests.e2e.server import SEGUE, Server, home_with, until
from tests.e2e.truth import Truth
from tests.e2e.variants import Variant, variant


@pytest.fixture
def home(tmp_path: Path, model_directory: Path) -> Path:
    return home_with(tmp_path / "home", model_directory)


def isolated(name: str, home: Path, **options: Option) -> Variant:
    """A version of the default model that runs in a process of its own on the server; here it runs here."""
    here = variant(name, "fsmn-vad", home, **options)
    options = {**options, "isolate": True}
    version = Resolved(ModelSpec("fsmn-vad", None, options), here.detector.model.digest).version
    return replace(here, options=options, version=version)


def children(server: Server) -> list[psutil.Process]:
    """The processes that models have for themselves."""
    found = psutil.Process(server.pid).children(recursive=True)
    return [child for child in found if "segue.models.isolated.child" in child.cmdline()]


def version_of(server: Server, wanted: Variant) -> Mapping[str, Any]:
    return next(each for each in server.status()["versions"] if each["version"] == wanted.version)


def detect(server: Server, recording: bytes) -> Any:
    answer = requests.post(f"{server.url}/v1/detect", recording, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_it_answers_as_it_does_here(home: Path, long_speech: Samples) -> None:
    """Prepared by the command line and switched to, it answers what a version here answers, to files and to streams;
    the status has the memory of its process, and closing it gives that back and leaves no process."""
    files, away = recordings(long_speech, 4, seconds=9), isolated("away", home, max_end_silence_time=400)
    here, lives = variant("default", "fsmn-vad", home), [Live(speed=3, start_s=at) for at in (0, 7)]
    truth = Truth([here, away])
    with Server(home) as server:
        Operator(server).switch(here)
        prepare = [SEGUE, "versions", "prepare", "fsmn-vad", "--set", "max_end_silence_time=400", "--isolate"]
        subprocess.run(prepare, env=server.environment, check=True, timeout=60, capture_output=True)
        (child,) = children(server)
        assert abs(version_of(server, away)["memory_bytes"] - child.memory_info().rss) < 5e6
        with (
            FileClients(server, files, [{}], clients=2) as clients,
            LiveStreams(server, lives, long_speech) as streams,
        ):
            until(lambda: streams.all(lambda heard: heard.version == here.version), "the streams are open")
            Operator(server).switch(away)
            until(lambda: streams.all(lambda heard: heard.version == away.version), "the streams have moved")
            at = len(clients.answers)
            until(lambda: len(clients.answers) > at + 5, "it answers")
        for answer in clients.answers:
            truth.check_file(answer, files[answer.number])
        for heard in streams.heard:
            truth.check_stream(heard)
        assert clients.answers[-1].body["model"]["version"] == away.version
        Operator(server).switch(here)
        with server.client() as client:
            closed = client.delete(f"/v1/versions/{away.version}", deadline_s=10)
        assert closed["closed"]
        assert closed["memory_returned_bytes"] > 30e6
        assert not children(server)
        assert not child.is_running()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (signal.SIGKILL, "its process was killed by SIGKILL"),
        (signal.SIGSEGV, "its process was killed by SIGSEGV"),
        (signal.SIGSTOP, "a call passed its deadline and was abandoned"),
    ],
)
def test_its_end_is_nobodys_but_its_own(home: Path, long_speech: Samples, name: signal.Signals, why: str) -> None:
    """Killed, crashed, or standing still under load: what it was asked is answered by the version before it, no request
    fails and no stream breaks; it is FAILED with the reason, and its memory is back."""
    files, away = recordings(long_speech, 4, seconds=9), isolated("away", home, max_end_silence_time=400)
    here, lives = variant("default", "fsmn-vad", home), [Live(speed=3, start_s=at) for at in (0, 7, 31, 60)]
    truth = Truth([here, away])
    with Server(home, stall_s=2) as server:
        for wanted in (here, away):
            Operator(server).switch(wanted)
        (child,) = children(server)
        with (
            FileClients(server, files, [{}], clients=4) as clients,
            LiveStreams(server, lives, long_speech) as streams,
        ):
            until(lambda: streams.all(lambda heard: heard.version == away.version), "the streams are open on it")
            until(lambda: len(clients.answers) > 8, "it answers")
            child.send_signal(name)
            began_s = time.monotonic()
            until(lambda: version_of(server, away)["state"] == "failed", "it has failed", deadline_s=10)
            took_s = time.monotonic() - began_s
            until(lambda: not child.is_running(), "its process is gone")
            until(lambda: streams.all(lambda heard: heard.version == here.version), "the streams have moved")
            at = len(clients.answers)
            until(lambda: len(clients.answers) > at + 8, "the one before answers")
        failed = version_of(server, away)
        assert why in failed["failure"]
        assert (failed["stranded"], failed["memory_bytes"]) == (0, None)
        assert took_s < (5 if name is signal.SIGSTOP else 1.5)
        for answer in clients.answers:
            truth.check_file(answer, files[answer.number])
        for heard in streams.heard:
            assert not heard.failure
            assert not [message for message in heard.messages if message["type"] == "error"]
            truth.check_stream(heard)
        Operator(server).switch(away)  # again, in a new process
        assert detect(server, files[0])["model"]["version"] == away.version


def test_whoever_is_warm_stands_in(home: Path, long_speech: Samples) -> None:
    """Killed when the version before it is closed already: the nearest that is warm answers recordings and streams."""
    files, away = recordings(long_speech, 4, seconds=9), isolated("away", home, max_end_silence_time=400)
    here, between = variant("default", "fsmn-vad", home), variant("between", "fsmn-vad", home, max_end_silence_time=600)
    lives = [Live(speed=3, start_s=at) for at in (0, 7, 31, 60)]
    truth = Truth([here, between, away])
    with Server(home) as server:
        for wanted in (here, between, away):
            Operator(server).switch(wanted)
        with server.client() as client:
            assert client.delete(f"/v1/versions/{between.version}", deadline_s=10)["closed"]
        (child,) = children(server)
        with (
            FileClients(server, files, [{}], clients=4) as clients,
            LiveStreams(server, lives, long_speech) as streams,
        ):
            until(lambda: streams.all(lambda heard: heard.version == away.version), "the streams are open on it")
            until(lambda: len(clients.answers) > 8, "it answers")
            child.kill()
            until(lambda: streams.all(lambda heard: heard.version == here.version), "the streams have moved")
            at = len(clients.answers)
            until(lambda: len(clients.answers) > at + 8, "the one that is warm answers")
        for answer in clients.answers:
            truth.check_file(answer, files[answer.number])
        for heard in streams.heard:
            truth.check_stream(heard)


def test_it_ends_with_the_server(home: Path) -> None:
    """Within a second of kill -9; and when the server has answered what was in flight, after Ctrl-C at its terminal,
    which goes to every process there."""
    with Server(home, "--isolate") as server:
        (child,) = children(server)
        server.kill()
        until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "it is gone", deadline_s=1)
        server.restart()
        (child,) = children(server)
        server.process.send_signal(signal.SIGINT)
        child.send_signal(signal.SIGINT)
        assert server.process.wait(30) == 0
        assert not child.is_running()
        server.restart()


def test_one_that_takes_too_much_is_refused_with_the_figures(home: Path, long_speech: Samples) -> None:
    """Prepared beside what serves: that goes on serving."""
    (recording,) = recordings(long_speech, 1, seconds=9)
    with Server(home, isolated_memory_bytes=10_000_000) as server:
        with pytest.raises(ServerRefused, match=r"took \d+ MB of memory, and may take 10 MB") as refused:
            server.switch({"model_id": "fsmn-vad", "options": {"isolate": True}})
        assert refused.value.code == "model_invalid"
        assert not children(server)
        assert detect(server, recording)["segments"]


def test_what_is_neither_true_nor_false_is_refused(home: Path) -> None:
    """In one line, before anything is loaded."""
    with Server(home) as server, pytest.raises(ServerRefused, match=r"isolate='yes': true .* or false") as refused:
        server.switch({"model_id": "fsmn-vad", "options": {"isolate": "yes"}})
    assert refused.value.status == 422
