"""ModelScope's front door."""

from pathlib import Path

import pytest

from scripts.speech import Samples
from segue.edges.funasr import AutoModel
from segue.edges.modelscope import Tasks, pipeline
from segue.errors import InvalidParameter


def test_a_pipeline_is_a_callable_of_funasr_s_answers(model_directory: Path, speech: Samples) -> None:
    """By position, as ``input`` and as ``audio_in``, with parameters of the call."""
    vad = pipeline(task=Tasks.voice_activity_detection, model=str(model_directory), model_revision=None, device="gpu")
    expected = AutoModel(model=str(model_directory)).generate(input=speech, key="a")
    assert (
        vad(speech, key="a") == vad(input=speech, key="a") == vad(audio_in=speech, audio_fs=16_000, key="a") == expected
    )
    assert vad(speech, key="a", max_end_silence_time=400) != expected


def test_another_task_is_refused_by_name(model_directory: Path) -> None:
    """So is a call with nothing to detect in."""
    with pytest.raises(InvalidParameter, match="task='auto-speech-recognition': only voice-activity-detection is here"):
        pipeline("auto-speech-recognition", model=str(model_directory))
    with pytest.raises(InvalidParameter, match="nothing to detect in"):
        pipeline("voice-activity-detection", str(model_directory))()
