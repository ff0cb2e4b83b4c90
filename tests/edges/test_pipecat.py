"""Pipecat's VADAnalyzer inside a pipeline of Pipecat's own; skipped where the extra is not installed."""

import asyncio
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import segue
from scripts.speech import Conversation, Samples
from segue.errors import InferenceFailed
from segue.speech.detector import Detector
from segue.speech.rules import Rules
from tests.service.voices import QUICK, Trouble, Voice, Weights

pytest.importorskip("pipecat", reason="the extra pipecat is not installed")
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its own dependencies: audioop
    from pipecat.audio.vad.vad_analyzer import VADParams, VADState
    from pipecat.frames.frames import (
        ErrorFrame,
        Frame,
        InputAudioRawFrame,
        VADUserStartedSpeakingFrame,
        VADUserStoppedSpeakingFrame,
    )
    from pipecat.processors.audio.vad_processor import VADProcessor
    from pipecat.tests.utils import run_test

    from segue.edges.pipecat import SegueVADAnalyzer

RATE = 16_000
LOUD_ENOUGH = VADParams(min_volume=0.0)


@pytest.fixture(scope="module")
def detector(model_directory: Path) -> Detector:
    return segue.load(model_directory)


def pcm16(samples: Samples) -> bytes:
    return (samples * 32767).astype("<i2").tobytes()


def frames(samples: Samples, rate: int = RATE) -> list[Frame]:
    """As a transport brings them: 20 ms each."""
    data, size = pcm16(samples), rate // 50 * 2
    return [InputAudioRawFrame(data[at : at + size], rate, 1) for at in range(0, len(data), size)]


def through_a_pipeline(analyzer: SegueVADAnalyzer, sent: Sequence[Frame]) -> tuple[list[Any], list[Any]]:
    """What came out of it downstream and upstream. The audio comes faster than it is spoken: no idle timer."""
    processor = VADProcessor(vad_analyzer=analyzer, audio_idle_timeout=0)
    down, up = asyncio.run(run_test(processor, frames_to_send=sent, start_timeout=20.0))
    return list(down), list(up)


def states(analyzer: SegueVADAnalyzer, samples: Samples, rate: int = RATE) -> Iterator[tuple[float, VADState]]:
    """Seconds heard and what Pipecat's state machine made of it."""
    analyzer.set_sample_rate(rate)
    for number, frame in enumerate(frames(samples, rate), 1):
        yield number / 50, analyzer._run_analyzer(frame.audio)


def test_a_pipeline_is_told_of_every_utterance(detector: Detector, speech: Samples) -> None:
    """As often started as stopped, several times, in turn; nothing fails."""
    down, up = through_a_pipeline(SegueVADAnalyzer(detector, params=LOUD_ENOUGH), frames(speech))
    told = [type(f) for f in down if isinstance(f, VADUserStartedSpeakingFrame | VADUserStoppedSpeakingFrame)]
    assert len(told) > 5
    assert told[::2] == [VADUserStartedSpeakingFrame] * len(told[::2])
    assert told[1::2] == [VADUserStoppedSpeakingFrame] * len(told[1::2])
    assert not [frame for frame in up if isinstance(frame, ErrorFrame)]


def test_silence_is_told_as_nothing(detector: Detector, speech: Samples) -> None:
    """Five seconds of zeros."""
    down, _ = through_a_pipeline(
        SegueVADAnalyzer(detector, params=LOUD_ENOUGH), frames(np.zeros_like(speech[: 5 * RATE]))
    )
    assert not [frame for frame in down if isinstance(frame, VADUserStartedSpeakingFrame)]


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000])
def test_speech_is_heard_where_it_is(detector: Detector, talk: Conversation, rate: int) -> None:
    """Speaking or stopping holds for most of the true speech, at rates of transports; quiet for most of the rest."""
    import soxr

    samples = soxr.resample(talk.samples, RATE, rate).astype(np.float32)
    heard = np.array(
        [
            state in (VADState.SPEAKING, VADState.STOPPING)
            for _, state in states(SegueVADAnalyzer(detector, params=LOUD_ENOUGH), samples, rate)
        ]
    )
    true = np.zeros(len(heard), bool)
    for utterance in talk.utterances:
        true[int(utterance.start_s * 50) + 12 : int(utterance.end_s * 50)] = True  # 200 ms to start, 40 ms behind
    assert heard[true].mean() > 0.8


def test_sessions_share_a_model_and_nothing_else(detector: Detector, speech: Samples) -> None:
    """Two analyzers in turn hear each their own audio."""
    alone = [state for _, state in states(SegueVADAnalyzer(detector, params=LOUD_ENOUGH), speech)]
    one, other = (SegueVADAnalyzer(detector, params=LOUD_ENOUGH) for _ in range(2))
    pair = zip(states(one, speech), states(other, speech[::-1]), strict=True)
    assert [mine for (_, mine), _ in pair] == alone


def test_a_model_that_fails_is_an_error_and_not_silence() -> None:
    """In a pipeline as an ErrorFrame, by hand as InferenceFailed; it works again when the model does."""
    trouble = Trouble(raising=10**6)
    voice = Voice(Weights(0.3), trouble)
    detector = Detector(voice, Rules.of(QUICK, frame_ms=voice.frame_ms), model=None)  # type: ignore[arg-type]  # not looked at
    sent = frames(np.zeros(RATE, np.float32))
    _, up = through_a_pipeline(SegueVADAnalyzer(detector), sent[:3])
    assert [frame for frame in up if isinstance(frame, ErrorFrame) and "made to fail" in frame.error]
    analyzer = SegueVADAnalyzer(detector)
    analyzer.set_sample_rate(RATE)
    with pytest.raises(InferenceFailed):
        analyzer.voice_confidence(bytes(640))
    trouble.heal()
    assert analyzer.voice_confidence(bytes(640)) < 0.5


def test_before_the_pipeline_starts_there_is_no_answer(detector: Detector) -> None:
    """Not even a wrong one."""
    with pytest.raises(RuntimeError, match="set_sample_rate"):
        SegueVADAnalyzer(detector).voice_confidence(bytes(640))
