"""One scorer's view of a stream of samples, from which another scorer can take over between two frames.

Scoring is apart from what comes before (``offer``) and after it (``take``), so that the chunks of many streams can be
scored together (``score_many``), and because it is the only part in which a model runs: a call that never comes back
hangs in here, and holds nothing but this view of the stream, which another one can replace.
"""

from collections import deque
from collections.abc import Sequence

import numpy as np

from segue.errors import InferenceFailed, MalformedOutput
from segue.speech.scorer import Samples, Scorer, ScoreStream, SilenceProbs

_REPLAY_MS = 1_000
"""Audio kept for a scorer to come: more than an FSMN-VAD's whole memory (825 ms). One that asks for more than was kept
starts warm, not exact."""

_MOST_OWED_MS = 60_000
"""Audio kept for a scorer that fails and fails; then the stream takes no more."""

_MOST_P = 1 + 1e-4  # a softmax may round to a little over 1

_NOTHING = np.empty(0, dtype=np.float32)


class Scores:
    """One scorer's view of a stream: scores what comes, and keeps what another scorer would have to hear again.

    That is all audio from ``_REPLAY_MS`` before the first undecided frame on. When scoring fails the chunk is kept: it
    is scored first with the next one, or by the scorer that takes over.
    """

    def __init__(self, scorer: Scorer, *, frame: int = 0) -> None:
        self.scorer = scorer
        self.frame = frame
        """The next frame to be taken."""
        self._stream: ScoreStream = scorer.open()
        self._skip = 0  # frames that will come out of the scorer and were decided by the version before
        self._ready: list[SilenceProbs] = []  # frames that came out and were not taken yet
        self._owed: list[Samples] = []  # chunks not scored yet
        self._ended = self._finished = False  # no audio follows; and the scorer has given what waited for it
        self._damaged = False
        self._recent: deque[Samples] = deque()
        self._recent_at = 0  # position in the stream of the first sample in them
        self._hop = scorer.sample_rate * scorer.frame_ms // 1000
        self._replay_samples = scorer.sample_rate * max(_REPLAY_MS, scorer.context_ms) // 1000

    @property
    def is_finished(self) -> bool:
        """Whether all there is was scored and taken."""
        return self._finished and not self._ready

    @property
    def is_damaged(self) -> bool:
        """Whether the scorer answered what is no probability: only ``moved_to``, the same scorer too, goes on then."""
        return self._damaged

    def offer(self, samples: Samples) -> None:
        """Give the next samples of the stream. Raises InferenceFailed when a minute waits to be scored already."""
        owed_ms = sum(map(len, self._owed)) * 1000 // self.scorer.sample_rate
        if owed_ms > _MOST_OWED_MS:
            raise InferenceFailed(
                f"{owed_ms} ms of audio could not be scored; adopt another model or open a new stream"
            )
        self._owe(samples)

    def end(self, samples: Samples) -> None:
        """Give the last samples: no audio follows."""
        self._owe(samples)
        self._ended = True

    def score(self) -> None:
        """Run the model on what was given and is not scored yet. Raises InferenceFailed; the samples are kept then."""
        if self._owed and not self._damaged:
            self._keep(self._stream.accept(self._owing()))
        if self._ended and not self._finished and not self._damaged:
            self._ready.append(self._undecided(self._stream.finish()))
            self._finished = not self._damaged
        if self._damaged:
            raise MalformedOutput(f"{type(self.scorer).__name__} answered what is no probability; adopt another model")

    def take(self) -> SilenceProbs:
        """p(silence) of the frames that were scored since the last time."""
        if len(self._ready) == 1:
            (scored,) = self._ready
        else:
            scored = np.concatenate((_NOTHING, *self._ready))
        self._ready.clear()
        self.frame += len(scored)
        self._forget()
        return scored

    def moved_to(self, scorer: Scorer) -> "Scores":
        """The same stream in another scorer, from the same next frame on. This one is left as it is."""
        new = Scores(scorer, frame=self.frame)
        oldest = -(-self._recent_at // self._hop)
        start = max(oldest, self.frame - -(-scorer.context_ms // scorer.frame_ms))
        replayed = np.concatenate((_NOTHING, *self._recent))[start * self._hop - self._recent_at :]
        new._recent, new._recent_at = self._recent.copy(), self._recent_at  # all: the next one may want more than this
        new._skip = self.frame - start
        new._owed, new._ended = [replayed], self._ended
        new.score()
        return new

    def _owe(self, samples: Samples) -> None:
        if len(samples):
            self._recent.append(samples.copy())  # the caller may use its buffer again
            self._owed.append(self._recent[-1])

    def _owing(self) -> Samples:
        return self._owed[0] if len(self._owed) == 1 else np.concatenate(self._owed)

    def _keep(self, scored: SilenceProbs) -> None:
        """What the model made of all that was owed; what is no probability is still owed."""
        scored = self._undecided(scored)
        if not self._damaged:
            self._owed.clear()
            self._ready.append(scored)

    def _undecided(self, scored: SilenceProbs) -> SilenceProbs:
        """Check, and drop what the version before has decided. A NaN that passed here would look like silence."""
        if len(scored) and not (np.minimum.reduce(scored) >= 0 and np.maximum.reduce(scored) <= _MOST_P):
            self._damaged = True
            return _NOTHING
        if not self._skip:
            return scored
        skipped = min(self._skip, len(scored))
        self._skip -= skipped
        return scored[skipped:]

    def _forget(self) -> None:
        """Let go of audio that no scorer to come will hear."""
        drop = self.frame * self._hop - self._replay_samples - self._recent_at
        while self._recent and drop >= len(self._recent[0]):
            drop -= len(self._recent[0])
            self._recent_at += len(self._recent.popleft())
        if self._recent and drop > self._replay_samples:  # the rest of one long chunk
            self._recent[0] = self._recent[0][drop:].copy()
            self._recent_at += drop


def score_many(views: Sequence[Scores]) -> None:
    """Score what was given to distinct streams of one scorer in one inference: most of what ``score`` does for each.

    ``score`` afterwards does the rest, and raises for the one whose answer was no probability. When this raises,
    whatever the scorer raised, no stream has moved, and each may be tried by itself.
    """
    owing = [view for view in views if view._owed]
    if len(owing) > 1:
        streams, chunks = [view._stream for view in owing], [view._owing() for view in owing]
        for view, scored in zip(owing, owing[0].scorer.accept_many(streams, chunks), strict=True):
            view._keep(scored)
