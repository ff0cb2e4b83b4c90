"""Keys as coin flips: how likely it was, before the side was known, that a key would be on trial.

A key's side is decided by a number drawn for it, uniform from 0 to 1: below the share it is on trial (see route.py). A
key is counted once, with the chance ``share``; so whatever it does later, and however alike its requests are, it is one
flip. As the share grows, a key that was counted with the primary is flipped again: its number is known to lie above
the share of then, so that the chance is (share - then) / (1 - then). One that was counted on trial stays there and is
never flipped again.
"""


class Draws:
    """The keys counted so far: at most ``most``; beyond, the one first counted is forgotten and may count again."""

    __slots__ = ("_counted", "_most")

    def __init__(self, *, most: int = 100_000) -> None:
        self._most = most
        self._counted: dict[int, float] = {}  # the share at which a key was counted with the primary; 1 is on trial

    def __len__(self) -> int:
        return len(self._counted)

    def draw(self, key: str, share: float, *, on_trial: bool) -> float | None:
        """The chance that it would be on trial, and count it; None if it has been counted. "" is new each time."""
        if not key:
            return share if share > 0 else None
        name = hash(key)  # keys are as long as clients like; a number is not
        before = self._counted.get(name, 0.0)
        if share <= before:
            return None
        if before == 0.0 and len(self._counted) >= self._most:
            del self._counted[next(iter(self._counted))]
        self._counted[name] = 1.0 if on_trial else share
        return (share - before) / (1 - before)
