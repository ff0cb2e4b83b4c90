"""The recordings that the other tests stand on."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from scripts.speech import Conversation, Samples, conversation, synthesise

ROOT = Path(__file__).parents[2]
GREETING = "Good morning, can everybody hear me? Fish and chips."


def test_what_was_said_before_changes_nothing() -> None:
    """A sentence has the same samples when it is spoken first and when others were spoken before it."""
    first, rate = synthesise(GREETING, voice="en+f3")
    synthesise("请你再说一遍。", voice="cmn+m3", words_per_minute=190, pitch=70)
    again, _ = synthesise(GREETING, voice="en+f3")
    assert rate == 22_050
    np.testing.assert_array_equal(first, again)


def test_another_process_makes_the_same_file(talk: Conversation, tmp_path: Path) -> None:
    """The command writes the recording that this process made, to a sixteen-bit step."""
    out = tmp_path / "a folder" / "talk.wav"
    command = [sys.executable, str(ROOT / "scripts" / "speech.py"), str(out), "--seconds", "30", "--seed", "0"]
    subprocess.run(command, check=True, capture_output=True)
    written, rate = soundfile.read(out, dtype="float32")
    assert rate == talk.sample_rate
    np.testing.assert_allclose(written, talk.samples, atol=1 / 32768)


def test_utterances_are_where_they_are_said_to_be(talk: Conversation) -> None:
    """Every utterance is louder than the noise around it by 20 dB or more, and there are at least five in 30 s."""
    silence = np.ones(len(talk.samples), bool)
    spans = [slice(round(u.start_s * 16_000), round(u.end_s * 16_000)) for u in talk.utterances]
    for span in spans:
        silence[span] = False
    floor = _rms(talk.samples[silence])
    assert len(spans) >= 5
    assert min(_rms(talk.samples[span]) for span in spans) > 10 * floor
    assert floor == pytest.approx(10 ** (-65 / 20), rel=0.05)


def test_a_seed_is_a_recording() -> None:
    """Seeds differ, noise can be made loud, and every recording is read-only float32 of the length asked for."""
    quiet = conversation(seconds=5, seed=3)
    loud = conversation(seconds=5, seed=3, noise_dbfs=-35)
    other = conversation(seconds=5, seed=4)
    assert quiet.samples.shape == loud.samples.shape == other.samples.shape == (80_000,)
    assert quiet.samples.dtype == np.float32
    assert not quiet.samples.flags.writeable
    assert quiet.utterances == loud.utterances != other.utterances
    assert _rms(loud.samples[:1000]) > 10 * _rms(quiet.samples[:1000])


def test_an_unknown_voice_is_an_error() -> None:
    """A voice that espeak-ng does not have raises ValueError, and the next call works."""
    with pytest.raises(ValueError, match="no voice 'nobody'"):
        synthesise("Hello", voice="nobody")
    assert len(synthesise("Hello")[0]) > 0


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
