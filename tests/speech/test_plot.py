"""A recording and what was detected in it -> a picture. How it looks, people judge; here is what it tells."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from segue.errors import InvalidParameter
from segue.speech.detection import Detection
from segue.speech.plot import plot
from segue.speech.rules import Rules
from segue.speech.segmenter import Segment
from tests.fakes import MODEL, loudness_detector


def detected(duration_ms: int, *segments: tuple[int, int], channel: int | None = None) -> Detection:
    found = tuple(Segment(start_ms, end_ms) for start_ms, end_ms in segments)
    return Detection(found, duration_ms=duration_ms, rules=Rules.of({}), model=MODEL, channel=channel)


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.texts)


def heights(panel: Axes) -> NDArray[np.float64]:
    """Highest value of the waveform a second, as drawn."""
    (vertices,) = (path.vertices for path in panel.collections[0].get_paths())
    seconds, values = np.asarray(vertices).T
    return np.array([values[(seconds >= s) & (seconds < s + 1)].max() for s in range(int(seconds.max()))])


def test_the_waveform_is_where_the_sound_is() -> None:
    """Each second is drawn as high as it is loud, whatever the blocks of the decoder."""
    loudness = np.random.default_rng(0).uniform(0.1, 0.9, 50)
    samples = np.repeat(loudness, 8000).astype(np.float32)
    (panel,) = plot(samples, detected(50_000), sample_rate=8000).axes
    inner = heights(panel)
    np.testing.assert_allclose(inner, np.maximum(loudness, loudness)[: len(inner)], rtol=1e-6)


def test_segments_are_shaded_and_numbered() -> None:
    """One shade a segment in each panel, at its place, and its number; the title tells model, mode and how much."""
    samples = np.zeros(10 * 16_000, dtype=np.float32)
    samples[32_000:64_000] = samples[100_000:140_000] = 0.5
    detection = loudness_detector().detect(samples, sample_rate=16_000, probabilities=True)
    figure = plot(samples, detection, sample_rate=16_000, title="talk.wav")
    wave, probability = figure.axes
    for panel in (wave, probability):
        shades = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in panel.patches]  # type: ignore[attr-defined]
        np.testing.assert_allclose(shades, [(s.start_ms / 1000, s.end_ms / 1000) for s in detection])
    assert [text.get_text() for text in wave.texts] == ["1", "2"]
    (line,) = [line for line in probability.lines if len(np.atleast_1d(line.get_xdata())) > 2]
    assert np.max(line.get_ydata()) == pytest.approx(0.98)
    said = texts(figure)
    assert said.startswith("talk.wav\n2 segments, ")
    assert "mode classic" in said
    assert str(MODEL) in said


def test_long_recordings_are_wrapped() -> None:
    """Rows cover the recording without a hole, few enough to look at; a segment over a row's end is in both."""
    samples = np.zeros(65 * 8000, dtype=np.float32)
    first, second = plot(samples, detected(65_000, (50_000, 62_000)), sample_rate=8000).axes
    assert first.get_xlim() == (0, 60)
    assert second.get_xlim() == (60, 120)
    assert [len(panel.patches) for panel in (first, second)] == [1, 1]
    for minutes, rows in ((12, 12), (13, 7), (600, 10)):
        low = np.zeros((minutes * 60 * 8000 // 1), dtype=np.int16)
        assert len(plot(low, detected(minutes * 60_000), sample_rate=8000).axes) == rows


def test_channels_have_rows_of_their_own() -> None:
    """Each channel's waveform is its own, and says which one it is."""
    samples = np.zeros((80_000, 2), dtype=np.float32)
    samples[:, 1] = 0.5
    detections = [detected(10_000, channel=0), detected(10_000, channel=1)]
    left, right = plot(samples, detections, sample_rate=8000).axes
    assert (heights(left).max(), heights(right).max()) == (0, 0.5)
    assert (left.get_ylabel(), right.get_ylabel()) == ("channel 1", "channel 2")


@pytest.mark.parametrize("samples", [1, 7, 100, 8000])
def test_short_and_silent_recordings_can_be_drawn(tmp_path: Path, samples: int) -> None:
    """A single sample is a recording too, and silence is a line."""
    duration_ms = samples * 1000 // 8000
    figure = plot(np.zeros(samples, np.int16), detected(duration_ms), sample_rate=8000)
    figure.savefig(tmp_path / "x.png")
    assert "no segments" in texts(figure)


@pytest.mark.parametrize(
    "name", ["会议录音 第1讲.wav", "$x^2$ a_b.wav", "été\u0301 😀.wav", "bad\x1b[31m\n.wav", "x" * 250]
)
def test_any_name_is_a_title(tmp_path: Path, name: str) -> None:
    """Characters without a font become escapes instead of boxes; nothing is formula, and nothing warns."""
    figure = plot(np.zeros(8000, np.int16), detected(1000), sample_rate=8000, title=name)
    figure.savefig(tmp_path / "x.png")
    title = figure.texts[0].get_text()
    assert len(title) <= 120
    if name.isascii() and len(name) < 50:
        assert title == name.replace("\x1b", "\\x1b").replace("\n", "\\n")
    elif name.startswith("会"):
        assert title == name or re.fullmatch(r"(\\u[0-9a-f]{4})+ \\u7b2c1\\u8bb2\.wav", title)


def test_a_file_is_called_by_its_name(tmp_path: Path) -> None:
    """Without a title it is the file's name without its folder."""
    soundfile.write(tmp_path / "talk 1.wav", np.zeros(8000), 8000)
    assert texts(plot(tmp_path / "talk 1.wav", detected(1000))).startswith("talk 1.wav\n")


def test_the_detection_of_another_recording_is_refused() -> None:
    """Another length, or a channel that is not there."""
    with pytest.raises(InvalidParameter, match="of 5000 ms of audio and the recording has 1000 ms"):
        plot(np.zeros(8000, np.int16), detected(5000), sample_rate=8000)
    with pytest.raises(InvalidParameter, match="of channel 3 and the recording has 1"):
        plot(np.zeros(8000, np.int16), detected(1000, channel=3), sample_rate=8000)


def test_pyplot_is_not_touched() -> None:
    """Drawing loads no pyplot and chooses no backend: a notebook's own state stays as it is."""
    script = (
        "import sys, numpy, segue; from tests.speech.test_plot import detected; "
        "segue.plot(numpy.zeros(800, 'int16'), detected(100), sample_rate=8000).savefig(sys.argv[1]); "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", script, "/dev/null"], check=True, cwd=root)


def test_without_matplotlib_it_says_what_to_install() -> None:
    """In one line, and before any audio is read."""
    script = "import sys; sys.modules['matplotlib'] = None; import segue; segue.plot('missing.wav', [])"
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert finished.stderr.endswith("pictures need matplotlib, which is not installed: pip install 'segue[plot]'\n")
