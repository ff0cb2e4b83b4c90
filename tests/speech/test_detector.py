"""Recordings through the real model: FunASR's answers, every form of samples, many threads."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from scripts.speech import Conversation
from segue.accuracy.agreement import agreement
from segue.errors import AudioTooLong, InvalidParameter
from segue.speech.detector import Detector
from segue.speech.presets import Preset
from segue.speech.scorer import Samples
from segue.speech.segmenter import Segment
from tests.fakes import loudness_detector
from tests.speech.feeding import chunks, merged, pairs, random_sizes, run

RATE = 16_000


@pytest.mark.parametrize("mode", ["classic", "dynamic"])
def test_segments_equal_funasr_s(
    detector: Detector, shared_data: Path, reference: Mapping[str, Any], mode: str
) -> None:
    """On every real clip the segments are FunASR's, to the millisecond, in both modes."""
    found = {name: pairs(detector.detect(shared_data / name, mode=mode)) for name in reference}
    assert found == {name: answers[mode] for name, answers in reference.items()}


def test_all_forms_of_the_same_samples_give_the_same_segments(
    detector: Detector, speech: Samples, tmp_path: Path
) -> None:
    """A path, bytes, a file object, int16, int32, float64, (n, 2) and (2, n) of one recording answer alike."""
    whole = np.round(speech * 32_767).astype(np.int16)
    path = tmp_path / "speech.wav"
    soundfile.write(path, whole, RATE)
    expected = pairs(detector.detect(path))
    assert len(expected) >= 3
    with path.open("rb") as file:
        assert pairs(detector.detect(file)) == expected
    assert pairs(detector.detect(path.read_bytes())) == expected
    two = np.stack([whole, whole])
    forms: list[NDArray[Any]] = [whole, whole.astype(np.int32) * 65_536, whole / 32_768, two, two.T]
    for samples in forms:
        assert pairs(detector.detect(samples, sample_rate=RATE)) == expected


def test_channels_are_detected_apart(detector: Detector, speech: Samples) -> None:
    """detect_channels answers each channel as if it were alone, numbered; the mix is another recording."""
    other = np.roll(speech, 2 * RATE)
    left, right = detector.detect_channels(np.stack([speech, other]), sample_rate=RATE)
    assert (left.channel, right.channel) == (0, 1)
    assert pairs(left) == pairs(detector.detect(speech, sample_rate=RATE))
    assert pairs(right) == pairs(detector.detect(other, sample_rate=RATE))
    assert detector.detect(speech, sample_rate=RATE).channel is None


@pytest.mark.parametrize("samples", [0, 1, 159, 160, 399, 400, 401, 560, 800])
def test_very_short_recordings_have_no_segments(detector: Detector, samples: int) -> None:
    """From no sample to a few frames: an answer without segments, and a live stream without events."""
    short = np.full(samples, 0.1, dtype=np.float32)
    assert pairs(detector.detect(short, sample_rate=RATE)) == []
    assert run(detector.stream(), iter([short])) == []
    frames = 0 if samples < 400 else (samples - 400) // 160 + 1
    assert detector.probabilities(short, sample_rate=RATE).shape == (frames,)


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0])
def test_constant_signals_are_not_speech(detector: Detector, level: float) -> None:
    """Digital silence, and a constant at full scale, have no segments."""
    assert pairs(detector.detect(np.full(5 * RATE, level), sample_rate=RATE)) == []


def test_an_answer_says_what_made_it(detector: Detector, speech: Samples) -> None:
    """Mode, parameters, model and duration are in the answer, probabilities where asked for."""
    detection = detector.detect(speech, sample_rate=RATE, mode="dynamic", probabilities=True, do_extend=0)
    assert (detection.mode, detection.rules.do_extend, detection.model) == ("dynamic", 0, detector.model)
    assert detection.duration_ms == round(len(speech) / 16)
    assert detection.probabilities is not None
    assert detection.probabilities.dtype == np.float32
    assert len(detection.probabilities) == (len(speech) - 400) // 160 + 1
    assert detection.speech_ms == sum(end - start for start, end in pairs(detection))
    assert detection[0] == detection.segments[0]
    assert detector.detect(speech, sample_rate=RATE).probabilities is None


def test_unknown_parameters_are_refused_before_any_audio_is_read(detector: Detector) -> None:
    """A misspelt parameter is an error, not ignored."""
    with pytest.raises(InvalidParameter, match="max_end_silence"):
        detector.detect("does-not-exist.wav", max_end_silence=800)
    with pytest.raises(InvalidParameter, match="fast"):
        detector.stream(mode="fast")


def test_a_preset_of_one_s_own_can_be_asked_for(detector: Detector, speech: Samples) -> None:
    """Of recordings, of channels and of streams; the answer names it."""
    patient = Preset("patient", "long pauses", {"classic": {"max_end_silence_time": 3_000}})
    expected = pairs(detector.detect(speech, sample_rate=RATE, max_end_silence_time=3_000))
    assert expected != pairs(detector.detect(speech, sample_rate=RATE))
    found = detector.detect(speech, sample_rate=RATE, preset=patient)
    assert (pairs(found), found.preset) == (expected, "patient")
    (channel,) = detector.detect_channels(speech, sample_rate=RATE, preset=patient)
    assert pairs(channel) == expected
    assert merged(run(detector.stream(preset=patient), iter([speech]))) == expected


def test_tight_mode_is_the_speech_and_little_more(detector: Detector, talk: Conversation) -> None:
    """On speech whose boundaries are known it agrees with them better than the mode for recognisers does."""
    true = [Segment(round(each.start_s * 1000), round(each.end_s * 1000)) for each in talk.utterances]
    duration_ms = len(talk.samples) // 16
    found = {mode: detector.detect(talk.samples, sample_rate=RATE, mode=mode) for mode in ("classic", "tight")}
    error = {mode: agreement(true, answer, duration_ms).detection_error or 0 for mode, answer in found.items()}
    assert error["tight"] < error["classic"]


def test_the_limit_of_length_is_the_detector_s() -> None:
    """A recording over max_audio_s is refused."""
    detector = replace(loudness_detector(), max_audio_s=1.0)
    with pytest.raises(AudioTooLong):
        detector.detect(np.zeros(RATE * 2), sample_rate=RATE)


def test_one_detector_serves_many_threads(detector: Detector, speech: Samples) -> None:
    """Sixteen threads, half with recordings and half with streams of different modes, all answer as alone."""
    expected = {mode: pairs(detector.detect(speech, sample_rate=RATE, mode=mode)) for mode in ("classic", "dynamic")}
    assert expected["classic"] != expected["dynamic"]

    def work(i: int) -> bool:
        mode = ("classic", "dynamic")[i % 2]
        if i % 4 < 2:
            return pairs(detector.detect(speech, sample_rate=RATE, mode=mode)) == expected[mode]
        return merged(run(detector.stream(mode=mode), chunks(speech, random_sizes(i)))) == expected[mode]

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(work, range(32)))
