"""Live streams through the real model: FunASR's events, chunk invariance, changing scorers."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from segue.errors import InferenceFailed, InvalidParameter, InvalidSamples, StreamFinished
from segue.speech.detector import Detector
from segue.speech.rules import MODES, Rules
from segue.speech.scorer import Samples, Scorer, SilenceProbs
from segue.speech.segmenter import Event, SpeechEnded, SpeechStarted
from segue.speech.stream import DetectorStream
from tests.fakes import LoudnessScorer, loudness_detector
from tests.speech.feeding import chunks, constant, merged, pairs, random_sizes, run

RATE = 16_000


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


@pytest.mark.parametrize("mode", MODES)
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
    stream.adopt(twin.scorer, Rules.of({"speech_noise_thres": 0.1, "max_end_silence_time": 200}))
    assert stream.is_open
    assert (stream.rules.max_end_silence_time, stream.rules.speech_noise_thres) == (2000, 0.1)


@pytest.mark.parametrize(("before", "after"), list(itertools.permutations(MODES, 2)))
def test_an_open_utterance_survives_a_change_of_mode(
    detector: Detector, twin: Detector, speech: Samples, before: str, after: str
) -> None:
    """A version of another mode takes over: what is open stays open, ends once, and nothing overlaps."""
    mine, theirs = (each.rules.asking({"mode": mode}) for each, mode in ((detector, before), (twin, after)))
    for at in range(RATE, len(speech), 3 * RATE):
        stream = DetectorStream(detector.scorer, mine)
        events = stream.accept(speech[:at])
        was_open = stream.is_open
        stream.adopt(twin.scorer, theirs)
        assert (stream.is_open, stream.rules.mode) == (was_open, after)
        events += stream.accept(speech[at:]) + stream.finish()
        for started, ended in zip(events[::2], events[1::2], strict=True):
            assert isinstance(started, SpeechStarted)
            assert isinstance(ended, SpeechEnded)
            assert started.at_ms == ended.segment.start_ms
        assert all(one[1] <= other[0] for one, other in itertools.pairwise(merged(events)))


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


def test_finish_can_be_asked_for_again_after_a_failure(detector: Detector, speech: Samples) -> None:
    """A finish that failed is no silence: asked again, or after another version took over, it gives the events."""
    half = speech[: 3 * RATE]
    expected = run(detector.stream(sample_rate=8_000), iter([half]))
    assert expected
    for adopts in (False, True):
        scorer = _FailsOnce(detector.scorer)
        stream = DetectorStream(scorer, detector.rules, sample_rate=8_000)
        events = stream.accept(half)
        scorer.fail = True
        with pytest.raises(InferenceFailed):
            stream.finish()
        with pytest.raises(StreamFinished):
            stream.accept(half)
        if adopts:
            stream.adopt(detector.scorer, detector.rules)
        assert events + stream.finish() == expected
        assert stream.finish() == []


class _FailsOnce:
    """A real scorer whose next call fails when ``fail`` is set."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self.sample_rate, self.frame_ms, self.context_ms = scorer.sample_rate, scorer.frame_ms, scorer.context_ms
        self.fail = False

    def open(self) -> Any:
        stream = self._scorer.open()
        accept = stream.accept

        def failing(samples: Samples) -> SilenceProbs:
            if self.fail:
                self.fail = False
                raise InferenceFailed("made to fail")
            return accept(samples)

        stream.accept = failing  # type: ignore[method-assign]  # the rest stays real
        return stream

    def accept_many(self, streams: Sequence[Any], chunks: Sequence[Samples]) -> list[SilenceProbs]:
        return [stream.accept(chunk) for stream, chunk in zip(streams, chunks, strict=True)]


def test_empty_chunks_say_nothing(detector: Detector, speech: Samples) -> None:
    """Empty chunks, first or in the middle of a stereo stream, are taken and change nothing."""
    stereo = np.stack([speech, speech], axis=1)
    stream = detector.stream()
    assert stream.accept([]) == []
    events = stream.accept(stereo[: 5 * RATE])
    assert stream.accept(np.empty(0, np.int16)) == []
    assert stream.accept(np.empty((0, 2))) == []
    assert events + stream.accept(stereo[5 * RATE :]) + stream.finish() == run(detector.stream(), iter([speech]))


def test_rules_of_another_frame_are_refused(detector: Detector) -> None:
    """Rules made for frames of another length would give wrong times; neither opening nor adopting takes them."""
    rules = Rules.of(frame_ms=20)
    with pytest.raises(InvalidParameter, match="20 ms"):
        DetectorStream(detector.scorer, rules)
    with pytest.raises(InvalidParameter, match="20 ms"):
        detector.stream().adopt(detector.scorer, rules)


def test_a_rate_of_zero_is_not_the_model_s_rate(detector: Detector) -> None:
    """sample_rate=0 is refused like any other rate that is not accepted."""
    with pytest.raises(InvalidSamples):
        detector.stream(sample_rate=0)


def test_what_is_asked_anew_decides_from_the_next_frame_on(detector: Detector, twin: Detector, speech: Samples) -> None:
    """The open utterance stays open; what was asked before is gone; a version that comes later keeps it."""
    stream = detector.stream(max_end_silence_time=2000)
    at = 0
    while not stream.is_open:
        stream.accept(speech[at : at + 1600])
        at += 1600
    assert stream.ask({"speech_noise_thres": 0.2}) == stream.frame
    assert stream.is_open
    assert (stream.rules.max_end_silence_time, stream.rules.speech_noise_thres) == (
        detector.rules.max_end_silence_time,
        0.2,
    )
    with pytest.raises(InvalidParameter):
        stream.ask({"speech_noise_thres": 7})
    stream.adopt(twin.scorer, Rules.of({"speech_noise_thres": 0.1, "max_end_silence_time": 200}))
    assert (stream.rules.max_end_silence_time, stream.rules.speech_noise_thres) == (200, 0.2)
