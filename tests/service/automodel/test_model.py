"""FunASR's AutoModel, held against FunASR's own answers where the real recordings are at hand."""

import io
import logging
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import segue
from scripts.speech import Samples
from segue.errors import InvalidParameter, InvalidSamples
from segue.service.automodel import AutoModel

RATE = 16_000


@pytest.fixture(scope="module")
def model(model_directory: Path) -> AutoModel:
    return AutoModel(model=str(model_directory), device="cpu", disable_update=True, disable_pbar=True)


def pairs(model: AutoModel, samples: Any, **asked: Any) -> list[list[int]]:
    detection = model.detector.detect(samples, sample_rate=RATE, **asked)
    return [[segment.start_ms, segment.end_ms] for segment in detection.segments]


def test_all_forms_of_a_recording_answer_alike(model: AutoModel, speech: Samples, tmp_path: Path) -> None:
    """Path, file object, bytes of a file, raw PCM and int16 samples: ``dynamic``, as FunASR has it by default."""
    whole = (speech * 32768).astype(np.int16)
    expected = pairs(model, whole, mode="dynamic")
    assert len(expected) > 1
    path = tmp_path / "my talk.wav"
    soundfile.write(path, whole, RATE)
    for given in (str(path), path, io.BytesIO(path.read_bytes()), path.read_bytes(), whole.tobytes(), whole):
        (answer,) = model.generate(input=given)
        assert list(answer) == ["key", "value"]
        assert answer["value"] == expected
    assert model(str(path)) == [{"key": "my talk", "value": expected}]


def test_an_end_silence_is_classic(model: AutoModel, speech: Samples) -> None:
    """In a call; and the next call is not touched by it, which in FunASR it is."""
    (answer,) = model.generate(input=speech, max_end_silence_time=400)
    assert answer["value"] == pairs(model, speech, mode="classic", max_end_silence_time=400)
    (answer,) = model.generate(input=speech, dynamic_silence=False)
    assert answer["value"] == pairs(model, speech, mode="classic") != pairs(model, speech, mode="dynamic")


def test_what_the_constructor_is_given_holds_for_every_call(model_directory: Path, speech: Samples) -> None:
    """``max_single_segment_time`` too, which FunASR reads only there."""
    model = AutoModel(model=str(model_directory), max_end_silence_time=800, max_single_segment_time=3000)
    expected = pairs(model, speech, mode="classic", max_single_segment_time=3000)
    assert model.generate(input=speech)[0]["value"] == expected != pairs(model, speech, mode="classic")


def test_what_funasr_ignores_in_a_call_is_ignored_and_said(
    model: AutoModel, speech: Samples, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer is FunASR's; the log has a warning."""
    with caplog.at_level(logging.WARNING, "segue"):
        answer = model.generate(input=speech, key="a", max_single_segment_time=3000)
    assert answer == model.generate(input=speech, key="a")
    assert "max_single_segment_time does nothing in generate()" in caplog.text


def test_several_inputs_are_answered_in_their_order(model: AutoModel, speech: Samples) -> None:
    """One answer each, with a call back after each."""
    told: list[tuple[int, int]] = []
    answers = model.generate([speech, speech[:0]], None, lambda *at: told.append(at), key=["a", "b"])
    assert answers == [{"key": "a", "value": pairs(model, speech, mode="dynamic")}, {"key": "b", "value": []}]
    assert told == [(1, 2), (2, 2)]


def test_a_live_stream_is_in_the_caller_s_cache(model: AutoModel, speech: Samples) -> None:
    """Without a cache every call is a stream of its own."""
    expected = pairs(model, speech, mode="classic")
    cache: dict[str, Any] = {}
    told = []
    for at in range(0, len(speech), 3200):
        (answer,) = model.generate(
            input=speech[at : at + 3200],
            cache=cache,
            is_final=at + 3200 >= len(speech),
            chunk_size=200,
            max_end_silence_time=800,
        )
        told += answer["value"]
    assert [at for pair in told for at in pair if at != -1] == list(chain.from_iterable(expected))
    assert model.generate(input=speech[:320], chunk_size=200)[0]["value"] == []


def test_another_rate_is_resampled(model: AutoModel, speech: Samples) -> None:
    """``fs`` is that of samples; a file says its own."""
    (answer,) = model.generate(input=speech[::2].copy(), fs=8000)
    assert len(answer["value"]) > 0
    file = io.BytesIO()
    soundfile.write(file, speech, RATE, format="WAV")
    assert model.generate(input=file.getvalue(), fs=8000)[0]["value"] == model.generate(input=file)[0]["value"]


def test_what_cannot_be_is_said_when_the_model_is_made(model_directory: Path) -> None:
    """Not at the first call."""
    with pytest.raises(InvalidParameter, match="max_end_silence_time='soon'"):
        AutoModel(model=str(model_directory), max_end_silence_time="soon")
    with pytest.raises(InvalidParameter, match="hub='github'"):
        AutoModel(model=str(model_directory), hub="github")
    with pytest.raises(segue.ModelError):
        AutoModel(model="paraformer-zh")


def test_samples_that_were_never_scaled_are_refused(model: AutoModel) -> None:
    """FunASR answers something for them."""
    with pytest.raises(InvalidSamples):
        model.generate(input=np.full(16_000, 3000.0, np.float32))


def test_answers_are_funasr_s_own_on_real_recordings(
    model: AutoModel, shared_data: Path, reference: Mapping[str, Any]
) -> None:
    """Every clip, to the millisecond: as it comes and with a fixed end silence."""
    assert len(reference) > 20
    for clip, answers in reference.items():
        key = Path(clip).stem
        assert model.generate(input=str(shared_data / clip)) == [{"key": key, "value": answers["dynamic"]}], clip
        fixed = model.generate(input=str(shared_data / clip), max_end_silence_time=800)
        assert fixed == [{"key": key, "value": answers["classic"]}], clip


@pytest.mark.parametrize("chunk_ms", [200, 60])
def test_live_answers_are_funasr_s_own_on_real_recordings(
    model: AutoModel, shared_data: Path, reference: Mapping[str, Any], chunk_ms: int
) -> None:
    """Every pair, and with which chunk it was told."""
    heard = 0
    for clip, answers in reference.items():
        if f"stream_{chunk_ms}ms" not in answers or not clip.endswith(".wav"):
            continue
        samples, rate = soundfile.read(shared_data / clip, dtype="float32")
        if rate != RATE or samples.ndim > 1:
            continue
        cache: dict[str, Any] = {}
        told, step = [], RATE * chunk_ms // 1000
        for at in range(0, len(samples), step):
            fed = min(at + step, len(samples))
            asked: dict[str, Any] = {"cache": cache, "is_final": fed == len(samples), "chunk_size": chunk_ms}
            (answer,) = model.generate(input=samples[at:fed], max_end_silence_time=800, **asked)
            told += [[fed * 1000 // RATE, pair] for pair in answer["value"]]
        assert told == answers[f"stream_{chunk_ms}ms"], clip
        heard += 1
    assert heard > 20
