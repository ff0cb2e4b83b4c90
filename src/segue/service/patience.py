"""How long a call may make no progress, version by version."""

import time
from collections.abc import Callable

from segue.service.engine import Engine
from segue.service.watch import Watch
from segue.swap import Health, Switchboard, VersionId

LEAST_S = 1.0
"""What a version that has to prove itself has at the least."""

_TIMES = 10.0
"""So many times what the version that it would replace takes, nearly always, is its time."""

_REFRESH_S = 1.0


class Patience:
    """The limits. Safe for threads: what it remembers is replaced whole.

    A version beside which another one is warm that could answer has the larger of a second and ten times that one's
    99th percentile for so much audio; any other has the watch's ``stall_s``.
    """

    def __init__(
        self, board: Switchboard[Engine], health: Health, watch: Watch, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._board = board
        self._health = health
        self._watch = watch
        self._clock = clock
        self._paces: dict[VersionId, tuple[float, float]] = {}  # (seconds a second of audio, measured when)

    def of(self, version: VersionId, audio_s: float) -> float:
        """Seconds without progress at so much audio after which a call of this version is given up."""
        instead = self._board.instead_of(version)
        if instead is None:
            return self._watch.stall_s
        return min(self._watch.stall_s, max(LEAST_S, _TIMES * self._pace(instead) * audio_s))

    def _pace(self, version: VersionId) -> float:
        now_s = self._clock()
        pace, at_s = self._paces.get(version, (0.0, float("-inf")))
        if now_s - at_s > _REFRESH_S:
            pace = self._health.figures(version).p99_pace or pace
            self._paces = {**self._paces, version: (pace, now_s)}
        return pace
