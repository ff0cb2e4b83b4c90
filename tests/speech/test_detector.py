"""Recordings and live streams through the real model: FunASR's answers, chunk invariance, changing scorers."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from segue import models
from segue.errors import AudioTooLong, InferenceFailed, InvalidParameter, InvalidSamples, StreamFinished
from segue.speech.detector import Detector, DetectorStream, ModelIdentity
from segue.speech.rules import Rules
from segue.speech.scorer import Samples
from segue.speech.segmenter import Event, SpeechEnded, SpeechStarted
from tests.fakes import LoudnessScorer, loudness_detector

RATE = 16_000


@pytest.fixture(scope="module")
def detector(model_directory: Path) -> Detector:
    return load(model_directory)


def load(directory: Path) -> Detector:
    scorer, rules = models.load(directory)
    return Detector(scorer, rules, model=ModelIdentity("fsmn-vad", "v2.0.4", "0" * 64))


def pairs(segments: Any) -> list[list[int]]:
    return [[segment.start_ms, segment.end_ms] for segment in segments]


def merged(events: Sequence[Event]) -> list[list[int]]:
    return pairs(event.segment for event in events if isinstance(event, SpeechEnded))


def chunks(samples: Samples, sizes: Iterator[int]) -> Iterator[Samples]:
    at = 0
    while at < len(samples):
        size = next(sizes)
        yield samples[at : at + size]
        at += size


def constant(size: int) -> Iterator[int]:
    while True:
        yield size


def random_sizes(seed: int, largest: int = 9_000) -> Iterator[int]:
    rng = np.random.default_rng(seed)
    while True:
        yield int(rng.integers(0, largest)) if rng.random() < 0.7 else int(rng.integers(0, 40))


def run(stream: DetectorStream, feed: Iterator[Samples]) -> list[Event]:
    events = [event for chunk in feed for event in stream.accept(chunk)]
    return events + stream.finish()


# -- FunASR's answers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["classic", "dynamic"])
def test_segments_equal_funasr_s(
    detector: Detector, shared_data: Path, reference: Mapping[str, Any], mode: str
) -> None:
    """On every real clip the segments are FunASR's, to the millisecond, in both modes."""
    found = {name: pairs(detector.detect(shared_data / name, mode=mode)) for name in reference}
    assert found == {name: answers[mode] for name, answers in reference.items()}


@pytest.mark.parametrize("chunk_ms", [60, 200])
def test_live_events_equal_funasr_s_and_are_never_later(
    detector: Detector, shared_data: Path, reference: Mapping[str, Any], chunk_ms: int
) -> None:
    """Fed with FunASR's chunks, each event is FunASR's, and it comes with the same chunk or an earlier one."""
    for name, answers in reference.items():
        samples, rate = soundfile.read(shared_data / name, dtype="float32")
        assert rate == RATE
        stream, fed_ms, mine = detector.stream(), 0, list[tuple[int, list[int]]]()
        for chunk in chunks(samples, constant(chunk_ms * 16)):
            fed_ms = min(fed_ms + chunk_ms, len(samples) // 16)
            mine += [(fed_ms, _as_funasr(event)) for event in stream.accept(chunk)]
        mine += [(fed_ms, _as_funasr(event)) for event in stream.finish()]
        theirs = answers[f"stream_{chunk_ms}ms"]
        assert [event for _, event in mine] == [event for _, event in theirs], name
        assert all(at <= their_at for (at, _), (their_at, _) in zip(mine, theirs, strict=True)), name


def _as_funasr(event: Event) -> list[int]:
    return [event.at_ms, -1] if isinstance(event, SpeechStarted) else [-1, event.segment.end_ms]


def test_probabilities_equal_the_reference(detector: Detector, shared_data: Path) -> None:
    """p0 of every frame is within 1e-4 of that by funasr-onnx's front end and the exported network."""
    with np.load(shared_data / "reference" / "p_silence.npz") as expected:
        for name in expected.files:
            found = 1 - detector.probabilities(shared_data / f"{name}.wav")
            np.testing.assert_allclose(found, expected[name], atol=1e-4, rtol=0, err_msg=name)


# -- chunks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["classic", "dynamic"])
def test_events_do_not_depend_on_chunks(detector: Detector, long_speech: Samples, mode: str) -> None:
    """Whole, 60 ms, 200 ms, odd and random chunks give equal events, and merged they are the offline segments."""
    whole = run(detector.stream(mode=mode), iter([long_speech]))
    assert len(whole) > 20
    assert merged(whole) == pairs(detector.detect(long_speech, sample_rate=RATE, mode=mode))
    for sizes in (constant(960), constant(3_200), constant(1_237), constant(160_001), random_sizes(1), random_sizes(2)):
        assert run(detector.stream(mode=mode), chunks(long_speech, sizes)) == whole


def test_events_do_not_depend_on_chunks_of_1_ms_or_one_sample(detector: Detector, speech: Samples) -> None:
    """Chunks of 16 samples, and of one, give the events of the whole."""
    whole = run(detector.stream(), iter([speech]))
    assert run(detector.stream(), chunks(speech, constant(16))) == whole
    part = speech[: 3 * RATE]
    assert run(detector.stream(), chunks(part, constant(1))) == run(detector.stream(), iter([part]))


def test_resampled_streams_do_not_depend_on_chunks(detector: Detector, speech: Samples) -> None:
    """A stereo stream at 48 kHz in odd chunks gives the events of the same samples as one recording."""
    upsampled = np.repeat(speech, 3)
    stereo = np.stack([upsampled, upsampled * np.float32(0.5)], axis=1)
    offline = detector.detect(stereo, sample_rate=48_000)
    assert len(offline) >= 3
    stream = detector.stream(sample_rate=48_000)
    events = [event for at in range(0, len(stereo), 4_801) for event in stream.accept(stereo[at : at + 4_801])]
    assert merged(events + stream.finish()) == pairs(offline)


# -- what is accepted -----------------------------------------------------------------------------------------------


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


def test_the_limit_of_length_is_the_detector_s() -> None:
    """A recording over max_audio_s is refused."""
    detector = loudness_detector()
    detector.max_audio_s = 1.0
    with pytest.raises(AudioTooLong):
        detector.detect(np.zeros(RATE * 2), sample_rate=RATE)


def test_a_bad_chunk_leaves_the_stream_as_it_was(detector: Detector, speech: Samples) -> None:
    """NaN, another dtype or another number of channels raises; what was fed before and after counts."""
    clean, hurt = detector.stream(), detector.stream()
    half = len(speech) // 2
    events, spoilt = clean.accept(speech[:half]), hurt.accept(speech[:half])
    for bad in (np.array([0.1, np.nan]), np.array([True, False]), np.zeros((100, 3))):
        with pytest.raises(InvalidSamples):
            hurt.accept(bad)
    events += clean.accept(speech[half:]) + clean.finish()
    spoilt += hurt.accept(speech[half:]) + hurt.finish()
    assert spoilt == events


def test_a_finished_stream_takes_nothing_more(detector: Detector) -> None:
    """accept and adopt raise after finish; a second finish answers nothing."""
    stream = detector.stream()
    stream.finish()
    assert stream.finish() == []
    with pytest.raises(StreamFinished):
        stream.accept(np.zeros(100))
    with pytest.raises(StreamFinished):
        stream.adopt(detector.scorer, detector.rules)


def test_a_stream_does_not_keep_the_caller_s_buffer(detector: Detector, speech: Samples) -> None:
    """A caller that fills one buffer again and again gets the events of the audio as it was."""
    expected = run(detector.stream(), chunks(speech, constant(3_200)))
    stream, buffer, events = detector.stream(), np.empty(3_200, dtype=np.float32), list[Event]()
    for i, chunk in enumerate(chunks(speech, constant(3_200))):
        buffer[: len(chunk)] = chunk
        events += stream.accept(buffer[: len(chunk)])
        buffer[:] = 0.7
        if i % 5 == 0:
            stream.adopt(detector.scorer, detector.rules)  # hears the kept audio again
    assert events + stream.finish() == expected


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


# -- another version takes over -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def twin(model_directory: Path) -> Detector:
    """The same weights in another scorer."""
    return load(model_directory)


def test_moving_to_the_same_weights_changes_nothing_at_any_frame(
    detector: Detector, twin: Detector, speech: Samples
) -> None:
    """A stream moved before any frame whatever gives exactly the events of one that was not moved."""
    part = speech[: 5 * RATE]
    expected = run(detector.stream(), iter([part]))
    assert expected
    for at in range(0, len(part), 160):
        stream = detector.stream()
        events = stream.accept(part[:at])
        assert stream.adopt(twin.scorer, twin.rules) == stream.frame
        assert events + stream.accept(part[at:]) + stream.finish() == expected, at


@pytest.mark.parametrize("seed", range(3))
def test_moving_again_and_again_changes_nothing(
    detector: Detector, twin: Detector, long_speech: Samples, seed: int
) -> None:
    """Probabilities of a stream moved after every random chunk are, bit for bit, those of one that stayed."""
    kept = _probabilities(DetectorStream(detector.scorer, detector.rules, keep=True), long_speech, seed, [])
    moved = _probabilities(
        DetectorStream(detector.scorer, detector.rules, keep=True), long_speech, seed, [twin, detector]
    )
    np.testing.assert_array_equal(moved, kept)


def _probabilities(
    stream: DetectorStream, samples: Samples, seed: int, others: Sequence[Detector]
) -> NDArray[np.float32]:
    for i, chunk in enumerate(chunks(samples, random_sizes(seed))):
        stream.accept(chunk)
        if others:
            other = others[i % len(others)]
            stream.adopt(other.scorer, other.rules)
    stream.finish()
    assert stream.kept is not None
    return np.concatenate(stream.kept)


def test_the_first_frame_of_the_new_version_is_the_one_that_adopt_names() -> None:
    """Frames before f are the old version's, from f on the new one's, each decided once."""
    loud = np.full(RATE, 0.5, dtype=np.float32)
    stream = DetectorStream(LoudnessScorer(), Rules.of(), keep=True)
    stream.accept(loud[:5_000])
    f = stream.adopt(_Deaf(), Rules.of())
    stream.accept(loud[5_000:])
    stream.finish()
    assert stream.kept is not None
    decided = np.concatenate(stream.kept)
    assert f == 31
    assert (decided[:f] < 0.5).all()
    assert (decided[f:] > 0.5).all()
    assert len(decided) == 100


class _Deaf(LoudnessScorer):
    """Hears only silence, after half a second of context."""

    context_ms = 500

    def open(self) -> Any:
        stream = super().open()
        accept = stream.accept
        stream.accept = lambda samples: accept(samples * np.float32(0))  # type: ignore[method-assign]  # a fake of a fake
        return stream


def test_an_open_utterance_survives_and_asked_for_values_stay(
    detector: Detector, twin: Detector, speech: Samples
) -> None:
    """A stream keeps what it asked for through a change; the new version's rules decide the rest."""
    stream = detector.stream(max_end_silence_time=2000)
    at = 0
    while not stream.is_open:
        stream.accept(speech[at : at + 1600])
        at += 1600
    stream.adopt(twin.scorer, Rules.of(("model", {"speech_noise_thres": 0.1, "max_end_silence_time": 200})))
    assert stream.is_open
    assert (stream.rules.max_end_silence_time, stream.rules.speech_noise_thres) == (2000, 0.1)


def test_another_rate_or_frame_is_refused_and_the_stream_goes_on(detector: Detector, speech: Samples) -> None:
    """A version of another sample rate or frame cannot be adopted; nothing changes."""

    class Slow(LoudnessScorer):
        frame_ms = 32

    stream = detector.stream()
    events = stream.accept(speech[:RATE])
    with pytest.raises(InvalidParameter, match="32 ms"):
        stream.adopt(Slow(), Rules.of())
    assert events + stream.accept(speech[RATE:]) + stream.finish() == run(detector.stream(), iter([speech]))


def test_a_chunk_that_failed_is_scored_by_the_version_that_takes_over() -> None:
    """When a scorer raises, the stream can adopt another one and loses and repeats nothing."""
    seen = 0

    def fail(_: Samples) -> None:
        nonlocal seen
        seen += 1
        if seen == 8:
            raise InferenceFailed("made to fail")

    failing = loudness_detector(fail)
    loud = np.where(np.arange(4 * RATE) // RATE % 2 == 1, np.float32(0.5), np.float32(0))
    expected = run(loudness_detector().stream(), iter([loud]))
    stream, events = failing.stream(), list[Event]()
    for chunk in chunks(loud, constant(3_200)):
        try:
            events += stream.accept(chunk)
        except InferenceFailed:
            healthy = loudness_detector()
            stream.adopt(healthy.scorer, healthy.rules)
    assert events + stream.finish() == expected
    assert expected
