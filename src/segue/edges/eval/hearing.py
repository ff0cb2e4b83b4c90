"""Recordings -> clips that were scored; one that cannot be, or whose label is not its own, costs only itself."""

import os
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from segue.accuracy.evaluation import beyond
from segue.accuracy.references import Reference
from segue.accuracy.scored_clip import ScoredClip, hear
from segue.errors import SegueError
from segue.speech.detector import Detector
from segue.speech.names import printable


@dataclass(frozen=True, slots=True)
class Heard:
    """One recording: a clip a detector, or why there is none. ``note``: what is odd about its label."""

    file: str
    clips: tuple[ScoredClip, ...] = ()
    code: str = ""
    error: str = ""
    note: str = ""
    trace: str = ""


def hear_all(
    pairs: Sequence[tuple[str, Reference]],
    detectors: Sequence[Detector],
    *,
    jobs: int | None,
    advance: Callable[[], None] = lambda: None,
) -> list[Heard]:
    """Each recording scored by each detector, in the order of the pairs; ``advance`` is called after each."""
    pool = ThreadPoolExecutor(min(jobs or _cores(), max(1, len(pairs))), thread_name_prefix="eval")
    try:
        found = []
        for one in [pool.submit(_hear, file, reference, detectors) for file, reference in pairs]:
            found.append(one.result())
            advance()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return found


def _hear(file: str, reference: Reference, detectors: Sequence[Detector]) -> Heard:
    try:
        clips = tuple(hear(detector, file, reference.segments, name=file) for detector in detectors)
    except SegueError as error:
        message = str(error) if printable(file) in printable(str(error)) else f"{file}: {error}"
        return Heard(file, code=error.code, error=printable(message), trace=traceback.format_exc())
    if found := beyond(reference.segments, clips[0].duration_ms):
        end_ms, begins = found
        label, length = printable(reference.file), f"{clips[0].duration_ms / 1000:.3f} s of {printable(file)}"
        if begins:
            return Heard(
                file,
                code="label_beyond_audio",
                error=f"{label}: a label begins after the {length} (the last ends at {end_ms / 1000:.3f} s); "
                "is it the label of this recording, and in seconds?",
            )
        note = f"{label}: the last label ends at {end_ms / 1000:.3f} s, after the {length}; the rest is not counted"
        return Heard(file, clips, note=note)
    return Heard(file, clips)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
