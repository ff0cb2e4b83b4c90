"""A recording and its segments, drawn in the browser, where they are heard at a click: for Detect and Compare.

``picture`` makes the component, ``drawn`` its value, from one pass over the recording: the waveform in columns, and a
copy that every browser plays and seeks in exactly (WAV), of which it reads more where somebody looks closer.
"""

import base64
import math
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio
import numpy as np
from gradio.data_classes import FileData
from numpy.typing import NDArray

from segue.edges.ui.files import fresh_folder, text_of
from segue.edges.ui.words import Words
from segue.speech.audio import decode
from segue.speech.detection import Detection
from segue.speech.envelope import Envelope
from segue.speech.rules import Rules

_COLUMNS = 4000
"""Of the waveform: more than a screen is wide."""
_MOST_SCORES = 36_000
"""Values of a probability: each frame of six minutes; of longer recordings, means of several."""
_RATE, _LOW_RATE = 16_000, 8_000
_LONG_S = 3600.0
"""What is longer is copied at the low rate: a day is 1.4 GB."""
_SCRIPTS = ("picture.js", "drawing.js", "playing.js", "hands.js")
_KEYS = ("play", "pause", "whole", "closer", "farther", "place", "tools", "segment", "segments", "none", "time", "keys")

TEMPLATE = """<div class="picture" role="group" hidden>
<div class="tools" role="toolbar">
<button type="button" data-do="play"></button>
<button type="button" data-do="closer"></button><button type="button" data-do="farther"></button>
<button type="button" data-do="whole"></button>
<output class="readout"></output></div>
<div class="stage"><canvas aria-hidden="true"></canvas><div class="groups"></div><div class="needle" hidden></div></div>
<input class="place" type="range" min="0" max="1000" value="0" hidden>
<p class="keys"></p>
<audio preload="none"></audio></div>"""


@dataclass(frozen=True, slots=True)
class Track:
    """One row of segments, in ms, and the ``marks`` where it differs from another.

    ``probabilities``: float32 (frames,) of ``frame_ms``. ``threshold``: from which on a frame is speech by itself.
    """

    label: str
    segments: tuple[tuple[int, int], ...]
    marks: tuple[tuple[int, int], ...] = ()
    probabilities: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    threshold: float | None = None
    frame_ms: int = 10

    @staticmethod
    def of(label: str, found: Detection, *, marks: tuple[tuple[int, int], ...] = ()) -> "Track":
        """What was detected."""
        segments = tuple((each.start_ms, each.end_ms) for each in found.segments)
        threshold = threshold_of(found.rules) if found.probabilities is not None else None
        return Track(label, segments, marks, found.probabilities, threshold, found.rules.frame_ms)


def picture(words: Words, *, elem_id: str) -> gradio.HTML:
    """The component, for values that ``drawn`` made; nothing is seen without one.

    An event ``segue-play`` (``detail``: track, index) at its ``.picture`` plays a segment.
    """
    its = words.of("picture")
    return gradio.HTML(
        value=None,
        html_template=TEMPLATE,
        css_template=text_of("picture.css"),
        js_on_load="\n".join(map(text_of, _SCRIPTS)),
        apply_default_css=False,
        elem_id=elem_id,
        words={key: its(key) for key in _KEYS},
    )


def drawn(
    source: Path, tracks: Sequence[Track], *, duration_ms: int, progress: Callable[[int], None] | None = None
) -> dict[str, Any]:
    """The value of the component: what was detected in a recording of that length.

    Decodes it, in bounded memory, and leaves the copy among Gradio's files, which it deletes in their time.
    ``progress`` is called with the ms done, and may raise: then there is no copy either. Raises AudioError.
    """
    rate = _RATE if duration_ms <= _LONG_S * 1000 else _LOW_RATE
    folder = fresh_folder()
    copy = folder / "recording.wav"
    envelope = Envelope([None], samples=duration_ms * rate // 1000, columns=_COLUMNS)
    try:
        with decode(source, target_rate=rate, max_audio_s=math.inf) as decoded, wave.open(str(copy), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            for block in decoded:
                envelope.accept(block)
                file.writeframes(np.clip(np.rint(block[0] * 32768), -32768, 32767).astype("<i2").tobytes())
                if progress:
                    progress(decoded.duration_ms)
    except BaseException:
        copy.unlink(missing_ok=True)
        folder.rmdir()
        raise
    return {
        "id": folder.name,
        "duration_ms": duration_ms,
        "audio": FileData(path=str(copy), mime_type="audio/wav").model_dump(),
        "rate": rate,
        "peak": envelope.peak,
        "low": _text(envelope.low[0] / envelope.peak * 127, np.int8),
        "high": _text(envelope.high[0] / envelope.peak * 127, np.int8),
        "tracks": [_track(track) for track in tracks],
    }


def threshold_of(rules: Rules) -> float | None:
    """The lowest probability of speech that makes a frame speech by itself; None where no probability does."""
    if rules.mode == "tight":
        return rules.threshold
    p_silence = np.linspace(0, 1, 2001, dtype=np.float32)
    speech = rules.is_speech(p_silence)
    return round(1 - float(p_silence[speech].max()), 2) if speech.any() else None


def _track(track: Track) -> dict[str, Any]:
    told: dict[str, Any] = {
        "label": track.label,
        "segments": [list(pair) for pair in track.segments],
        "marks": [list(pair) for pair in track.marks],
        "threshold": track.threshold,
        "scores": None,
    }
    if track.probabilities is not None and len(track.probabilities):
        frames = -(-len(track.probabilities) // _MOST_SCORES)
        starts = np.arange(0, len(track.probabilities), frames)
        counts = np.diff(np.append(starts, len(track.probabilities)))
        means = np.add.reduceat(track.probabilities, starts, dtype=np.float64) / counts
        told |= {"scores": _text(means * 255, np.uint8), "score_ms": frames * track.frame_ms}
    return told


def _text(values: NDArray[Any], kind: type[np.generic]) -> str:
    """Bytes, as JSON can have them."""
    return base64.b64encode(np.rint(values).astype(kind).tobytes()).decode()
