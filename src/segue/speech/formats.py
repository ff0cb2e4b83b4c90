"""Detections -> text. Pure functions; a new format joins by a line in ``FORMATS``.

A document is ``opening``, the items of every input with ``separator`` between them, ``closing``; so one can be written
while later inputs are still being detected. An input gives one item a channel (or line), or one that says what failed.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from segue.speech import labels
from segue.speech.funasr import funasr_keys, to_funasr
from segue.speech.names import legible, recording_names, without_blanks

if TYPE_CHECKING:  # so that a command's help can list the formats without loading NumPy
    from segue.speech.detection import Detection

Render: TypeAlias = "Callable[[str, Sequence[Detection]], list[str]]"
"""(file as given, or what ``Format.names`` calls it; its detections, one a channel) -> items."""


@dataclass(frozen=True, slots=True)
class Format:
    """How results become text. ``fail`` renders (file, code, message); None where the format cannot hold a failure.

    ``names`` gives what the format calls files, from all of a run at once; None where that is the file as given.
    """

    extension: str
    render: Render
    fail: Callable[[str, str, str], list[str]] | None = None
    opening: str = ""
    separator: str = ""
    closing: str = ""
    holds_probabilities: bool = False
    holds_one: bool = False
    """Whether a document tells of one recording only."""
    names: Callable[[Sequence[str]], Mapping[str, str]] | None = None

    def document(self, items: Iterable[str]) -> str:
        """One whole document."""
        return self.opening + self.separator.join(items) + self.closing


def to_dict(file: str, detection: "Detection") -> dict[str, Any]:
    """The object that every JSON form holds, without probabilities: times in whole milliseconds."""
    model = detection.model
    version = {} if model.version is None else {"version": model.version}
    channel = {} if detection.channel is None else {"channel": detection.channel}
    return {
        "file": legible(file),
        **channel,
        "duration_ms": detection.duration_ms,
        "model": {"id": legible(model.id), "revision": model.revision, **version, "digest": model.digest},
        "mode": detection.mode,
        **({"preset": detection.preset} if detection.preset else {}),
        "segments": [{"start_ms": segment.start_ms, "end_ms": segment.end_ms} for segment in detection.segments],
    }


def to_failure(file: str, code: str, message: str) -> dict[str, Any]:
    """The object of an input that failed."""
    return {"file": legible(file), "error": {"code": code, "message": legible(message)}}


def to_json(file: str, detections: "Sequence[Detection]") -> list[str]:
    """JSON objects of one line each, with ``probabilities`` (six decimals) where they were asked for."""
    return [_object(file, detection) for detection in detections]


def to_jsonl(file: str, detections: "Sequence[Detection]") -> list[str]:
    """The same, each with its line end."""
    return [f"{item}\n" for item in to_json(file, detections)]


def to_rttm(name: str, detections: "Sequence[Detection]") -> list[str]:
    """NIST's RTTM: type, the recording's name, channel from 1, start and duration in seconds; blanks become ``_``."""
    name = without_blanks(name)
    return [
        f"SPEAKER {name} {(detection.channel or 0) + 1} {segment.start_ms / 1000:.3f} "
        f"{(segment.end_ms - segment.start_ms) / 1000:.3f} <NA> <NA> speech <NA> <NA>\n"
        for detection in detections
        for segment in detection.segments
    ]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _object(file: str, detection: "Detection") -> str:
    text = _json(to_dict(file, detection))
    if detection.probabilities is None:
        return text
    return f'{text[:-1]}, "probabilities": [{", ".join(_decimals(detection.probabilities))}]}}'


def _decimals(probabilities: Any, block: int = 10_000) -> Iterator[str]:
    """Ten hours are 3.6 million values: never all of them as Python objects at once."""
    for start in range(0, len(probabilities), block):
        yield ", ".join([f"{p:.6g}" if p < 1e-4 else f"{p:.6f}" for p in probabilities[start : start + block].tolist()])


def _fail_json(file: str, code: str, message: str) -> list[str]:
    return [_json(to_failure(file, code, message))]


def _fail_jsonl(file: str, code: str, message: str) -> list[str]:
    return [_json(to_failure(file, code, message)) + "\n"]


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "json": Format(
            "json", to_json, _fail_json, opening="[\n", separator=",\n", closing="\n]\n", holds_probabilities=True
        ),
        "jsonl": Format("jsonl", to_jsonl, _fail_jsonl, holds_probabilities=True),
        "rttm": Format("rttm", to_rttm, names=recording_names),
        "csv": Format("csv", labels.to_csv, opening=labels.CSV_HEADER),
        "srt": Format("srt", labels.to_srt, holds_one=True),
        "vtt": Format("vtt", labels.to_vtt, opening="WEBVTT\n", holds_one=True),
        "textgrid": Format("TextGrid", labels.to_textgrid, holds_one=True),
        "audacity": Format("audacity.txt", labels.to_audacity, holds_one=True),
        "kaldi": Format("segments", labels.to_kaldi, names=recording_names),
        "funasr": Format("funasr.json", to_funasr, opening="[\n", separator=",\n", closing="\n]\n", names=funasr_keys),
    }
)
