"""Files that say where the speech is -> segments: RTTM, TEN's ``.scv``, Audacity's labels, TextGrid, our JSON(L).

Which form a file has, its extension says. One that is not of its form raises InvalidParameter: one line with the file,
the line in it, what was found and what is accepted. Times become whole milliseconds.

A label that means silence (``SILENT``) makes no speech, whatever the form; every other one does, and so does none where
the form marks what somebody chose (a label track, not a TextGrid, whose intervals cover everything).
"""

import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NoReturn, TypeAlias, TypeGuard

from segue.accuracy import textgrid
from segue.errors import InvalidParameter
from segue.speech.names import printable
from segue.speech.segmenter import Segment

SILENT = frozenset({"silence", "silent", "sil", "sp", "pause", "noise", "nonspeech", "non-speech", "non_speech", "0"})
"""Labels of what is no speech, in any case: Praat's ``silent``, aligners' ``sil`` and ``sp``, and the like."""

_RTTM_TYPES = frozenset({
    "SEGMENT", "NOSCORE", "NO_RT_METADATA", "LEXEME", "NON-LEX", "NON-SPEECH", "FILLER", "EDIT", "SU", "IP", "CB",
    "A/P", "SPKR-INFO",
})  # fmt: skip
"""NIST's other types (RT-09 plan): they are known, and left out."""

_LONGEST_S = 1e7
"""A third of a year. Past it a number is samples or milliseconds, not seconds."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Where the speech is in one recording.

    ``names``: what the recording may be called, the likeliest first: a path or a file name, with its extension or
    without. ``segments``: as they stand in the file, speakers beside each other. ``file``: where that was read.
    """

    names: tuple[str, ...]
    segments: tuple[Segment, ...]
    file: str


@dataclass(frozen=True, slots=True)
class _Text:
    """A file that was read, and how an error says where one is in it."""

    file: str
    text: str

    def lines(self) -> Iterator[tuple[int, str]]:
        """(number from 1, line) of those that are not blank."""
        for number, line in enumerate(self.text.split("\n"), 1):
            if line.strip():
                yield number, line

    def refuse(self, found: str, line: int | None = None) -> NoReturn:
        where = "" if line is None else f"line {line}: "
        raise InvalidParameter(f"{printable(self.file)}: {where}{printable(found)}")


_Reader: TypeAlias = Callable[[_Text], list[Reference]]


def read(file: str) -> list[Reference]:
    """The references in a file of one of ``EXTENSIONS``: several where it names several recordings, else one.

    A file with no label in it says that the recording of its name has no speech. Raises InvalidParameter where it
    cannot be read or is malformed.
    """
    if not is_reference(file):
        raise InvalidParameter(
            f"{printable(file)}: its name does not say what it is; labels are {', '.join(EXTENSIONS)}"
        )
    try:
        with open(file, "rb") as opened:
            content = _decoded(opened.read())
    except OSError as error:
        raise InvalidParameter(
            f"{printable(file)}: cannot be read ({error.strerror}); check that it is there and its permissions"
        ) from error
    except UnicodeError as error:
        raise InvalidParameter(f"{printable(file)}: is no text in UTF-8; save it as that") from error
    text = _Text(file, content.replace("\r\n", "\n").replace("\r", "\n"))
    return _READERS[_extension(file)](text) or [Reference(own_names(file), (), file)]


def is_reference(file: str) -> bool:
    """Whether its name says that it is one."""
    return _extension(file) in _READERS


def names_inside(file: str) -> bool:
    """Whether the names of its recordings stand in the file; else it is for the recording that has its name."""
    return _extension(file) in (".rttm", ".json", ".jsonl")


def own_names(file: str) -> tuple[str, ...]:
    """What the recording of a file is called that does not say so: ``talk.TextGrid``, ``talk.wav.audacity.txt``."""
    stem = os.path.splitext(os.path.basename(file))[0]
    return (stem, stem[: -len(".audacity")]) if stem.lower().endswith(".audacity") else (stem,)


def _extension(file: str) -> str:
    return os.path.splitext(file)[1].lower()


def _decoded(content: bytes) -> str:
    """Praat writes UTF-16 where a label needs it, with a mark of the order of its bytes; all else is UTF-8."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    return content.decode("utf-8-sig")


def _rttm(text: _Text) -> list[Reference]:
    """NIST's: ``SPEAKER name channel start duration …``; channels and speakers of a recording together."""
    found: dict[str, list[Segment]] = {}
    for number, line in text.lines():
        kind, *fields = line.split()
        if kind.startswith(";") or kind in _RTTM_TYPES:
            continue
        if kind != "SPEAKER":
            text.refuse(f"{_cut(kind)} is no type of RTTM; write SPEAKER name channel start duration …", number)
        if not 4 <= len(fields) <= 9:
            text.refuse(f"{len(fields) + 1} fields; RTTM has SPEAKER name channel start duration and five more", number)
        start_s, length_s = (_seconds(text, field, number) for field in fields[2:4])
        speech = found.setdefault(fields[0], [])
        if len(fields) < 7 or not _is_silent(fields[6]):
            speech.append(_segment(text, start_s, start_s + length_s, number))
    return [Reference((name,), tuple(speech), text.file) for name, speech in found.items()]


def _scv(text: _Text) -> list[Reference]:
    """TEN's: the name, then start, end and 1 (speech) or 0 (not), all in one row between commas."""
    accepted = "a .scv has one row: the name, then start,end,1 for speech or start,end,0 again and again"
    rows = list(text.lines())
    if not rows:
        return []
    if len(rows) > 1:
        text.refuse(f"a second row; {accepted}", rows[1][0])
    number, row = rows[0]
    _, *fields = row.strip().split(",")
    if len(fields) % 3 or not fields:
        text.refuse(f"{len(fields)} values after the name; {accepted}", number)
    segments = []
    for start, end, label in zip(fields[::3], fields[1::3], fields[2::3], strict=True):
        if label.strip() not in ("0", "1"):
            text.refuse(f"{_cut(label)!r} after {_cut(start)},{_cut(end)}; {accepted}", number)
        segment = _segment(text, _seconds(text, start, number), _seconds(text, end, number), number)
        segments += [segment] if label.strip() == "1" else []
    return [Reference(own_names(text.file), tuple(segments), text.file)]


def _audacity(text: _Text) -> list[Reference]:
    """A label track: start, end and label between tabs; a label of frequencies adds a line that begins with ``\\``."""
    segments = []
    for number, line in text.lines():
        if line.startswith("\\\t"):
            continue
        start, *rest = line.split("\t", 2)
        if not rest:
            text.refuse("no tab; Audacity's labels are start, end and label, in seconds, between tabs", number)
        segment = _segment(text, _seconds(text, start, number), _seconds(text, rest[0], number), number)
        if len(rest) < 2 or not _is_silent(rest[1]):
            segments.append(segment)
    return [Reference(own_names(text.file), tuple(segments), text.file)]


def _textgrid(text: _Text) -> list[Reference]:
    """Praat's: the intervals with a text, of all tiers of intervals together."""
    try:
        found = textgrid.intervals(text.text)
    except ValueError as error:
        text.refuse(str(error))
    segments = [
        _segment(text, _checked(text, each.start_s, each.line), _checked(text, each.end_s, each.line), each.line)
        for each in found
        if each.text.strip() and not _is_silent(each.text)
    ]
    return [Reference(own_names(text.file), tuple(segments), text.file)]


def _json(text: _Text) -> list[Reference]:
    """What ``segue detect --format json`` writes: a list of objects, or one object."""
    said = _loaded(text, text.text)
    return _joined(text, [(None, each) for each in (said if isinstance(said, list) else [said])])


def _jsonl(text: _Text) -> list[Reference]:
    """The same, an object a line."""
    return _joined(text, [(number, _loaded(text, line, number)) for number, line in text.lines()])


def _loaded(text: _Text, written: str, line: int | None = None) -> Any:
    try:
        return json.loads(written)
    except json.JSONDecodeError as error:
        text.refuse(f"is no JSON: {error.msg} at column {error.colno}", line or error.lineno)
    except RecursionError:
        text.refuse("is no JSON of labels: it is nested too deeply", line or 1)
    except ValueError as error:  # a number of thousands of digits
        text.refuse(f"is no JSON of labels: {error}", line or 1)


def _joined(text: _Text, said: list[tuple[int | None, object]]) -> list[Reference]:
    """Objects of one file together: they are its channels."""
    found: dict[tuple[str, ...], list[Segment]] = {}
    for line, each in said:
        names, segments = _object(text, each, line)
        found.setdefault(names, []).extend(segments)
    return [Reference(names, tuple(segments), text.file) for names, segments in found.items()]


def _object(text: _Text, said: object, line: int | None) -> tuple[tuple[str, ...], list[Segment]]:
    accepted = (
        'each object has "file" and "segments": [{"start_ms", "end_ms"}, …], as segue detect --format json writes'
    )
    if not isinstance(said, dict):
        text.refuse(f"{_short(said)} is no object; {accepted}", line)
    name = said.get("file", own_names(text.file)[0])
    if not isinstance(name, str):
        text.refuse(f'"file" is {_short(name)}; {accepted}', line)
    if "error" in said:
        text.refuse(f"{name} has an error in place of segments, so it is no reference; take it out", line)
    if not isinstance(said.get("segments"), list):
        text.refuse(f"{name} has no list of segments; {accepted}", line)
    segments = []
    for part in said["segments"]:
        start_ms, end_ms = (part.get("start_ms"), part.get("end_ms")) if isinstance(part, dict) else (None, None)
        if not (_is_ms(start_ms) and _is_ms(end_ms) and start_ms <= end_ms):
            text.refuse(f"{name}: {_short(part)} is no segment with start_ms and end_ms in whole ms, in order", line)
        segments.append(Segment(start_ms, end_ms))
    base = os.path.basename(name)
    return tuple(dict.fromkeys((name, base, os.path.splitext(base)[0]))), segments


def _is_ms(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LONGEST_S * 1000


def _short(value: object) -> str:
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def _seconds(text: _Text, written: str, line: int) -> float:
    if not re.fullmatch(r"\s*\d+(\.\d*)?([eE][-+]?\d+)?\s*", written, re.ASCII):
        text.refuse(f"{_cut(written)!r} is no time; write seconds from the beginning, such as 1.25", line)
    return _checked(text, float(written), line)


def _checked(text: _Text, seconds: float, line: int) -> float:
    if not (math.isfinite(seconds) and 0 <= seconds <= _LONGEST_S):
        text.refuse(f"{seconds:g} is no time in a recording; times are seconds from its beginning", line)
    return seconds


def _segment(text: _Text, start_s: float, end_s: float, line: int) -> Segment:
    if end_s < start_s:
        text.refuse(f"the end, {end_s:g} s, is before the start, {start_s:g} s", line)
    return Segment(round(start_s * 1000), round(end_s * 1000))


def _is_silent(label: str) -> bool:
    return label.strip().casefold() in SILENT


_READERS: Mapping[str, _Reader] = MappingProxyType(
    {
        ".rttm": _rttm,
        ".scv": _scv,
        ".txt": _audacity,
        ".textgrid": _textgrid,
        ".json": _json,
        ".jsonl": _jsonl,
    }
)

EXTENSIONS: tuple[str, ...] = (".rttm", ".scv", ".txt", ".TextGrid", ".json", ".jsonl")
"""Of the files that ``read`` takes, in any case."""
