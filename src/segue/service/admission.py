"""How much work the service takes at once. What is beyond is refused with the time after which to come again."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from segue.errors import Overloaded, ShuttingDown, TooManyRequests
from segue.service.rate import Rate
from segue.settings import Settings

_RETRY_AFTER_S = 1


class Admission:
    """Places for recordings, from the first byte of the body to the answer; and for live streams. Safe for threads.

    ``rate``: how often one client may ask for a place; what is refused for want of one counts.
    """

    def __init__(self, *, most: int, most_per_client: int, what: str, rate: Rate | None = None) -> None:
        self._most = most
        self._most_per_client = min(most, most_per_client)
        self._what = what
        self._rate = rate or Rate(None)
        self._changed = threading.Condition()  # guards all below
        self._clients: Counter[str] = Counter()
        self._closed = False
        self.taken = 0
        self.refused = 0

    @contextmanager
    def place(self, client: str) -> Iterator[None]:
        """A place for the length of a block. Raises Overloaded, TooManyRequests, ShuttingDown."""
        with self._changed:
            self._check(client)
            self.taken += 1
            self._clients[client] += 1
        try:
            yield
        finally:
            with self._changed:
                self.taken -= 1
                self._clients[client] -= 1
                if not self._clients[client]:
                    del self._clients[client]
                self._changed.notify_all()

    def close(self) -> None:
        """Take no more."""
        with self._changed:
            self._closed = True

    def wait_empty(self, deadline_s: float) -> bool:
        """Wait until all places are free; whether they are."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.taken, deadline_s)

    def _check(self, client: str) -> None:
        """Under the lock."""
        if self._closed:
            raise ShuttingDown("the service is being stopped: try again in a moment", retry_after_s=5)
        try:
            self._rate.take(client)
        except TooManyRequests:
            self.refused += 1
            raise
        if self._clients[client] >= self._most_per_client < self._most:
            self.refused += 1
            raise TooManyRequests(
                f"{self._clients[client]} {self._what} of this client are under way, its share of {self._most}: "
                "send fewer at once, or try again later",
                retry_after_s=_RETRY_AFTER_S,
            )
        if self.taken >= self._most:
            self.refused += 1
            raise Overloaded(
                f"{self.taken} {self._what} are under way, as many as are taken at once: try again later",
                retry_after_s=_RETRY_AFTER_S,
            )


def admissions(settings: Settings) -> tuple[Admission, Admission]:
    """For recordings and for streams: each with its places, both with one rate."""
    rate = Rate(settings.max_starts_per_s)
    recordings, streams = settings.max_requests_per_client, settings.max_streams_per_client
    return (
        Admission(most=settings.max_requests, most_per_client=recordings, what="recordings", rate=rate),
        Admission(most=settings.max_streams, most_per_client=streams, what="streams", rate=rate),
    )
