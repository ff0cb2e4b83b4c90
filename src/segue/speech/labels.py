"""Segments in the forms that editors, players and recognisers read: one pure function a form, for ``formats``.

Each takes the name of a recording and its detections, one a channel, and answers the items of a document. Where
channels were split, a label says which one it is, from 1, as people count.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from segue.speech.names import legible, without_blanks

if TYPE_CHECKING:
    from segue.speech.detection import Detection
    from segue.speech.segmenter import Segment

CSV_HEADER = "file,channel,start_ms,end_ms,duration_ms,mode,preset,model,revision,digest\n"
SPEECH = "speech"


def to_csv(file: str, detections: "Sequence[Detection]") -> list[str]:
    """Rows under ``CSV_HEADER``, as in RFC 4180 with plain line ends; ``channel`` from 0, empty for the mix."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    for found in detections:
        channel, model = "" if found.channel is None else found.channel, found.model
        for segment in found.segments:
            length_ms = segment.end_ms - segment.start_ms
            facts = [found.mode, found.preset, legible(model.id), model.revision or "", model.digest]
            rows.writerow([legible(file), channel, segment.start_ms, segment.end_ms, length_ms, *facts])
    return [text.getvalue()]


def to_srt(_: str, detections: "Sequence[Detection]") -> list[str]:
    """SubRip: numbered from 1, ``00:00:01,720 --> 00:00:05,170``."""
    return [
        f"{number}\n{_clock(segment.start_ms, ',')} --> {_clock(segment.end_ms, ',')}\n{label}\n\n"
        for number, (segment, label) in enumerate(_in_time(detections), 1)
    ]


def to_vtt(_: str, detections: "Sequence[Detection]") -> list[str]:
    """WebVTT cues, under its header."""
    return [
        f"\n{_clock(segment.start_ms, '.')} --> {_clock(segment.end_ms, '.')}\n{label}\n"
        for segment, label in _in_time(detections)
    ]


def to_audacity(_: str, detections: "Sequence[Detection]") -> list[str]:
    """Audacity's label track: start and end in seconds and the label, between tabs."""
    return [f"{s.start_ms / 1000:.6f}\t{s.end_ms / 1000:.6f}\t{label}\n" for s, label in _in_time(detections)]


def to_kaldi(name: str, detections: "Sequence[Detection]") -> list[str]:
    """Kaldi's ``segments``: utterance, recording, start and end in seconds; utterances sort as they come."""
    lines, name = [], without_blanks(name)
    for found in detections:
        recording = name if found.channel is None else f"{name}-{found.channel + 1}"
        for s in found.segments:
            utterance = f"{recording}-{s.start_ms:09d}-{s.end_ms:09d}"
            lines.append(f"{utterance} {recording} {s.start_ms / 1000:.3f} {s.end_ms / 1000:.3f}\n")
    return lines


def to_textgrid(_: str, detections: "Sequence[Detection]") -> list[str]:
    """Praat's TextGrid, long form: an interval tier a channel that covers all of the recording."""
    end = max((max(found.duration_ms, _last_ms(found)) for found in detections), default=0)
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {end / 1000:.3f}"]
    lines += ["tiers? <exists>", f"size = {len(detections)}", "item []:"]
    for number, found in enumerate(detections, 1):
        intervals = list(_covering(found, end))
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f'        name = "{_label(found)}"']
        lines += ["        xmin = 0", f"        xmax = {end / 1000:.3f}", f"        intervals: size = {len(intervals)}"]
        for position, (start_ms, end_ms, text) in enumerate(intervals, 1):
            lines += [f"        intervals [{position}]:", f"            xmin = {start_ms / 1000:.3f}"]
            lines += [f"            xmax = {end_ms / 1000:.3f}", f'            text = "{text}"']
    return ["\n".join(lines) + "\n"]


def _covering(found: "Detection", end_ms: int) -> "Iterator[tuple[int, int, str]]":
    """(start, end, text) of intervals without a hole; what is no speech has no text."""
    at_ms = 0
    for segment in found.segments:
        if segment.start_ms > at_ms:
            yield at_ms, segment.start_ms, ""
        yield segment.start_ms, segment.end_ms, SPEECH
        at_ms = segment.end_ms
    if at_ms < end_ms:
        yield at_ms, end_ms, ""


def _last_ms(found: "Detection") -> int:
    return found.segments[-1].end_ms if found.segments else 0


def _in_time(detections: "Sequence[Detection]") -> "list[tuple[Segment, str]]":
    """The segments of all channels in order of time, each with its label."""
    return sorted((segment, _label(found)) for found in detections for segment in found.segments)


def _label(found: "Detection") -> str:
    return SPEECH if found.channel is None else f"{SPEECH} {found.channel + 1}"


def _clock(at_ms: int, point: str) -> str:
    seconds, ms = divmod(at_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{ms:03}"
