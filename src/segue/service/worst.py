"""The recordings at which two versions differ most, kept in a directory, for people to listen to."""

import heapq
import itertools
import json
import logging
from contextlib import suppress
from pathlib import Path

from segue.speech.detection import Detection

_LOG = logging.getLogger(__name__)


class Worst:
    """At most ``keep`` of them: the bytes as they came, and beside them both answers. One thread at a time."""

    def __init__(self, directory: Path, keep: int) -> None:
        self._directory = directory
        self._keep = keep
        self._numbers = itertools.count(1)
        self._heap: list[tuple[float, int]] = []  # (how much they differ, number), the least first

    def offer(self, difference: float, source: bytes, answers: tuple[Detection, Detection]) -> None:
        """Keep it, if it is among those that differ most. What the disk refuses is logged, and not kept."""
        if difference <= 0 or (len(self._heap) >= self._keep and difference <= self._heap[0][0]):
            return
        number = next(self._numbers)
        try:
            self._directory.mkdir(0o700, parents=True, exist_ok=True)  # what people said is nobody else's
            self._path(number, "audio").write_bytes(source)
            self._path(number, "json").write_text(_text(difference, answers), encoding="utf-8")
        except OSError as error:
            _LOG.warning("a recording that was to be kept is not: %s", error)
            self._remove(number)  # a full disk has kept a part of it
            return
        heapq.heappush(self._heap, (difference, number))
        if len(self._heap) > self._keep:
            self._remove(heapq.heappop(self._heap)[1])

    def _remove(self, number: int) -> None:
        for kind in ("audio", "json"):
            with suppress(OSError):
                self._path(number, kind).unlink(missing_ok=True)

    def _path(self, number: int, kind: str) -> Path:
        return self._directory / f"{number:05}.{kind}"


def _text(difference: float, answers: tuple[Detection, Detection]) -> str:
    found = [
        {"version": answer.model.version, "segments": [[each.start_ms, each.end_ms] for each in answer]}
        for answer in answers
    ]
    return json.dumps({"difference": round(difference, 4), "duration_ms": answers[0].duration_ms, "answers": found})
