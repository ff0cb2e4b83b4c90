"""Requests of the same period side by side: one of the rarer version with as many of the other as its share promises.

Within a block nothing but the draw decides which request was on trial, whatever load, hour or audio there was. Where
latency is compared, only those stand side by side that began in equal ``company``: a trial mostly runs beside its
primary, which mostly runs alone, and on a busy machine an equal version looked up to 1.3 times as slow for that.
"""

from collections import deque
from dataclasses import dataclass

WIDEST = 16
"""Beyond 16 to 1, more of the commoner version say next to nothing."""
_CROWD = 8  # when so many wait, the share promises too much: they are content with what there is
_WAITING = 64
_MOST_COMPANY = 16  # beyond it, all are alike: the machine is full


@dataclass(frozen=True, slots=True)
class Unit:
    """A key's request. ``log_latency`` is the natural logarithm of seconds by second of audio; None: no latency."""

    at_s: float
    failed: bool
    log_latency: float | None


@dataclass(frozen=True, slots=True)
class Block:
    """One against many."""

    one: Unit
    many: tuple[Unit, ...]
    one_is_trial: bool


class Blocks:
    """What waits for its like: at most 64 a side, none longer than ``period_s``."""

    __slots__ = ("_period_s", "_waiting")

    def __init__(self, *, period_s: float) -> None:
        self._period_s = period_s
        # By chance, for only keys that were as likely to be on trial may stand side by side; trial, primary.
        self._waiting: dict[tuple[float, int], tuple[deque[Unit], deque[Unit]]] = {}

    def accept(self, unit: Unit, chance: float, *, on_trial: bool, company: int = 0) -> Block | None:
        """Take a unit that was on trial with this chance; the block that is complete with it, if one is."""
        alike = (chance, min(company, _MOST_COMPANY))
        sides = self._waiting.get(alike)
        if sides is None:
            sides = self._waiting[alike] = (deque(maxlen=_WAITING), deque(maxlen=_WAITING))
        trials, primaries = sides
        (trials if on_trial else primaries).append(unit)
        for side in sides:
            while side and side[0].at_s < unit.at_s - self._period_s:
                side.popleft()
        one_is_trial = chance <= 0.5
        few, many = (trials, primaries) if one_is_trial else (primaries, trials)
        if not few or not many:
            return None
        wanted = int(min((1 - chance) / chance if one_is_trial else chance / (1 - chance), WIDEST)) or 1
        if len(few) >= _CROWD:
            wanted = min(wanted, max(1, len(many) // len(few)))
        if len(many) < wanted:
            return None
        return Block(few.popleft(), tuple(many.popleft() for _ in range(wanted)), one_is_trial)

    def clear(self) -> None:
        """Nobody waits any longer: a new period begins."""
        self._waiting.clear()
