"""``segue detect --server``: the real command and a real server, both in processes of their own, with the real model.

Named pipes among the inputs hold the batch where a test wants it: it has come so far when a pipe can be opened for
writing, and goes on when that is closed.
"""

import json
import os
import shutil
import signal
import subprocess
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import soundfile

import segue
from scripts.speech import Samples
from segue.client import Client
from segue.errors import SegueError
from segue.settings import Settings
from segue.speech.formats import to_dict
from tests.client.loopback import Asked
from tests.edges.batch.contract import Contract

SEGUE = str(Path(sysconfig.get_path("scripts")) / "segue")
RATE = 16_000
DEADLINE_S = 60
OPTIONS: tuple[dict[str, str | int | float], ...] = (
    {},
    {"max_end_silence_time": 300},
    {"mode": "dynamic"},
    {"speech_noise_thres": 0.1, "do_extend": 0},
)


class Server:
    """A ``segue serve`` with a home of its own, which can be killed and started anew at its address."""

    def __init__(self, home: Path, model: Path) -> None:
        self.model = str(model)
        self.environment = os.environ | {"SEGUE_HOME": str(home), "SEGUE_MODEL": self.model}
        self._log = home.with_suffix(".log")
        self._port = 0
        self.start()
        self.client = Client(self.url, settings=Settings(home=home))

    def start(self) -> None:
        """Returns when it listens."""
        with self._log.open("ab") as log:
            begun = log.tell()
            command = [SEGUE, "serve", "--port", str(self._port)]
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        until(lambda: self.process.poll() is not None or b"listening on" in self._log.read_bytes()[begun:])
        assert self.process.poll() is None, self._log.read_text()
        self.url = self._log.read_text()[begun:].partition("listening on ")[2].split()[0]
        self._port = int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def switch(self, options: dict[str, Any]) -> str:
        """The name of the version that serves now."""
        version: str = self.client.post("/v1/switch", {"model_id": self.model, "options": options})["version"]
        return version

    def detect(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Begin a batch through it."""
        command = [SEGUE, "detect", *arguments, "--server", self.url]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, model_directory: Path) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("served") / "home", model_directory)
    try:
        until(lambda: is_ready(running))
        yield running
    finally:
        running.kill()


@pytest.fixture
def clips(tmp_path: Path, speech: Samples, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Twenty recordings of 9 s in the working directory, all different."""
    monkeypatch.chdir(tmp_path)
    names = [f"clip{n}.wav" for n in range(20)]
    for n, name in enumerate(names):
        soundfile.write(name, speech[n * RATE : (n + 9) * RATE], RATE)
    return names


def is_ready(server: Server) -> bool:
    try:
        server.client.get("/readyz")
    except SegueError:
        return False
    return True


def until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen"
        time.sleep(0.005)


def gate(name: str) -> str:
    os.mkfifo(name)
    return name


@contextmanager
def held_at(name: str, clip: str) -> Iterator[None]:
    """While the batch stands at the gate; then it gets the clip there, and goes on."""
    with open(name, "wb") as pipe:
        yield
        pipe.write(Path(clip).read_bytes())


def finished(batch: "subprocess.Popen[bytes]", *, status: int = 0) -> tuple[list[dict[str, Any]], str]:
    """Its lines and what it said."""
    printed, said = batch.communicate(timeout=DEADLINE_S)
    assert batch.returncode == status, said
    return [json.loads(line) for line in printed.splitlines()], said.decode()


class Alone:
    """What each version answers when it is alone: a detector here, by the name of the version."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._detectors: dict[str, segue.Detector] = {}

    def know(self, version: str, options: dict[str, Any]) -> str:
        self._detectors[version] = segue.load(self._model, **options)
        return version

    def line(self, version: str, file: str, content: str) -> dict[str, Any]:
        found = to_dict(file, self._detectors[version].detect(content))
        found["model"]["version"] = version
        return found


def inodes(directory: str) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in Path(directory).iterdir() if not path.name.startswith(".")}


def changed(before: dict[str, int], after: dict[str, int]) -> list[str]:
    return sorted(name for name, inode in after.items() if before.get(name) != inode)


# -- switches meanwhile --------------------------------------------------------------------------------------------


def test_each_result_is_that_of_the_version_that_it_names(server: Server, clips: list[str]) -> None:
    """Twenty files, three switches meanwhile: every file has one result, in order, as its version answers alone."""
    alone = Alone(server.model)
    versions = [alone.know(server.switch(OPTIONS[0]), OPTIONS[0])]
    gates = [gate(f"gate{n}.wav") for n in range(3)]
    inputs = [*clips[:5], gates[0], *clips[5:10], gates[1], *clips[10:14], gates[2], *clips[14:17]]
    content = dict(zip(inputs, inputs, strict=True)) | dict(zip(gates, clips[17:], strict=True))
    batch = server.detect(*inputs, "--format", "jsonl", "--jobs", "2")
    for name, options in zip(gates, OPTIONS[1:], strict=True):
        with held_at(name, content[name]):
            versions.append(alone.know(server.switch(options), options))
    lines, said = finished(batch)
    assert said == ""
    assert [line["file"] for line in lines] == inputs
    for line in lines:
        assert line == alone.line(line["model"]["version"], line["file"], content[line["file"]])
    by_file = {line["file"]: line["model"]["version"] for line in lines}
    assert by_file[inputs[0]] == versions[0]
    assert [by_file[name] for name in gates] == versions[1:]
    assert len(set(versions)) == 4
    assert len({str(alone.line(version, "", clips[0])["segments"]) for version in versions}) == 4


def test_without_a_switch_it_is_what_is_detected_here(server: Server, clips: list[str]) -> None:
    """JSONL through the service is that of a detection here, but for the version: split, failed and piped too."""
    server.switch({})
    Path("bad.wav").write_bytes(b"RIFF" + bytes(100))
    soundfile.write("two.wav", soundfile.read(clips[0], always_2d=True)[0].repeat(2, axis=1), RATE)
    arguments = [*clips[:3], "bad.wav", "two.wav", "-f", "jsonl", "--channels", "split", "--probabilities"]
    asked = ["--mode", "dynamic", "--set", "silence_schedule=inf:300"]
    for more in ([], asked):
        through, _ = finished(server.detect(*arguments, *more), status=1)
        command = [SEGUE, "detect", *arguments, *more]
        here = subprocess.run(command, env=server.environment, capture_output=True, check=False).stdout
        local = [json.loads(line) for line in here.splitlines()]
        assert [line.get("error", {}).get("code") for line in through] == [None] * 3 + ["audio_undecodable"] + [
            None
        ] * 2
        assert all(line["model"].pop("version") for line in through if "model" in line)
        assert [line for line in through if "error" not in line] == [line for line in local if "error" not in line]
    batch = subprocess.run(
        [SEGUE, "detect", "-", "-f", "jsonl", "--server", server.url],
        input=Path(clips[0]).read_bytes(),
        env=server.environment,
        capture_output=True,
        check=True,
    )
    (piped,) = [json.loads(line) for line in batch.stdout.splitlines()]
    assert piped["file"] == "-"
    assert piped["segments"]


# -- resume --------------------------------------------------------------------------------------------------------


def test_resume_knows_who_made_what(server: Server, clips: list[str]) -> None:
    """With --resume nothing is made twice by one version, nor here by what it is; after a switch all is made anew."""
    arguments = [*clips[:6], "--out", "out", "--format", "json", "--resume"]

    def through() -> list[str]:
        before = inodes("out") if Path("out").exists() else {}
        finished(server.detect(*arguments))
        return changed(before, inodes("out"))

    def here(*options: str) -> list[str]:
        before = inodes("out")
        command = [SEGUE, "detect", *arguments, *options]
        subprocess.run(command, env=server.environment, check=True, timeout=DEADLINE_S)
        return changed(before, inodes("out"))

    every = sorted(f"{name}.json" for name in clips[:6])
    server.switch({})
    assert through() == every
    assert through() == []
    assert here() == []
    shutil.copy(clips[7], clips[0])
    assert here() == [f"{clips[0]}.json"]
    assert through() == []
    version = server.switch({"mode": "dynamic", "max_single_segment_time": 5000})
    assert through() == every
    assert all(json.loads((Path("out") / name).read_bytes())[0]["model"]["version"] == version for name in every)
    assert here("--mode", "dynamic", "--set", "max_single_segment_time=5000") == []
    assert here() == every


# -- one version ---------------------------------------------------------------------------------------------------


def test_one_version_answers_all(server: Server, clips: list[str]) -> None:
    """With --one-version a switch in the middle changes nothing: every result is of the version at the beginning."""
    version = server.switch({})
    batch = server.detect(*clips[:3], gate("gate.wav"), *clips[3:6], "-f", "jsonl", "--jobs", "1", "--one-version")
    with held_at("gate.wav", clips[6]):
        assert server.switch({"mode": "dynamic"}) != version
    lines, said = finished(batch)
    assert said == ""
    assert [line["model"]["version"] for line in lines] == [version] * 7


def test_one_version_that_is_closed_ends_the_run(server: Server, clips: list[str]) -> None:
    """It ends with status 1 and says what to do, the others keep their results, and --resume goes on as it says."""
    arguments = [
        *clips[:2],
        gate("gate.wav"),
        *clips[2:6],
        "--out",
        "out",
        "-f",
        "json",
        "--jobs",
        "1",
        "--one-version",
    ]
    version = server.switch({"speech_noise_thres": 0.3})
    batch = server.detect(*arguments)
    with held_at("gate.wav", clips[6]):
        server.switch({})
        assert server.client.delete(f"/v1/versions/{version}", deadline_s=10)["closed"]
    _, said = finished(batch, status=1)
    first, last = said.splitlines()
    assert first.startswith(f"segue: error: gate.wav: --one-version: {version} answers no more (")
    assert f"segue switch --version {version}" in first
    assert last == (
        "segue: stopped, because its version answers no more: 3 of 7 files are done (1 failed) and their results are "
        "whole in out; the same command with --resume goes on"
    )
    done = inodes("out")
    assert sorted(done) == [f"{name}.json" for name in (*clips[:2], "gate.wav")]
    assert server.client.post("/v1/switch", {"version": version})["version"] == version
    batch = server.detect(*arguments, "--resume")
    with held_at("gate.wav", clips[6]):
        pass
    finished(batch)
    assert changed(done, inodes("out")) == sorted(f"{name}.json" for name in ("gate.wav", *clips[2:6]))


# -- a server that goes away ---------------------------------------------------------------------------------------


def test_a_server_that_is_killed_and_restarts_is_waited_for(server: Server, clips: list[str]) -> None:
    """The batch waits, says so once, and has every result, those of one version too."""
    version = server.switch({"max_end_silence_time": 400})
    batch = server.detect(*clips[:3], gate("gate.wav"), *clips[3:6], "-f", "jsonl", "--jobs", "2", "--one-version")
    with held_at("gate.wav", clips[6]):
        server.kill()
    assert batch.stderr is not None
    waiting = batch.stderr.readline()
    server.start()
    lines, said = finished(batch)
    assert waiting.startswith(b"segue: the server does not answer; waiting")
    assert said.splitlines()[0] == "segue: the server answers again"
    assert said.count("does not answer") == 0
    assert [line["model"]["version"] for line in lines] == [version] * 7


def test_ctrl_c_needs_no_answer(clips: list[str], tmp_path: Path) -> None:
    """While an answer is waited for that does not come, one Ctrl-C ends the run, with what was done."""
    service, asked, over = Contract(), threading.Event(), threading.Event()

    def wait(request: Asked) -> None:
        if request.body == Path(clips[1]).read_bytes():
            asked.set()
            over.wait(DEADLINE_S)

    service.before = wait
    with service.running() as loopback:
        command = [SEGUE, "detect", *clips, "-f", "json", "--jobs", "1", "--server", loopback.url]
        environment = os.environ | {"SEGUE_HOME": str(tmp_path)}
        batch = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        assert asked.wait(DEADLINE_S)
        batch.send_signal(signal.SIGINT)
        printed, said = batch.communicate(timeout=DEADLINE_S)
        over.set()
    assert batch.returncode == 130
    assert [result["file"] for result in json.loads(printed)] == clips[:1]
    assert said.decode() == "segue: stopped: 1 of 20 files are done; with --out DIR, --resume can go on\n"


# -- drills --------------------------------------------------------------------------------------------------------


@pytest.mark.drill
def test_a_server_that_is_gone_ends_the_run(server: Server, clips: list[str]) -> None:
    """After half a minute it ends with status 4 and what was done; when a server runs again, --resume goes on."""
    server.switch({})
    arguments = [*clips[:3], gate("gate.wav"), *clips[3:], "--out", "out", "-f", "json", "--jobs", "2", "--resume"]
    batch = server.detect(*arguments)
    with held_at("gate.wav", clips[6]):
        server.kill()
    _, said = finished(batch, status=4)
    assert "segue: stopped, because the server is gone: " in said
    failed = [line for line in said.splitlines() if "error: " in line]
    assert 1 <= len(failed) <= 2
    assert all("no server answers" in line for line in failed)
    server.start()
    os.unlink("gate.wav")
    shutil.copy(clips[6], "gate.wav")
    finished(server.detect(*arguments))
    results = [json.loads(path.read_bytes())[0] for path in Path("out").glob("*.json")]
    assert len(results) == 21
    assert all("segments" in result for result in results)


@pytest.mark.drill
def test_a_thousand_files_and_twenty_switches(server: Server, clips: list[str]) -> None:
    """Every result is there, once, in order, and right for the version that it names."""
    alone = Alone(server.model)
    known = [(alone.know(server.switch(options), options), options) for options in OPTIONS]
    inputs = [_link(clips[n % len(clips)], f"{n}.wav") for n in range(1000)]
    batch = server.detect(*inputs, "--format", "jsonl")
    assert batch.stdout is not None
    lines: list[dict[str, Any]] = []
    for n in range(20):
        while len(lines) < 45 * (n + 1):
            lines.append(json.loads(batch.stdout.readline()))
        version, options = known[n % len(known)]
        assert server.switch(options) == version
    lines += [json.loads(line) for line in batch.stdout]
    assert finished(batch) == ([], "")
    assert [line["file"] for line in lines] == inputs
    expected = {(version, clip): alone.line(version, "", clip)["segments"] for version, _ in known for clip in clips}
    for n, line in enumerate(lines):
        assert line["segments"] == expected[line["model"]["version"], clips[n % len(clips)]], line
    assert len({line["model"]["version"] for line in lines}) == len(known)


def _link(source: str, name: str) -> str:
    os.link(source, name)
    return name
