"""FunASR's result form: ``[{"key": name, "value": [[start, end], …]}]`` in whole milliseconds, and its live pairs.

As ``AutoModel.generate`` of funasr 1.4 answers for fsmn-vad: a start alone is ``[start, -1]``, an end alone
``[-1, end]``, and what began and ended within one answer ``[start, end]``.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from segue.speech.events import Event, SpeechEnded, SpeechStarted
from segue.speech.names import legible, recording_names

if TYPE_CHECKING:
    from segue.speech.detection import Detection


def live_pairs(events: Iterable[Event]) -> list[list[int]]:
    """What one answer of a live stream says of its events, in their order."""
    pairs: list[list[int]] = []
    began = False  # the last pair is a start of this answer
    for event in events:
        match event:
            case SpeechStarted(at_ms):
                pairs.append([at_ms, -1])
                began = True
            case SpeechEnded(segment) if began:
                pairs[-1] = [segment.start_ms, segment.end_ms]
                began = False
            case SpeechEnded(segment):
                pairs.append([-1, segment.end_ms])
    return pairs


def funasr_keys(files: Sequence[str]) -> Mapping[str, str]:
    """FunASR's keys of the files of one run: names without folder and extension; of two alike, more of the path."""
    return recording_names(files, called=legible)


def to_funasr(key: str, detections: "Sequence[Detection]") -> list[str]:
    """An object a detection; where channels were split the key says which, from 1, as people count."""
    return [
        json.dumps(
            {"key": _key(key, found), "value": [[s.start_ms, s.end_ms] for s in found.segments]}, ensure_ascii=False
        )
        for found in detections
    ]


def _key(key: str, found: "Detection") -> str:
    return legible(key) if found.channel is None else f"{legible(key)}-{found.channel + 1}"
