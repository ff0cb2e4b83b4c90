"""A clip that was scored once gives, under any rules, what detecting it with them gives."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from scripts.speech import Conversation
from segue.accuracy.evaluation import evaluate
from segue.accuracy.scored_clip import hear
from segue.errors import AudioUndecodable
from segue.speech.detector import Detector
from segue.speech.rules import MODES
from segue.speech.segmenter import Segment
from tests.fakes import loudness_detector


@pytest.mark.parametrize("mode", MODES)
def test_scored_once_it_is_decided_as_a_detector_decides(detector: Detector, talk: Conversation, mode: str) -> None:
    """In each mode, at another rate and with two channels: the segments and length of ``Detector.detect``."""
    file = io.BytesIO()
    both = np.stack([talk.samples, talk.samples * np.float32(0.5)], axis=1)
    soundfile.write(file, both, talk.sample_rate, format="flac")
    truth = [Segment(round(said.start_s * 1000), round(said.end_s * 1000)) for said in talk.utterances]
    clip = hear(detector, file.getvalue(), truth, name="talk")
    for longest_ms in (60_000, 3_000):
        rules = detector.rules.asking({"mode": mode, "max_single_segment_time": longest_ms})
        found = detector.detect(file.getvalue(), mode=mode, max_single_segment_time=longest_ms)
        assert clip.detect(rules) == list(found)
        assert clip.duration_ms == found.duration_ms
        assert clip.evaluate(rules) == evaluate("talk", truth, found, found.duration_ms)
        assert (clip.evaluate(rules).ms.recall or 0) > 0.9


def test_speech_to_the_end_ends_there() -> None:
    """An utterance that is open when the audio ends is a segment too."""
    file = io.BytesIO()
    soundfile.write(file, np.full(16_000, 0.5, dtype=np.float32), 16_000, format="wav")
    clip = hear(loudness_detector(), file.getvalue(), [Segment(0, 1000)], name="loud")
    assert clip.detect(loudness_detector().rules)[-1].end_ms == 1000
    assert clip.evaluate(loudness_detector().rules).ms.recall == 1


def test_audio_without_a_frame_is_a_clip_too() -> None:
    """A few samples have no frame, and nothing is found in them."""
    file = io.BytesIO()
    soundfile.write(file, np.zeros(10, dtype=np.float32), 16_000, format="wav")
    clip = hear(loudness_detector(), file.getvalue(), [], name="tick")
    assert (len(clip.p_silence), clip.detect(loudness_detector().rules)) == (0, [])


def test_what_is_no_audio_is_refused(tmp_path: Path) -> None:
    """As by a detector."""
    path = tmp_path / "a.wav"
    path.write_bytes(b"no audio")
    with pytest.raises(AudioUndecodable):
        hear(loudness_detector(), str(path), [], name="a")
