"""A Scorer whose work is done in a process of its own."""

import itertools
import weakref
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn, cast

import numpy as np

from segue.errors import InvalidParameter, ModelInvalid
from segue.models.isolated.host import START_S, Host
from segue.speech.rules import Rules
from segue.speech.scorer import Samples, ScoreStream, SilenceProbs


class IsolatedScorer:
    """A model in a process of its own, ready to run there. Immutable and thread-safe, like the model itself.

    It answers what the model answers in this process, bit for bit. What the process does (dies, takes too much memory)
    is a ModelDied out of every call from then on; ``host`` can kill and close it.
    """

    def __init__(self, host: Host, *, sample_rate: int, frame_ms: int, context_ms: int) -> None:
        self.host = host
        self._sample_rate, self._frame_ms, self._context_ms = sample_rate, frame_ms, context_ms
        self._numbers = itertools.count()
        self._gone: deque[int] = deque()  # streams that nobody has any more: the next call says so

    def __repr__(self) -> str:
        return f"<IsolatedScorer {self.host}>"

    @property
    def sample_rate(self) -> int:
        """Hz of the samples that streams accept."""
        return self._sample_rate

    @property
    def frame_ms(self) -> int:
        """Milliseconds from one frame to the next."""
        return self._frame_ms

    @property
    def context_ms(self) -> int:
        """Milliseconds of audio to replay so that a new stream's state equals that of one that heard everything."""
        return self._context_ms

    def open(self) -> "IsolatedStream":
        """A new stream at time 0. Raises ModelDied."""
        if self.host.process.fate:
            raise self.host.process.death()
        return IsolatedStream(self, next(self._numbers))

    def accept_many(self, streams: Sequence[ScoreStream], chunks: Sequence[Samples]) -> list[SilenceProbs]:
        """As ``Scorer.accept_many``: one message for all of them. Raises InferenceFailed; no stream has moved then."""
        own = [stream.number for stream in streams if isinstance(stream, IsolatedStream) and stream.scorer is self]
        if len(own) != len(streams) or len(set(own)) != len(own) or len(chunks) != len(own):
            raise ValueError("accept_many takes distinct streams of this scorer and one chunk for each")
        if not own:
            return []
        answers = self.host.call("accept_many", own, list(chunks), self._no_longer())
        if not isinstance(answers, list) or len(answers) != len(own):
            self._refuse()
        return [self.checked(answer) for answer in answers]

    def ask(self, method: str, *arguments: Any) -> SilenceProbs:
        """Call a method of the desk that answers for one stream. For the streams."""
        return self.checked(self.host.call(method, *arguments, self._no_longer()))

    def leave(self, number: int) -> None:
        """Nobody has this stream any more. From any thread, in the middle of anything; never waits."""
        self._gone.append(number)

    def checked(self, answer: object) -> SilenceProbs:
        """What came is what the other side promises, or it is not ours any more. Raises ModelDied."""
        if not (isinstance(answer, np.ndarray) and answer.dtype == np.float32 and answer.ndim == 1):
            self._refuse()
        return cast(SilenceProbs, answer)

    def _refuse(self) -> NoReturn:
        self.host.process.kill("was killed: it answered what is no answer")
        raise self.host.process.death()

    def _no_longer(self) -> list[int]:
        gone: list[int] = []
        while self._gone:
            try:
                gone.append(self._gone.popleft())
            except IndexError:  # another thread has it
                break
        return gone


class IsolatedStream:
    """One audio stream, whose state is in the other process. One thread at a time."""

    def __init__(self, scorer: IsolatedScorer, number: int) -> None:
        self.scorer = scorer
        self.number = number
        weakref.finalize(self, scorer.leave, number).atexit = False

    def accept(self, samples: Samples) -> SilenceProbs:
        """Feed float32 (n,) at the model's rate; return p0 of the frames that they completed.

        Raises InferenceFailed; the stream has not moved then.
        """
        return self.scorer.ask("accept", self.number, samples)

    def finish(self) -> SilenceProbs:
        """No audio follows: return p0 of the frames that waited for look-ahead. Raises InferenceFailed."""
        return self.scorer.ask("finish", self.number)


def load(
    directory: Path,
    kind: str = "fsmn-vad",
    *,
    name: str = "",
    loader: str = "",
    most_memory_bytes: int | None = None,
    start_s: float = START_S,
) -> tuple[IsolatedScorer, Rules]:
    """What ``models.load`` does, in a process of its own; ``loader`` (``module:attribute``) in place of the kind's.

    ``name``: what errors call it. ``most_memory_bytes``: the process is killed when it takes more. ``start_s``: longest
    time until it has loaded. Raises ModelError.
    """
    name = name or directory.name
    arguments = (str(directory.absolute()), kind, loader)
    desk = "segue.models.isolated.desk:load"
    host = Host(desk, *arguments, name=name, most_memory_bytes=most_memory_bytes, start_s=start_s)
    try:
        return _described(host, host.call("facts"))
    except BaseException:
        host.close()
        raise


def _described(host: Host, facts: Any) -> tuple[IsolatedScorer, Rules]:
    """The scorer and rules that the other side says it has. Raises ModelInvalid."""
    try:
        sample_rate, frame_ms, context_ms = facts["scorer"]
        if not all(type(fact) is int for fact in facts["scorer"]) or sample_rate <= 0 or frame_ms <= 0:
            raise ModelInvalid(f"{host.name}: a rate of {sample_rate!r}, frames of {frame_ms!r} ms")
        (_, model), *layers = facts["layers"]
        rules = Rules.of(model, *((source, layer) for source, layer in layers), **facts["rules"])
    except (KeyError, TypeError, ValueError, AttributeError, InvalidParameter) as error:
        raise ModelInvalid(f"{host.name}: what it says of itself cannot be used: {error}") from error
    return IsolatedScorer(host, sample_rate=sample_rate, frame_ms=frame_ms, context_ms=context_ms), rules
