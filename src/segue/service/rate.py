"""How often a client may begin something: a bucket a client that fills at an even rate (a token bucket)."""

import math
import threading
import time
from collections.abc import Callable

from segue.errors import TooManyRequests

_MOST_KNOWN = 10_000
"""Clients remembered before those are forgotten who have not come lately."""


class Rate:
    """``per_s`` beginnings a second for each client, and as many at once as a second brings, one at the least.

    None is no bound. Safe for threads.
    """

    def __init__(self, per_s: float | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._clock = clock
        self._lock = threading.Lock()  # guards _free_at_s; held for microseconds
        self._free_at_s: dict[str, float] = {}
        """When a client's bucket is full again; who is not in it has a full one."""

    def take(self, client: str) -> None:
        """One beginning of this client. Raises TooManyRequests, which costs nothing."""
        if self._per_s is None:
            return
        now_s, each_s, most_s = self._clock(), 1 / self._per_s, max(1.0, 1 / self._per_s)
        with self._lock:
            full_s = max(now_s, self._free_at_s.get(client, now_s)) + each_s
            over_s = full_s - now_s - most_s
            if over_s <= 1e-9:
                self._free_at_s[client] = full_s
            if len(self._free_at_s) > _MOST_KNOWN:
                self._free_at_s = {name: at_s for name, at_s in self._free_at_s.items() if at_s > now_s}
        if over_s > 1e-9:
            raise TooManyRequests(
                f"this client has begun more than {self._per_s:g} recordings and streams a second: send fewer",
                retry_after_s=math.ceil(over_s),
            )
