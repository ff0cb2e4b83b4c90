"""A server that does not answer: all threads wait for it together, a while, and say so once."""

import threading
import time
from collections.abc import Callable

from segue.edges.batch.crew import Checkpoint
from segue.errors import ServerUnreachable

PATIENCE_S = 30.0
"""A server that restarts is back in seconds."""

_POLL_S = 0.5


class Outage:
    """The outages of one server. Thread-safe.

    ``reach`` asks the server whether it is there, and raises ServerUnreachable if not.
    """

    def __init__(
        self,
        reach: Callable[[], object],
        say: Callable[[str], None],
        *,
        clock_s: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._reach = reach
        self._say = say
        self._clock_s = clock_s
        self._pause = pause
        self._lock = threading.Lock()  # guards the two below
        self._began_s: float | None = None
        self._is_final = False

    def sit_out(self, checkpoint: Checkpoint) -> None:
        """Come back when the server answers.

        Raises ServerUnreachable in every thread, and ever after, once it has not for ``PATIENCE_S``.
        """
        while (error := self._try()) is not None:
            if self._is_for_good():
                raise error
            checkpoint()
            self._pause(_POLL_S)
        with self._lock:
            was_out, self._began_s = self._began_s is not None, None
        if was_out:
            self._say("the server answers again")

    def _try(self) -> ServerUnreachable | None:
        try:
            self._reach()
        except ServerUnreachable as error:
            return error
        return None

    def _is_for_good(self) -> bool:
        now_s = self._clock_s()
        with self._lock:
            begins = self._began_s is None
            began_s = self._began_s = now_s if self._began_s is None else self._began_s
            self._is_final |= now_s - began_s >= PATIENCE_S
            is_final = self._is_final
        if begins:
            self._say(f"the server does not answer; waiting up to {PATIENCE_S:g} s for it to come back")
        return is_final
