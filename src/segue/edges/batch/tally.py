"""Counts of a run: what the bar shows and the summary says. It costs nothing to import, so every run keeps them."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from segue.edges.batch.inputs import Input
from segue.edges.batch.task import Outcome


def clock(seconds: float) -> str:
    """1:02:03, or 2:03 under an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@dataclass(slots=True)
class _UnderWay:
    """An input that a thread is at."""

    size_bytes: int
    heard_ms: int = 0
    share: float = 0.0


class Tally:
    """Counts of a run. Threads add to it, the display reads it."""

    def __init__(self, inputs: Sequence[Input], *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self.files = len(inputs)
        self._all_bytes = sum(item.size_bytes for item in inputs)
        self._clock_s = clock_s
        self._began_s = clock_s()
        self._lock = threading.Lock()  # guards all below
        self.done = self.failed = self.skipped = 0
        self.audio_ms = self.speech_ms = 0
        self._bytes_done = 0
        self._under_way: dict[int, _UnderWay] = {}  # by thread

    @property
    def elapsed_s(self) -> float:
        """Since the first input could begin."""
        return max(self._clock_s() - self._began_s, 1e-6)

    @property
    def heard_ms(self) -> int:
        """Audio detected, that of inputs under way included."""
        with self._lock:
            return self.audio_ms + sum(item.heard_ms for item in self._under_way.values())

    @property
    def share(self) -> float:
        """How much of the whole is done, by bytes: what is known of files before they are read."""
        with self._lock:
            if not self._all_bytes:
                return self.done / max(1, self.files)
            under_way = sum(item.share * item.size_bytes for item in self._under_way.values())
            return (self._bytes_done + under_way) / self._all_bytes

    @property
    def times_real_time(self) -> float:
        """Audio heard for each second that passed."""
        return self.heard_ms / 1000 / self.elapsed_s

    def begin(self, item: Input) -> None:
        """This thread begins an input."""
        under_way = _UnderWay(item.size_bytes)
        with self._lock:
            self._under_way[threading.get_ident()] = under_way

    def hear(self, heard_ms: int, promised_ms: int | None) -> None:
        """This thread's input has come so far, of what its header promises."""
        with self._lock:
            under_way = self._under_way[threading.get_ident()]
            under_way.heard_ms = heard_ms
            under_way.share = min(1.0, heard_ms / promised_ms) if promised_ms else 0.0

    def add(self, outcome: Outcome) -> None:
        """This thread's input is done."""
        with self._lock:
            self._bytes_done += self._under_way.pop(threading.get_ident()).size_bytes
            self.done += 1
            self.failed += outcome.failure is not None
            self.skipped += outcome.skipped
            self.audio_ms += outcome.duration_ms
            self.speech_ms += outcome.speech_ms

    def summary(self) -> str:
        """One line for the end of a run."""
        counts = [f"{self.done} file{'s' * (self.done != 1)}" + (f" of {self.files}" if self.done < self.files else "")]
        counts += [f"{self.failed} failed"] * bool(self.failed)
        counts += [f"{self.skipped} skipped (done before)"] * bool(self.skipped)
        share = f" ({self.speech_ms / self.audio_ms:.1%} speech)" if self.audio_ms else ""
        speed = f", {self.times_real_time:,.0f} x real time" if self.audio_ms else ""
        return f"{', '.join(counts)}: {clock(self.audio_ms / 1000)} of audio{share} in {self.elapsed_s:.1f} s{speed}"
