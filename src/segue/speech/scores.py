"""One scorer's view of a stream of samples, from which another scorer can take over between two frames."""

from collections import deque

import numpy as np

from segue.speech.scorer import Probs, Samples, Scorer, ScoreStream

_REPLAY_MS = 1_000
"""Audio kept for a scorer to come: more than an FSMN-VAD's whole memory (825 ms)."""

_NOTHING = np.empty(0, dtype=np.float32)


class Scores:
    """One scorer's view of a stream: scores what comes, and keeps what another scorer would have to hear again.

    That is all audio from ``_REPLAY_MS`` before the first undecided frame on: so a chunk whose scoring failed is still
    there for the version that takes over.
    """

    def __init__(self, scorer: Scorer, *, frame: int = 0) -> None:
        self.scorer = scorer
        self.frame = frame
        """The next frame to come out."""
        self._stream: ScoreStream = scorer.open()
        self._skip = 0  # frames that will come out of the scorer and were decided by the version before
        self._ready: Probs = _NOTHING  # frames that the replay yielded beyond those
        self._recent: deque[Samples] = deque()
        self._recent_at = 0  # position in the stream of the first sample in them
        self._hop = scorer.sample_rate * scorer.frame_ms // 1000
        self._replay_samples = scorer.sample_rate * _REPLAY_MS // 1000

    def accept(self, samples: Samples) -> Probs:
        """Score the next samples of the stream: p(silence) of the frames that they completed."""
        self._recent.append(samples.copy())  # the caller may use its buffer again
        return self._out(self._stream.accept(samples))

    def finish(self) -> Probs:
        """Score what waited for look-ahead."""
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

    def _out(self, scored: Probs) -> Probs:
        scored = self._undecided(scored)
        if len(self._ready):
            scored, self._ready = np.concatenate((self._ready, scored)), _NOTHING
        self.frame += len(scored)
        needed_from = self.frame * self._hop - self._replay_samples
        while self._recent and self._recent_at + len(self._recent[0]) <= needed_from:
            self._recent_at += len(self._recent.popleft())
        return scored

    def _undecided(self, scored: Probs) -> Probs:
        if not self._skip:
            return scored
        skipped = min(self._skip, len(scored))
        self._skip -= skipped
        return scored[skipped:]
