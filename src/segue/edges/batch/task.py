"""One input -> its outcome: detected, rendered, and written if there is a directory for results."""

import hashlib
import json
import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from segue.edges.batch.crew import Checkpoint, Stopped
from segue.edges.batch.inputs import STDIN, Input
from segue.edges.batch.results import ResultDirectory
from segue.errors import OutputError, SegueError
from segue.speech.formats import Format
from segue.speech.names import printable

if TYPE_CHECKING:  # the caller has loaded it, or has had no need to
    from segue.speech.audio import AudioSource
    from segue.speech.detection import Detection, ModelIdentity
    from segue.speech.detector import Progress
    from segue.speech.rules import Rules

_MADE_BY = 2
"""To be raised whenever the same bytes, model and parameters would give another result, or a file of another content:
so that --resume makes anew what an older Segue made."""


class Finder(Protocol):
    """What finds the speech: a ``Detector`` on this machine, or a running service (``remote.Remote``)."""

    def detect(self, source: str | BinaryIO, /, *, probabilities: bool, progress: "Progress") -> "Detection": ...
    def detect_channels(
        self, source: str | BinaryIO, /, *, probabilities: bool, progress: "Progress"
    ) -> "list[Detection]": ...


class Maker(Protocol):
    """What made a result, or would make one now: every ``Detection`` says it, and so does a ``Detector``."""

    @property
    def model(self) -> "ModelIdentity": ...
    @property
    def rules(self) -> "Rules": ...


class Extra(Protocol):
    """What is made of every input beside its result (``Cuts``, ``Plots``): from its audio, read once more."""

    @property
    def directory(self) -> Path: ...
    @property
    def needs_probabilities(self) -> bool: ...
    def reserve(self, sources: Sequence[str], /) -> None: ...
    def made_by(self, source: str, /) -> str: ...
    def holds(self, source: str, made_by: str, /) -> bool: ...
    def make(
        self,
        item: Input,
        audio: "AudioSource",
        detections: "Sequence[Detection]",
        /,
        *,
        made_by: str,
        progress: "Progress",
    ) -> str: ...
    def discard(self, source: str, /) -> None: ...
    def finish(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an input has no result. ``trace`` is for --debug."""

    code: str
    message: str
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one input. ``items`` wait to be printed; there are none where a file was written. ``notes`` too.

    ``speech_ms`` of split channels is their mean, as ``duration_ms`` is that of one.
    """

    input: Input
    items: Sequence[str] = ()
    duration_ms: int = 0
    speech_ms: int = 0
    failure: Failure | None = None
    skipped: bool = False
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of every input alike. ``names``: what the format calls a file, where not as it was given."""

    format: Format
    split: bool = False
    probabilities: bool = False
    resume: bool = False
    names: Mapping[str, str] = field(default_factory=dict)


class Task:
    """Does one input after another for any number of threads. ``heard`` is told how far the input has come.

    ``expected`` is what would make a result now, for resume alone: what did make one, the result itself says.
    """

    def __init__(
        self,
        finder: Finder,
        request: Request,
        *,
        expected: Callable[[], Maker],
        results: ResultDirectory | None = None,
        extras: Sequence[Extra] = (),
        stdin: BinaryIO | None = None,
    ) -> None:
        self._finder = finder
        self._expected = expected
        self._request = request
        self._results = results
        self._extras = extras
        self._kept: list[ResultDirectory | Extra] = [*([results] if results else []), *extras]
        self._scored = request.probabilities or any(extra.needs_probabilities for extra in extras)
        self._stdin = stdin

    def run(self, item: Input, checkpoint: Checkpoint, heard: "Progress") -> Outcome:
        """The outcome, whatever the input does. Raises OutputError, which concerns all inputs, and Stopped."""
        try:
            return self._run(item, checkpoint, heard)
        except (Stopped, OutputError):
            raise
        except SegueError as error:
            failure = Failure(error.code, str(error), traceback.format_exc())
        except Exception as error:  # noqa: BLE001  # a fault of ours in one input must not lose the others' results
            message = (
                f"{printable(item.file)}: {type(error).__name__}: {error}; this is a fault in Segue: --debug tells more"
            )
            failure = Failure("internal", message, traceback.format_exc())
        return self._failed(item, failure)

    def _run(self, item: Input, checkpoint: Checkpoint, heard: "Progress") -> Outcome:
        if item.problem:
            raise item.problem
        before = _stamp(item) if self._kept else None
        sha256 = ""
        if before and self._request.resume:
            maker = self._digest(item, self._expected())
            if all(kept.made_by(item.source).startswith(maker) for kept in self._kept):
                sha256 = _sha256(item, checkpoint)
                if sha256 and all(kept.holds(item.source, maker + sha256) for kept in self._kept):
                    return Outcome(item, skipped=True)

        def progress(heard_ms: int, promised_ms: int | None) -> None:
            checkpoint()
            heard(heard_ms, promised_ms)

        with ExitStack() as stack:
            source = self._source(item, stack)
            detect = self._finder.detect_channels if self._request.split else self._one
            detections = detect(source, probabilities=self._scored, progress=progress)
            if before and not sha256:  # not earlier: what cannot be detected, however large, is not read for nothing
                sha256 = _sha256(item, checkpoint)
            known = sha256 and before == _stamp(item)  # else: of which bytes is the result?
            made_by = self._digest(item, detections[0]) + sha256 if known else ""
            notes = [
                extra.make(item, source, detections, made_by=made_by, progress=lambda *_: checkpoint())
                for extra in self._extras
            ]
        if not self._request.probabilities:
            detections = [replace(detection, probabilities=None) for detection in detections]
        items = self._request.format.render(self._request.names.get(item.file, item.file), detections)
        if self._results:
            version = detections[0].model.version or ""
            self._results.write(item.source, _bytes(self._request.format, items), made_by=made_by, version=version)
            items = []
        speech_ms = sum(detection.speech_ms for detection in detections) // len(detections)
        told = [note for note in notes if note]
        return Outcome(item, items, detections[0].duration_ms, speech_ms, notes=told)

    def _source(self, item: Input, stack: ExitStack) -> str | BinaryIO:
        """What is to be detected. Of a pipe that is read again there has to be a copy."""
        given = self._stdin if item.file == STDIN and self._stdin else item.file
        if not self._extras or os.path.isfile(item.file):
            return given
        from segue.speech.container import check_head
        from segue.speech.source import open_source

        return cast(BinaryIO, open_source(given, stack, check_head=check_head))

    def _one(self, source: str | BinaryIO, *, probabilities: bool, progress: "Progress") -> "list[Detection]":
        return [self._finder.detect(source, probabilities=probabilities, progress=progress)]

    def _failed(self, item: Input, failure: Failure) -> Outcome:
        fail = self._request.format.fail
        items = fail(item.file, failure.code, failure.message) if fail else []
        if self._results and items:
            self._results.write(item.source, _bytes(self._request.format, items))
            items = []
        elif self._results:
            self._results.discard(item.source)
        for extra in self._extras:
            extra.discard(item.source)
        return Outcome(item, items, failure=failure)

    def _digest(self, item: Input, maker: Maker) -> str:
        """Of all but the file's bytes that decides the result. A service's name for the model is not of that."""
        request = self._request
        facts = [maker.model.digest, maker.rules.parameters(), request.split, request.probabilities]
        facts += [request.names[item.file]] if item.file in request.names else []
        return hashlib.sha256(json.dumps([_MADE_BY, *facts], sort_keys=True).encode()).hexdigest() + "-"


def _sha256(item: Input, checkpoint: Checkpoint) -> str:
    """Of the file's bytes; empty where it cannot be read."""
    sha256 = hashlib.sha256()
    try:
        with open(item.file, "rb") as file:
            while block := file.read(2**20):
                checkpoint()
                sha256.update(block)
    except OSError:
        return ""  # the detector will meet it too, and say what is wrong
    return sha256.hexdigest()


def _stamp(item: Input) -> tuple[int, ...] | None:
    """Changes when the file does. None for what can be read only once: no resume may trust the result of that."""
    if item.file == STDIN or not os.path.isfile(item.file):
        return None
    try:
        now = os.stat(item.file)
    except OSError:  # gone just now
        return None
    return now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns


def _bytes(form: Format, items: Sequence[str]) -> bytes:
    return form.document(items).encode(errors="backslashreplace")
