"""The recording somewhere else."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from segue.edges.ui.compare import elsewhere
from segue.errors import AudioTooLong
from segue.speech.segmenter import Segment


@pytest.mark.parametrize("place", elsewhere.PLACES)
def test_it_is_a_recording_like_any(tmp_path: Path, place: str) -> None:
    """Mono, 16 kHz, as long as it was, the same every time, with noise where it was silent."""
    rate = 44_100
    samples = np.zeros((2 * rate, 2))
    samples[rate:] = 0.3 * np.sin(np.arange(rate) / 10)[:, None]
    soundfile.write(tmp_path / "talk.flac", samples, rate)
    one, again = (elsewhere.moved(tmp_path / "talk.flac", (Segment(1000, 2000),), place) for _ in range(2))
    assert one.name == f"talk.{place}.wav"
    assert one.read_bytes() == again.read_bytes()
    heard, heard_rate = soundfile.read(one)
    assert (heard.shape, heard_rate) == ((32_000,), 16_000)
    assert heard[:16_000].std() > 0


def test_what_is_too_long_is_refused(tmp_path: Path) -> None:
    """Before it is in memory."""
    soundfile.write(tmp_path / "long.wav", np.zeros(32_000), 16_000)
    with pytest.raises(AudioTooLong):
        elsewhere.moved(tmp_path / "long.wav", (), "hum_0", most_s=1.0)
