"""Things that go wrong in a process of their own; named there as ``tests.models.isolated.faults:NAME``."""

import contextlib
import ctypes
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segue.errors import Busy, InvalidParameter, ModelInvalid
from segue.speech.rules import Rules
from segue.speech.scorer import Samples, ScoreStream, SilenceProbs
from tests.fakes import LoudnessScorer, LoudnessStream

HERE = "tests.models.isolated.faults"


class Anything:
    """Does what it is told, whatever comes of it."""

    def __init__(self) -> None:
        self._kept: list[object] = []
        self._met = threading.Barrier(2)

    def echo(self, *values: object, **named: object) -> object:
        return named or values[0]

    def pid(self) -> int:
        return os.getpid()

    def of_python(self) -> Mapping[str, object]:
        return {"path": sys.path, "environment": dict(os.environ), "session": os.getsid(0)}

    def meet(self) -> int:
        """Answers when two are in here."""
        return self._met.wait(30)

    def fail(self) -> None:
        raise ValueError("what fails\nsays so")

    def refuse(self) -> None:
        raise InvalidParameter("x=3: at most 2")

    def is_busy(self) -> None:
        raise Busy("another change", under_way="something")

    def unsendable(self) -> object:
        return {1: object()}

    def leave(self, status: int) -> None:
        os._exit(status)

    def exit(self) -> None:
        sys.exit("the model has had enough")

    def signal(self, number: int) -> None:
        os.kill(os.getpid(), number)
        time.sleep(60)

    def crash(self) -> None:
        ctypes.string_at(0)

    def hang(self) -> None:
        time.sleep(3600)

    def hang_whole(self) -> None:
        """Holds the interpreter's lock: no thread of the process runs any more."""
        ctypes.PyDLL(None).pause()

    def eat(self, megabytes: int) -> None:
        self._kept.append(np.ones(megabytes * 125_000))

    def eat_on(self) -> None:
        while True:
            self.eat(10)
            time.sleep(0.005)

    def say(self, text: str, *, to: int = 1) -> None:
        os.write(to, text.encode())

    def descriptors(self) -> Mapping[str, str]:
        """What each is, but for this very look at them."""
        found = {}
        for name in os.listdir("/proc/self/fd"):
            with contextlib.suppress(FileNotFoundError):
                found[name] = os.readlink(f"/proc/self/fd/{name}")
        return found

    def scribble(self, data: bytes) -> None:
        """Writes on every connection that it has, and goes on as if nothing were."""
        for descriptor in _sockets():
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as connection:
                connection.sendall(data)
        time.sleep(60)

    def hang_up(self) -> None:
        """And hangs, with the interpreter's lock: its other threads cannot end it."""
        libc = ctypes.PyDLL(None)
        for descriptor in _sockets():
            libc.shutdown(descriptor, socket.SHUT_RDWR)
        libc.pause()

    def start(self) -> int:
        """Another process, which outlives a call."""
        with subprocess.Popen(["sleep", "3600"]) as child:
            child.returncode = 0  # not waited for
        return child.pid


def _sockets() -> list[int]:
    found = []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                found.append(int(name))
    return found


def slow_to_load(pid_file: str) -> Anything:
    Path(pid_file).write_text(str(os.getpid()), encoding="ascii")
    time.sleep(3600)
    return Anything()


def load_fails(kind: str) -> Anything:
    raise {"ours": ModelInvalid("w.pt: cut short"), "foreign": KeyError("weights")}[kind]


def load_leaves(status: int) -> Anything:
    os._exit(status)


def load_says(data: bytes) -> Anything:
    Anything().scribble(data)
    return Anything()


class Faulty(LoudnessScorer):
    """Hears loudness, until samples of full scale come: then it is at fault."""

    def __init__(self, fault: Callable[[SilenceProbs], Any]) -> None:
        super().__init__()
        self.fault = fault

    def open(self) -> "FaultyStream":
        return FaultyStream(self)

    def accept_many(self, streams: Sequence[ScoreStream], chunks: Sequence[Samples]) -> list[SilenceProbs]:
        answers = super().accept_many(streams, chunks)
        return answers[1:] if self.fault is too_few else answers


class FaultyStream(LoudnessStream):
    """One of its streams."""

    def __init__(self, scorer: Faulty) -> None:
        super().__init__(scorer)
        self._fault = scorer.fault

    def accept(self, samples: Samples) -> SilenceProbs:
        is_at_fault = bool(len(samples)) and float(samples.max()) >= 1
        if is_at_fault and self._fault is raises:
            raise RuntimeError("no such kernel")  # before it has moved, as is promised
        scored = super().accept(samples)
        faulty: SilenceProbs = self._fault(scored) if is_at_fault else scored
        return faulty


def raises(_: SilenceProbs) -> object:
    raise AssertionError("not reached")


def too_few(scored: SilenceProbs) -> object:
    return scored


FAULTS: Mapping[str, Callable[[SilenceProbs], Any]] = {
    "raises": raises,
    "too few": too_few,
    "nan": lambda p: np.full_like(p, np.nan),
    "over one": lambda p: p + np.float32(2),
    "two dimensions": lambda p: p.reshape(1, -1),
    "float64": lambda p: p.astype(np.float64),
    "a list": lambda p: p.tolist(),
    "nothing": lambda _: None,
    "objects": lambda p: p.astype(object),
    "dies": lambda _: os._exit(7),
    "hangs": lambda _: time.sleep(3600),
    "crashes": lambda _: ctypes.string_at(0),
    "eats": lambda _: Anything().eat_on(),
}


def load(directory: Path) -> tuple[Faulty, Rules]:
    """A models.Loader: ``directory/fault`` names the fault."""
    fault = (directory / "fault").read_text(encoding="utf-8")
    return Faulty(FAULTS[fault]), Rules.of({"max_end_silence_time": 450})


def load_loudness(_: Path) -> tuple[LoudnessScorer, Rules]:
    return LoudnessScorer(), Rules.of()


def load_liar(directory: Path) -> tuple[LoudnessScorer, Rules]:
    """A scorer whose facts are none."""
    scorer, rules = load_loudness(directory)
    scorer.sample_rate = "16 kHz"  # type: ignore[assignment]  # a fake that lies
    return scorer, rules
