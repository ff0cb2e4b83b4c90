"""What an int8 model decides otherwise than the float one that it was made of, and what it saves. Both measured."""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segue.speech.detector import Detector
    from segue.speech.scorer import Samples, Scorer

_TIMED_S = 60
_CHUNK_MS = 200
_ROUNDS = 5


@dataclass(frozen=True, kw_only=True)
class Int8Cost:
    """``before`` is the float model, ``after`` the int8 one; all on the same audio, in ``mode``."""

    mode: str
    audio_s: float
    frames: int
    frames_otherwise: int
    largest_dp: float
    """The largest difference between two probabilities of one frame."""
    segments: int
    segments_moved: int
    """Of the float model's: those that are not, to the millisecond, among the int8 one's."""
    shift_ms: tuple[float, float, float] | None
    """How far boundaries moved, without sign: median, 95th percentile, most; None where nothing matches."""
    f1: float | None
    """Of time, the float model's segments taken for the truth; None where neither has any."""
    bytes_before: int
    bytes_after: int
    whole_before: float
    """Times real time, of recordings as a whole; ``live``: fed in chunks of 200 ms. One thread, CPU time."""
    whole_after: float
    live_before: float
    live_after: float


def int8_cost(before: "Detector", after: "Detector", audio: "Iterable[Samples]", *, sizes: tuple[int, int]) -> Int8Cost:
    """Run both over ``audio`` (float32 (n,), at their rate); ``sizes``: bytes of weights. Raises InferenceFailed."""
    import numpy as np

    from segue.accuracy.agreement import Agreement, Shifts, agreement, percentiles, shifts

    rate = before.scorer.sample_rate
    frames = otherwise = segments = moved = samples_heard = 0
    largest, agreed, shifted = 0.0, Agreement(), Shifts()
    timed: Samples = np.empty(0, dtype=np.float32)
    for samples in audio:
        ours, theirs = (d.detect(samples, sample_rate=rate, probabilities=True) for d in (before, after))
        assert ours.probabilities is not None  # asked for
        assert theirs.probabilities is not None
        p, q = 1 - ours.probabilities, 1 - theirs.probabilities
        frames, samples_heard = frames + len(p), samples_heard + len(samples)
        otherwise += int((before.rules.is_speech(p) != before.rules.is_speech(q)).sum())
        largest = max(largest, float(np.abs(p - q).max(initial=0)))
        segments += len(ours.segments)
        moved += len(set(ours.segments) - set(theirs.segments))
        agreed += agreement(ours.segments, theirs.segments, ours.duration_ms)
        shifted += shifts(ours.segments, theirs.segments, ours.duration_ms)
        timed = np.concatenate((timed, samples))[: _TIMED_S * rate]
    distances = percentiles([abs(ms) for ms in (*shifted.start_ms, *shifted.end_ms)], (50, 95, 100))
    speeds = _speeds((before.scorer, after.scorer), timed)
    return Int8Cost(
        mode=before.rules.mode,
        audio_s=samples_heard / rate,
        frames=frames,
        frames_otherwise=otherwise,
        largest_dp=largest,
        segments=segments,
        segments_moved=moved,
        shift_ms=(distances[0], distances[1], distances[2]) if distances else None,
        f1=agreed.f1,
        bytes_before=sizes[0],
        bytes_after=sizes[1],
        whole_before=speeds[0],
        live_before=speeds[1],
        whole_after=speeds[2],
        live_after=speeds[3],
    )


def _speeds(scorers: "tuple[Scorer, Scorer]", samples: "Samples") -> list[float]:
    """Whole and live of the one, whole and live of the other: medians of rounds in turn."""

    def whole(scorer: "Scorer") -> None:
        scorer.open().accept(samples)

    def live(scorer: "Scorer") -> None:
        stream, step = scorer.open(), scorer.sample_rate * _CHUNK_MS // 1000
        for at in range(0, len(samples), step):
            stream.accept(samples[at : at + step])

    works: list[Callable[[], None]] = [lambda w=w, s=s: w(s) for s in scorers for w in (whole, live)]  # type: ignore[misc]  # mypy knows no defaults of lambdas
    rounds = [[_cpu_s(work) for work in works] for _ in range(_ROUNDS + 1)][1:]  # the first pays for memory and caches
    seconds = len(samples) / scorers[0].sample_rate
    return [seconds / max(statistics.median(times), 1e-6) for times in zip(*rounds, strict=True)]


def _cpu_s(work: Callable[[], None]) -> float:
    start_s = time.thread_time()
    work()
    return time.thread_time() - start_s
