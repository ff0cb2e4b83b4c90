"""One scorer's view of a stream of samples, from which another scorer can take over between two frames."""

from collections import deque

import numpy as np

from segue.errors import InferenceFailed
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
        """The next frame to come out."""
        self._stream: ScoreStream = scorer.open()
        self._skip = 0  # frames that will come out of the scorer and were decided by the version before
        self._ready: SilenceProbs = _NOTHING  # frames that the replay yielded beyond those
        self._owed: list[Samples] = []  # chunks whose scoring failed
        self._damaged = False  # it answered what is no probability, and only another scorer can go on from there
        self._recent: deque[Samples] = deque()
        self._recent_at = 0  # position in the stream of the first sample in them
        self._hop = scorer.sample_rate * scorer.frame_ms // 1000
        self._replay_samples = scorer.sample_rate * max(_REPLAY_MS, scorer.context_ms) // 1000

    def accept(self, samples: Samples) -> SilenceProbs:
        """Score the next samples of the stream: p(silence) of the frames that they completed.

        Raises InferenceFailed; the samples are kept then, unless a minute of them is owed already.
        """
        owed_ms = sum(map(len, self._owed)) * 1000 // self.scorer.sample_rate
        if owed_ms > _MOST_OWED_MS:
            raise InferenceFailed(
                f"{owed_ms} ms of audio could not be scored; adopt another model or open a new stream"
            )
        self._recent.append(samples.copy())  # the caller may use its buffer again
        self._owed.append(self._recent[-1])
        scored = self._out(self._stream.accept(samples if len(self._owed) == 1 else np.concatenate(self._owed)))
        self._owed.clear()
        return scored

    def finish(self) -> SilenceProbs:
        """Score what waited for look-ahead. Once; again only after it raised."""
        return self._out(self._stream.finish())

    def moved_to(self, scorer: Scorer) -> "Scores":
        """The same stream in another scorer, from the same next frame on. This one is left as it is."""
        new = Scores(scorer, frame=self.frame)
        oldest = -(-self._recent_at // self._hop)
        start = max(oldest, self.frame - -(-scorer.context_ms // scorer.frame_ms))
        replayed = np.concatenate((_NOTHING, *self._recent))[start * self._hop - self._recent_at :]
        new._recent, new._recent_at = deque([replayed]), start * self._hop
        new._skip = self.frame - start
        new._ready = new._undecided(new._stream.accept(replayed))
        return new

    def _out(self, scored: SilenceProbs) -> SilenceProbs:
        scored = self._undecided(scored)
        if len(self._ready):
            scored, self._ready = np.concatenate((self._ready, scored)), _NOTHING
        self.frame += len(scored)
        self._forget()
        return scored

    def _undecided(self, scored: SilenceProbs) -> SilenceProbs:
        """Check, and drop what the version before has decided. A NaN that passed here would look like silence."""
        if len(scored) and not (np.minimum.reduce(scored) >= 0 and np.maximum.reduce(scored) <= _MOST_P):
            self._damaged = True
        if self._damaged:
            raise InferenceFailed(f"{type(self.scorer).__name__} answered what is no probability; adopt another model")
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
        if drop > self._replay_samples:  # the rest of one long chunk
            self._recent[0] = self._recent[0][drop:].copy()
            self._recent_at += drop
