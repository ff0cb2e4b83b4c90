"""A recording and what was detected in it -> a picture: waveform, speech probability, segments.

Long recordings are wrapped into rows, and reduced to the lowest and highest sample a column while they are decoded, so
that memory is that of two blocks. matplotlib is loaded when a picture is drawn; of its global state nothing is used.
"""

import logging
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segue.errors import OutputError
from segue.speech.audio import AudioSource, decode
from segue.speech.detection import Detection, check_channels, check_same
from segue.speech.envelope import Envelope
from segue.speech.names import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segue.speech.detector import Progress

WAVE, SPEECH, SHADE, INK, FAINT = "#2563a8", "#475569", "#7ac29a", "#1e293b", "#64748b"
"""Colours: the waveform, the probability, segments, text, and text beside the point."""

_ROWS_MS = (60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000)
"""Lengths that a row may have: the shortest of which ``_MOST_ROWS`` hold the recording."""

_MOST_ROWS, _MOST_LANES = 12, 24
_TICKS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)
_MOST_TICKS = 13
_COLUMNS = 1200
"""Of a row: about one a pixel."""

_WIDTH, _LEFT, _RIGHT, _HEAD, _FOOT = 12.0, 0.55, 0.25, 0.75, 0.1  # inches
_DPI = 110

_CJK = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN"),
    *("WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback", "PingFang SC", "Hiragino Sans GB"),
    *("Microsoft YaHei", "SimHei", "Arial Unicode MS", "Noto Sans Mono CJK SC", "Unifont"),
)
"""Fonts for what matplotlib's own does not hold, where one of them is installed."""


@dataclass(frozen=True, slots=True)
class _Lane:
    """One channel in one row: panels for its waveform and, where it was kept, its probability."""

    detection: Detection
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    start_ms: float
    end_ms: float
    step_ms: float
    """From one column to the next."""


def require_matplotlib() -> None:
    """Raise OutputError if it is not there."""
    try:
        import matplotlib.figure  # noqa: F401
    except ModuleNotFoundError as error:
        missing = (error.name or "matplotlib").partition(".")[0]
        raise OutputError(
            f"plot: pictures need {missing}, which is not installed: pip install 'segue[plot]'"
        ) from error


def plot(
    source: AudioSource,
    detections: Detection | Sequence[Detection],
    *,
    title: str | None = None,
    sample_rate: int | None = None,
    progress: "Progress | None" = None,
) -> "Figure":
    """Draw a recording: its waveform, the segments shaded and numbered, the probability where it was kept.

    ``source`` and ``sample_rate`` as they were given to ``detect``; a pipe can be read only once, so give its bytes.
    ``detections``: the answer of ``detect(…, probabilities=True)``, or of ``detect_channels``. ``title``: the file's
    name where it is left out. The waveform is drawn up to its own peak. What is longer than a minute is wrapped into
    rows of 1 to 60 minutes.

    Gives a matplotlib ``Figure``, which belongs to nobody else (pyplot does not know it): ``figure.savefig("x.png")``,
    or show it in a notebook. Raises AudioError, OutputError without matplotlib, and InvalidParameter if the detection
    is of another recording. matplotlib is not thread-safe: draw and save in one thread at a time.
    """
    require_matplotlib()
    found = [detections] if isinstance(detections, Detection) else list(detections)
    with decode(source, target_rate=None, sample_rate=sample_rate, channels="split", max_audio_s=math.inf) as decoded:
        check_channels(found, decoded.source_channels)
        duration_ms = max(1, max((detection.duration_ms for detection in found), default=0))
        row_ms = _row_ms(duration_ms, len(found))
        columns = max(1, math.ceil(_COLUMNS * duration_ms / row_ms))
        samples = duration_ms * decoded.source_rate // 1000
        envelope = Envelope([detection.channel for detection in found], samples=samples, columns=columns)
        for block in decoded:
            envelope.accept(block)
            if progress:
                progress(decoded.duration_ms, decoded.promised_ms)
    check_same(found, decoded.duration_ms)
    given = source if isinstance(source, str | os.PathLike) else "recording"
    name = os.path.basename(os.fsdecode(given)) if title is None else title
    lanes = _lanes(found, envelope, duration_ms=duration_ms, row_ms=row_ms)
    return _figure(name, found, lanes, peak=envelope.peak)


def _row_ms(duration_ms: int, channels: int) -> float:
    if duration_ms <= _ROWS_MS[0]:
        return duration_ms
    most = max(1, min(_MOST_ROWS, _MOST_LANES // max(1, channels)))
    fitting = [row_ms for row_ms in _ROWS_MS if row_ms * most >= duration_ms]
    return fitting[0] if fitting else math.ceil(duration_ms / max(1, _MOST_LANES // max(1, channels)))


def _lanes(detections: Sequence[Detection], envelope: Envelope, *, duration_ms: int, row_ms: float) -> list[_Lane]:
    """Row by row, in each the channels."""
    step_ms = duration_ms / envelope.columns
    low, high = envelope.low, envelope.high
    lanes = []
    for row in range(math.ceil(duration_ms / row_ms)):
        start_ms, end_ms = row * row_ms, (row + 1) * row_ms
        columns = slice(round(start_ms / step_ms), round(end_ms / step_ms))
        for index, detection in enumerate(detections):
            lanes.append(_Lane(detection, low[index, columns], high[index, columns], start_ms, end_ms, step_ms))
    return lanes


def _figure(name: str, detections: Sequence[Detection], lanes: Sequence[_Lane], *, peak: float) -> "Figure":
    from matplotlib.figure import Figure

    wraps = len(lanes) > len(detections)
    scored = any(detection.probabilities is not None for detection in detections)
    wave, probability, gap = (0.8, 0.28, 0.34) if wraps or len(lanes) > 3 else (2.0, 0.65, 0.42)
    probability = probability if scored else 0.0
    height = _HEAD + len(lanes) * (wave + probability + gap) + _FOOT
    figure = Figure(figsize=(_WIDTH, height), dpi=_DPI, facecolor="white")
    top = height - _HEAD
    span = _WIDTH - _LEFT - _RIGHT
    number = {id(detection): index for index, detection in enumerate(detections)}
    for lane in lanes:
        box = (_LEFT / _WIDTH, (top - wave) / height, span / _WIDTH, wave / height)
        panels = [figure.add_axes(box)]
        if probability:
            below = (box[0], (top - wave - probability) / height, box[2], probability / height)
            panels.append(figure.add_axes(below, sharex=panels[0]))
            _draw_probability(panels[1], lane)
        _draw_wave(panels[0], lane, peak)
        _draw_segments(panels, lane)
        _finish(panels, lane, channel=number[id(lane.detection)] + 1 if len(detections) > 1 else None)
        top -= wave + probability + gap
    _write_title(figure, name, detections, height)
    return figure


def _draw_wave(panel: "Axes", lane: _Lane, peak: float) -> None:
    seconds = (lane.start_ms + (np.arange(len(lane.low)) + 0.5) * lane.step_ms) / 1000
    panel.fill_between(seconds, lane.low, lane.high, color=WAVE, linewidth=0.5)
    panel.set_ylim(-1.08 * peak, 1.4 * peak)  # the numbers of segments stand above


def _draw_probability(panel: "Axes", lane: _Lane) -> None:
    """Lowest to highest in each column, and their mean as a line; of fewer frames than columns, the frames."""
    panel.set_ylim(0, 1.08)
    kept, frame_ms = lane.detection.probabilities, lane.detection.rules.frame_ms
    if kept is None:
        return
    kept = kept[round(lane.start_ms / frame_ms) : round(lane.end_ms / frame_ms)]
    if not len(kept):
        return
    count = min(_COLUMNS, len(kept))
    starts = np.arange(count) * len(kept) // count
    lengths = np.diff(np.append(starts, len(kept)))
    seconds = lane.start_ms / 1000 + (starts + lengths / 2) * frame_ms / 1000
    mean = np.add.reduceat(kept, starts, dtype=np.float64) / lengths
    low, high = np.minimum.reduceat(kept, starts), np.maximum.reduceat(kept, starts)
    panel.fill_between(seconds, low, high, color=SPEECH, alpha=0.3, linewidth=0)
    panel.plot(seconds, mean, color=SPEECH, linewidth=0.8)


def _draw_segments(panels: Sequence["Axes"], lane: _Lane) -> None:
    for number, segment in enumerate(lane.detection.segments, 1):
        start_ms, end_ms = max(segment.start_ms, lane.start_ms), min(segment.end_ms, lane.end_ms)
        if start_ms >= end_ms:
            continue
        begins = segment.start_ms >= lane.start_ms
        for panel in panels:
            panel.axvspan(start_ms / 1000, end_ms / 1000, color=SHADE, alpha=0.35, linewidth=0, zorder=0)
            if begins and end_ms - start_ms >= 0.004 * (
                lane.end_ms - lane.start_ms
            ):  # one may begin where another ends
                panel.axvline(start_ms / 1000, color=SHADE, linewidth=0.8, zorder=1)
        if begins and end_ms - start_ms >= 0.006 * len(str(number)) * (lane.end_ms - lane.start_ms):
            x = start_ms / 1000 + 0.002 * (lane.end_ms - lane.start_ms) / 1000
            across = panels[0].get_xaxis_transform()
            panels[0].text(x, 0.96, str(number), transform=across, va="top", fontsize=7, color=INK)


def _finish(panels: Sequence["Axes"], lane: _Lane, *, channel: int | None) -> None:
    """Ticks and their labels: under the lower panel alone."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

    row_s = (lane.end_ms - lane.start_ms) / 1000
    step_s = next((step_s for step_s in _TICKS_S if row_s / step_s <= _MOST_TICKS), None)
    ticks = MultipleLocator(step_s) if step_s else MaxNLocator(_MOST_TICKS)
    for panel in panels:
        panel.set_xlim(lane.start_ms / 1000, lane.end_ms / 1000)
        panel.set_yticks([])
        panel.tick_params(axis="x", labelsize=7, colors=FAINT, labelbottom=panel is panels[-1], length=2.5)
        for side in panel.spines.values():
            side.set(color="#cbd5e1", linewidth=0.8)
    panels[-1].xaxis.set_major_locator(ticks)
    panels[-1].xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: _clock(seconds)))
    if channel is not None:
        panels[0].set_ylabel(f"channel {channel}", fontsize=7, color=FAINT)
    if len(panels) > 1 and channel is None:
        has_room = panels[1].bbox.height > 0.5 * _DPI
        panels[1].set_ylabel("p(speech)" if has_room else "p", fontsize=7, color=FAINT)


def _write_title(figure: "Figure", name: str, detections: Sequence[Detection], height: float) -> None:
    families, held = _fonts()
    texts = [(_shortened(_showable(name, held), 96), 0.24, 11.0, "bold", INK)]
    if detections:
        texts.append((_showable(_facts(detections), held), 0.47, 8.0, "normal", FAINT))
    for text, below, size, weight, color in texts:
        written = figure.text(
            *(_LEFT / _WIDTH, 1 - below / height, text),
            fontfamily=families,
            fontsize=size,
            fontweight=weight,
            color=color,
            va="center",
            parse_math=False,  # a file may be called $x$
        )
        with _quiet_fonts():
            written.get_window_extent()  # looks the fonts up, for good


def _facts(detections: Sequence[Detection]) -> str:
    first, count = detections[0], sum(len(detection.segments) for detection in detections)
    version = f", version {first.model.version}" if first.model.version else ""
    speech_ms = sum(detection.speech_ms for detection in detections)
    whole_ms = first.duration_ms * len(detections)
    share = f" ({speech_ms / whole_ms:.0%})" if whole_ms else ""
    each = f"{len(detections)} channels of " if len(detections) > 1 else ""
    return (
        f"{count or 'no'} segment{'s' * (count != 1)}, {_clock(speech_ms / 1000, exact=True)} of speech in "
        f"{each}{_clock(first.duration_ms / 1000, exact=True)}{share}  ·  mode {first.mode}  ·  {first.model}{version}"
    )


def _clock(seconds: float, *, exact: bool = False) -> str:
    """1:02:03, or 2:03 under an hour; with a tenth where that is not whole, and always if ``exact``."""
    tenths = round(seconds * 10)
    whole, tenth = divmod(tenths, 10)
    hours, rest = divmod(whole, 3600)
    text = f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
    return f"{text}.{tenth}" if tenth or exact else text


@contextmanager
def _quiet_fonts() -> Iterator[None]:
    """Fonts for Chinese seldom have every weight. That another one is taken is nothing to tell, as matplotlib would."""
    logger = logging.getLogger("matplotlib.font_manager")

    def hide(_: logging.LogRecord) -> bool:
        return False

    logger.addFilter(hide)
    try:
        yield
    finally:
        logger.removeFilter(hide)


def _fonts() -> tuple[list[str], frozenset[int]]:
    """Families to write with, in order of preference, and all characters that one of them holds."""
    from matplotlib import font_manager

    there = {entry.name for entry in font_manager.fontManager.ttflist}
    families = ["DejaVu Sans", *[name for name in _CJK if name in there][:1]]
    held: set[int] = set()
    with _quiet_fonts():
        for family in families:
            font: Any = font_manager.get_font(font_manager.findfont(family))
            held.update(font.get_charmap())
    return families, frozenset(held)


def _showable(text: str, held: frozenset[int]) -> str:
    r"""What no font holds is written as elsewhere what cannot be printed, ``\u4f1a``: better than boxes."""
    characters = printable(text)
    return "".join(c if ord(c) in held else c.encode("unicode_escape").decode() for c in characters)


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-(most // 2 - 3) :]}"
