"""Models that are at fault on command, for a real server: an FSMN-VAD whose config.yaml names the fault in a comment.

``plugged`` gives the environment of a server on which this file is installed as a third party's loader of FSMN-VADs
(an entry point, as such packages have it). Prepared, warmed and on golden clips the model is sound; its fault begins
when its file of command appears, and every time that it is at fault is a line in the file beside that one.
"""

import itertools
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from segue.models import fsmn
from segue.speech.rules import Rules
from segue.speech.scorer import Samples, Scorer, ScoreStream, SilenceProbs

ROOT = Path(__file__).parents[2]
MARK = "# at fault: "
SLOWER = 5


def plugged(directory: Path) -> Mapping[str, str]:
    """What must be in the environment of a server that is to load such models; a package is made in ``directory``."""
    info = directory / "segue_faulty-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: segue-faulty\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[segue.models]\nfsmn-vad = {__name__}:load\n", encoding="utf-8")
    return {"PYTHONPATH": os.pathsep.join((str(directory), str(ROOT)))}


@dataclass(frozen=True, slots=True)
class Command:
    """The command to be at fault, and what the model did of it."""

    path: Path

    def give(self) -> None:
        """Be at fault from now on."""
        self.path.touch()

    def times(self) -> list[float]:
        """When it was at fault, seconds since 1970, so far."""
        try:
            return sorted(map(float, self._log.read_text(encoding="ascii").split()))
        except FileNotFoundError:
            return []

    def is_given(self) -> bool:
        """For the model: a few microseconds."""
        return self.path.exists()

    def note(self) -> None:
        """For the model: it is at fault now."""
        line = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(line, f"{time.time():.4f}\n".encode())
        finally:
            os.close(line)

    @property
    def _log(self) -> Path:
        return self.path.with_name(f"{self.path.name}.times")


def at_fault(directory: Path, fault: str) -> Command:
    """Let the model of this directory have a fault, one of ``FAULTS``; the command for it."""
    assert fault in FAULTS
    command = Command(directory.with_name(f"{directory.name}.command"))
    with (directory / "config.yaml").open("a", encoding="utf-8") as file:
        file.write(f"\n{MARK}{fault} {command.path}\n")
    return command


# -- on the server -------------------------------------------------------------------------------------------------


def load(directory: Path) -> tuple[Scorer, Rules]:
    """A models.Loader: the FSMN-VAD of the directory, at fault if its config.yaml says so."""
    scorer, rules = fsmn.load(directory)
    for line in (directory / "config.yaml").read_text(encoding="utf-8").splitlines():
        if line.startswith(MARK):
            fault, _, path = line.removeprefix(MARK).partition(" ")
            return FaultyScorer(scorer, FAULTS[fault], Command(Path(path))), rules
    return scorer, rules


class FaultyScorer:
    """An FSMN-VAD with a fault, which is asked before each inference whether it is at fault."""

    def __init__(self, scorer: fsmn.FsmnScorer, fault: "Fault", command: Command) -> None:
        self.sample_rate, self.frame_ms, self.context_ms = scorer.sample_rate, scorer.frame_ms, scorer.context_ms
        self.inner = scorer
        self.fault = fault
        self.command = command
        self._count = itertools.count(1)

    def open(self) -> "FaultyStream":
        """A stream that shares the fault."""
        return FaultyStream(self)

    def accept_many(self, streams: Sequence[ScoreStream], chunks: Sequence[Samples]) -> list[SilenceProbs]:
        """As the model does it, unless it is at fault."""
        own = [cast(FaultyStream, stream).inner for stream in streams]
        return self.answers(chunks, lambda: self.inner.accept_many(own, chunks))

    def answers(self, chunks: Sequence[Samples], sound: Callable[[], list[SilenceProbs]]) -> list[SilenceProbs]:
        """What the fault makes of these."""
        if not self.command.is_given():
            return sound()
        return self.fault(self, chunks, sound, next(self._count))


class FaultyStream:
    """One of its streams."""

    def __init__(self, scorer: FaultyScorer) -> None:
        self.inner = scorer.inner.open()
        self._scorer = scorer

    def accept(self, samples: Samples) -> SilenceProbs:
        """As the model does it, unless it is at fault."""
        (answer,) = self._scorer.answers([samples], lambda: [self.inner.accept(samples)])
        return answer

    def finish(self) -> SilenceProbs:
        """As the model does it."""
        return self.inner.finish()


Fault = Callable[[FaultyScorer, Sequence[Samples], Callable[[], list[SilenceProbs]], int], list[SilenceProbs]]


def _raises(scorer: FaultyScorer, chunks: Sequence[Samples], *_: object) -> list[SilenceProbs]:
    scorer.command.note()
    raise RuntimeError(f"no such kernel for {len(chunks)} chunks")


def _raises_1_in_10(
    scorer: FaultyScorer, chunks: Sequence[Samples], sound: Callable[[], list[SilenceProbs]], count: int
) -> list[SilenceProbs]:
    """One inference in ten; of streams that are scored together each is then tried by itself."""
    return _raises(scorer, chunks) if count % 10 == 0 else sound()


def _answers_nan(
    scorer: FaultyScorer, _: object, sound: Callable[[], list[SilenceProbs]], *__: object
) -> list[SilenceProbs]:
    scorer.command.note()
    return [np.full_like(answer, np.nan) for answer in sound()]


def _hangs(scorer: FaultyScorer, *_: object) -> list[SilenceProbs]:
    scorer.command.note()
    time.sleep(3600)
    return []


def _is_slow(
    scorer: FaultyScorer, chunks: Sequence[Samples], sound: Callable[[], list[SilenceProbs]], *_: object
) -> list[SilenceProbs]:
    """By as much work more, not by sleeping."""
    for _again in range(SLOWER - 1):
        scorer.inner.accept_many([scorer.inner.open() for _chunk in chunks], chunks)
    return sound()


def _eats(scorer: FaultyScorer, _: object, sound: Callable[[], list[SilenceProbs]], *__: object) -> list[SilenceProbs]:
    """Forty megabytes with each inference, and answers all the while."""
    scorer.command.note()
    _eaten.append(np.ones(5_000_000))
    return sound()


def _dies(scorer: FaultyScorer, *_: object) -> list[SilenceProbs]:
    scorer.command.note()
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)
    return []


_eaten: list[object] = []

FAULTS: Mapping[str, Fault] = {
    "raises": _raises,
    "raises-1-in-10": _raises_1_in_10,
    "nan": _answers_nan,
    "hangs": _hangs,
    "slow": _is_slow,
    "eats": _eats,
    "dies": _dies,
}
