"""One round of one live stream: the only place in which a model meets a stream, and it meets a view of it."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from segue.errors import AudioError, InferenceFailed, InvalidParameter, SegueError, one_line
from segue.service.engine import Engine
from segue.service.streams import LiveStream, Message, ModelChanged, Opened
from segue.speech.detector import Detector
from segue.speech.scores import Scores, score_many
from segue.speech.stream import DetectorStream
from segue.swap import Lease


@dataclass(slots=True, eq=False)
class Round:
    """What a stream is offered to a version with. It opens on it, goes over to it, or is on it already."""

    live: LiveStream
    lease: Lease[Engine]
    """What the round does counts only if this comes back."""
    detector: Detector
    stream: DetectorStream | None
    """None until the round has opened it."""
    hold: Lease[Engine] | None
    """On the version that it opens on or goes over to; None where it stays."""
    scores: Scores | None
    """What is scored: the stream's own where it stays, and not looked for later, for it may have another one by then;
    None where it is made anew."""
    error: BaseException | None = None

    @property
    def is_misfit(self) -> bool:
        """Whether the version cannot take the stream: the fault of who asked, or nobody's (another rate or frame)."""
        return self.hold is not None and isinstance(self.error, InvalidParameter | AudioError)

    @property
    def said(self) -> SegueError:
        """The error, as the stream is told it."""
        if isinstance(self.error, SegueError):
            return self.error
        what = "" if self.error is None else f"{type(self.error).__name__}: {one_line(self.error)}"
        return InferenceFailed(f"{self.lease.version}: {what}")

    def view(self) -> None:
        """Make what the model is to score, unless it is there: a stream that is open is heard again, a second of it."""
        scorer, rules, ask = self.detector.scorer, self.detector.rules, self.live.ask
        if self.stream is None:
            self.stream = DetectorStream(
                scorer, rules, sample_rate=ask.sample_rate, asked=ask.asked, keep=ask.probabilities
            )
            self.scores = self.stream.scores
        elif self.scores is None:
            self.scores = self.stream.moved_to(scorer, rules)

    def score(self) -> None:
        """Run the model on what is not scored yet."""
        if self.scores is not None:
            self.scores.score()

    def attempt(self, step: Callable[[], None]) -> None:
        """Do a step, unless one before it failed or the round was given up; ``error`` is what it raises."""
        if self.error is None and self.lease.outcome is None:
            try:
                step()
            except BaseException as error:  # noqa: BLE001 -- whatever a model raises is its stream's alone
                self.error = error

    def install(self, stream: DetectorStream) -> list[Message]:
        """Let the stream go on with what was scored; what is to be said about that."""
        place, detector = self.live.place, self.detector
        before, old = place.detector, place.hold
        if self.hold:
            place.detector, place.hold = detector, self.hold
        if before is None:
            place.stream = stream
            return [Opened(detector.model, stream.rules.mode, stream.sample_rate, stream.rules.preset)]
        if self.scores is None or self.scores is stream.scores:
            return []
        at_ms = stream.install(self.scores, detector.rules) * detector.scorer.frame_ms
        if self.hold and old:
            old.release()
        if before.model == detector.model:  # another life of the same is no news
            return []
        return [ModelChanged(before.model, detector.model, at_ms, stream.rules.mode, stream.rules.preset)]


def run(rounds: Sequence[Round], beat: Callable[[], None]) -> None:
    """Score them in one call; if that fails, one by one, so that only the one at fault knows."""
    for each in rounds:
        beat()
        each.attempt(each.view)
    beat()
    with suppress(BaseException):  # no stream has moved; each is tried by itself below, and raises again
        score_many(_alike(rounds))
    for each in rounds:
        beat()
        each.attempt(each.score)


def _alike(rounds: Sequence[Round]) -> list[Scores]:
    """The views of one scorer, that of the first: another life of the version may have begun meanwhile."""
    views = [each.scores for each in rounds if each.error is None and each.scores is not None]
    return [view for view in views if view.scorer is views[0].scorer]
