"""A running service as what finds the speech: recordings go to it, and come back as the detections of a detector."""

import io
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

from segue.client import Client
from segue.client.failure import is_silence
from segue.edges.batch.answer import Serving, to_detections, to_serving
from segue.edges.batch.crew import Checkpoint
from segue.edges.batch.outage import Outage
from segue.errors import (
    ConnectionBroken,
    InvalidParameter,
    SegueError,
    ServerRefused,
    ServerUnreachable,
    UnknownVersion,
    VersionNotReady,
)
from segue.settings import Settings
from segue.speech.detection import Detection
from segue.speech.source import Source, open_source

if TYPE_CHECKING:  # nothing is decoded or scored here
    from segue.speech.detector import Progress

T = TypeVar("T")

JOBS = 8
"""Recordings sent at once unless more are asked for. How many are detected at once, the server decides."""

_PATIENCE_S = 600.0
"""How long a server that has no room, or is not ready yet, is asked again for one recording."""

_ATTEMPTS = 5
"""How often a recording is sent whose connection breaks though the server answers."""

_SILENCE_S = 1800.0
"""Longest wait for an answer: a day of audio takes minutes, and others may be before it."""

_REACH_S = 5.0
_STEP_S = 0.2


class Remote:
    """The service at an address. Thread-safe. To make one asks what serves, and waits until that is ready.

    ``asked`` (mode, preset, parameters, as text) goes with every recording. With ``one_version`` the version that
    serves at the beginning answers them all. ``say`` is told what an operator should know, one line each.
    Raises ServerUnreachable, ServerRefused, InvalidParameter.
    """

    def __init__(
        self,
        url: str,
        asked: Mapping[str, Any],
        *,
        one_version: bool,
        say: Callable[[str], None],
        settings: Settings | None = None,
        clock_s: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._asked = asked
        self._say = say
        self._said = ""
        self._pause = pause
        self._clock_s = clock_s
        self._mine = threading.local()  # .checkpoint, of what this thread does just now
        self._client = Client(url, settings=settings, clock=clock_s, sleep=self._sleep)
        self._outage = Outage(self._reach, self._tell, clock_s=clock_s, pause=pause)
        self._version: str | None = None
        self._serving = self._first()  # replaced whole, by whoever asked last
        self._is_stale = False
        if one_version:
            self._version = self._serving.model.version

    def __repr__(self) -> str:
        return f"Remote({self._client.url}, {self._serving.model}, version {self._serving.model.version})"

    def serving(self) -> Serving:
        """What would answer now: asked at the beginning, and again once another version than that has answered."""
        if self._is_stale:
            self._is_stale = False  # first: an answer that comes meanwhile must not be overlooked
            try:
                self._serving = self._persist(self._ask, lambda: None)
            except SegueError:
                self._is_stale = True
                raise
        return self._serving

    def detect(self, source: str | BinaryIO, /, *, probabilities: bool, progress: "Progress") -> Detection:
        """As ``Detector.detect``: a path, or a file object, which is copied first if it is a pipe.

        ``progress`` is called while the recording is sent, without a length, and with it at the end. Raises as a
        detector does, and ServerRefused, ConnectionBroken; ServerUnreachable and VersionNotReady, which concern all
        recordings.
        """
        (detection,) = self._detect(source, "mix", probabilities, progress)
        return detection

    def detect_channels(
        self, source: str | BinaryIO, /, *, probabilities: bool, progress: "Progress"
    ) -> list[Detection]:
        """As ``Detector.detect_channels``; else as ``detect``."""
        return self._detect(source, "split", probabilities, progress)

    def _detect(
        self, source: str | BinaryIO, channels: str, probabilities: bool, progress: "Progress"
    ) -> list[Detection]:
        def checkpoint() -> None:
            progress(0, None)

        with ExitStack() as stack:
            opened = open_source(source, stack, check_head=_check_head)

            def send() -> dict[str, Any]:
                return self._client.detect(
                    cast(BinaryIO, _Body(opened, checkpoint)),
                    headers={"X-Segue-Version": self._version} if self._version else {},
                    read_timeout_s=_SILENCE_S,
                    patience_s=_PATIENCE_S,
                    channels=channels,
                    probabilities=probabilities,
                    parameters=True,
                    **self._asked,
                )

            try:
                detections = to_detections(self._persist(send, checkpoint))
            except ServerRefused as error:
                raise _named(error, opened.name) from error
        progress(detections[0].duration_ms, detections[0].duration_ms)
        if detections[0].model.version != self._serving.model.version:
            self._is_stale = True
        return detections

    # -- the server, which may be away ----------------------------------------------------------------------------

    def _first(self) -> Serving:
        """A server that is not there ends it at once: nothing is under way yet."""
        self._mine.checkpoint = lambda: None
        try:
            return self._ask()
        except ServerRefused as error:
            raise self._explained(error) from error

    def _ask(self) -> Serving:
        return to_serving(self._when_ready("/v1/serving", **self._asked))

    def _when_ready(self, path: str, **query: Any) -> dict[str, Any]:
        """A server that is there and not ready is waited for."""
        until_s = self._clock_s() + _PATIENCE_S
        while True:
            try:
                return self._client.get(path, **query)
            except ServerRefused as error:
                if error.status not in (429, 503) or self._clock_s() >= until_s:
                    raise
                self._tell(f"waiting for the server: {error}")
            self._sleep(1.0)

    def _persist(self, call: Callable[[], T], checkpoint: Checkpoint) -> T:
        """What the call answers, through outages. Asking twice does no harm: nothing is changed by it."""
        self._mine.checkpoint = checkpoint
        attempt, refused = 1, False
        while True:
            try:
                if refused:
                    self._when_ready("/readyz")
                return call()
            except ServerRefused as error:
                if refused or not self._is_closed(error):
                    raise self._explained(error) from error
                refused = True  # but a server that has just started knows no version yet
                continue
            except ServerUnreachable as error:
                broken = error
            self._outage.sit_out(checkpoint)  # so it is there, but for this recording
            if attempt == _ATTEMPTS or is_silence(broken.__cause__):
                times = f"{attempt} times" if attempt > 1 else "once"
                said = f"sent {times} in vain, though the server is there: its log may say why ({broken})"
                raise ConnectionBroken(said) from broken
            attempt += 1
            self._sleep(0.1 * 2**attempt)

    def _reach(self) -> None:
        with suppress(ServerRefused):  # it is there, and what it thinks of the recording it may say itself
            self._client.get("/livez", read_timeout_s=_REACH_S)

    def _tell(self, text: str) -> None:
        """Once, however many threads have it to say."""
        if text != self._said:
            self._said = text
            self._say(text)

    def _is_closed(self, error: ServerRefused) -> bool:
        return self._version is not None and error.code in (VersionNotReady.code, UnknownVersion.code)

    def _explained(self, error: ServerRefused) -> Exception:
        if error.code == InvalidParameter.code:
            return InvalidParameter(str(error))
        if self._is_closed(error):
            return VersionNotReady(
                f"--one-version: {self._version} answers no more ({error}); bring it back with segue switch --version "
                f"{self._version}, or begin again with what serves now: with --resume either goes on"
            )
        return error

    def _sleep(self, seconds: float) -> None:
        """The client's, when it was told to come again later."""
        until_s = self._clock_s() + seconds
        while (left_s := until_s - self._clock_s()) > 0:
            self._mine.checkpoint()
            self._pause(min(left_s, _STEP_S))


class _Body(io.RawIOBase):
    """A recording as the client reads it: every piece is a checkpoint; a fault of the disk is no end of the file."""

    def __init__(self, source: Source, checkpoint: Checkpoint) -> None:
        self._source = source
        self._checkpoint = checkpoint
        source.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._source.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._source.seek(offset, whence)

    def readinto(self, buffer: Any) -> int:
        self._checkpoint()
        data = self._source.read(len(buffer))
        if not data:
            self._source.check()
        buffer[: len(data)] = data
        return len(data)


def _named(error: ServerRefused, name: str) -> ServerRefused:
    """The server knows the recording only as the body of a request."""
    said = str(error)
    if said.startswith("body:"):
        said = name + said.removeprefix("body")
    return ServerRefused(said, code=error.code, status=error.status)


def _check_head(head: bytes, name: str) -> None:
    from segue.speech.container import check_head  # the decoders, for nothing but a look at a long pipe

    check_head(head, name)
