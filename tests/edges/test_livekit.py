"""LiveKit Agents' VAD, by itself and inside an AgentSession; skipped where the extra is not installed."""

import asyncio
import warnings
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import segue
from scripts.speech import Conversation, Samples
from segue.errors import InferenceFailed, InvalidParameter
from segue.speech.detector import Detector
from segue.speech.rules import Rules
from tests.service.voices import QUICK, Trouble, Voice, Weights

pytest.importorskip("livekit.agents", reason="the extra livekit is not installed")
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its own dependencies
    from livekit import rtc
    from livekit.agents import Agent, AgentSession
    from livekit.agents.vad import VADEvent, VADEventType
    from livekit.agents.voice.io import AudioInput

    from segue.edges.livekit import VAD, _Recent

RATE = 16_000


@pytest.fixture(scope="module")
def detector(model_directory: Path) -> Detector:
    return segue.load(model_directory)


@pytest.fixture(scope="module")
def speech(talk: Conversation) -> Samples:
    """Twelve seconds: LiveKit is asked 50 times a second."""
    return talk.samples[: 12 * RATE]


def frames(samples: Samples, *, rate: int = RATE, ms: int = 10, channels: int = 1) -> list[Any]:
    whole = np.repeat((samples * 32767).astype(np.int16), channels)
    size = rate * ms // 1000 * channels
    return [
        rtc.AudioFrame(whole[at : at + size].tobytes(), rate, channels, len(whole[at : at + size]) // channels)
        for at in range(0, len(whole), size)
    ]


def heard(vad: VAD, *sent: Sequence[Any] | None) -> list[VADEvent]:
    """All events of a stream; None is a flush."""

    async def hear() -> list[VADEvent]:
        stream = vad.stream()
        for some in sent:
            if some is None:
                stream.flush()
            for frame in some or ():
                stream.push_frame(frame)
        stream.end_input()
        events = [event async for event in stream]
        await stream.aclose()
        return events

    return asyncio.run(hear())


def spoken(events: Sequence[VADEvent]) -> list[VADEvent]:
    return [event for event in events if event.type != VADEventType.INFERENCE_DONE]


def times_ms(events: Sequence[VADEvent]) -> list[tuple[str, int]]:
    return [(event.type.value, round(event.timestamp * 1000)) for event in spoken(events)]


def expected(detector: Detector, samples: Samples, **asked: Any) -> list[tuple[int, int]]:
    """What a live stream of ours says, but for what only its end tells."""
    stream = detector.stream(**{"mode": "tight", "min_silence_duration_ms": 250, **asked})
    events = stream.accept((samples * 32767).astype(np.int16))
    return [(e.segment.start_ms, e.segment.end_ms) for e in events if isinstance(e, segue.SpeechEnded)]


def test_utterances_are_those_of_tight_mode(detector: Detector, speech: Samples) -> None:
    """Start and end in turn; an end's duration and silence give the segment's own times."""
    events = heard(VAD(detector), frames(speech))
    told = spoken(events)
    assert [e.type for e in told[::2]] == [VADEventType.START_OF_SPEECH] * len(told[::2])
    ends = [e for e in told if e.type == VADEventType.END_OF_SPEECH]
    found = [(e.timestamp - e.silence_duration, e.speech_duration) for e in ends]
    pairs = [(round((end_s - length_s) * 1000), round(end_s * 1000)) for end_s, length_s in found]
    assert pairs == expected(detector, speech)
    assert len(pairs) > 1
    assert all(e.samples_index == round(e.timestamp * RATE) for e in events)


def test_an_end_is_told_soon_after_the_speech(detector: Detector, speech: Samples) -> None:
    """Within a window of 20 ms of when it became certain, and the probability of every window before it."""
    events = heard(VAD(detector), frames(speech))
    assert all(e.silence_duration <= 0.35 for e in spoken(events) if e.type == VADEventType.END_OF_SPEECH)
    done = [e for e in events if e.type == VADEventType.INFERENCE_DONE]
    assert len(done) == len(speech) // 320
    assert {0 <= e.probability <= 1 for e in done} == {True}
    assert max(e.probability for e in done if e.speaking) > 0.9
    assert max(e.raw_accumulated_silence for e in done) > 0.2
    assert max(e.raw_accumulated_speech for e in done) > 0.2
    assert all(bool(e.raw_accumulated_speech) != bool(e.raw_accumulated_silence) for e in done)


@pytest.mark.parametrize(("ms", "channels"), [(10, 2), (30, 1), (333, 1), (2000, 1)])
def test_how_audio_comes_does_not_matter(detector: Detector, speech: Samples, ms: int, channels: int) -> None:
    """Events are the same for any size of frames, and for two channels that are equal."""
    assert times_ms(heard(VAD(detector), frames(speech, ms=ms, channels=channels))) == times_ms(
        heard(VAD(detector), frames(speech))
    )


def test_frames_of_an_utterance_are_its_audio(detector: Detector, speech: Samples) -> None:
    """From half a second before it to its announcement, sample for sample."""
    whole = (speech * 32767).astype(np.int16)
    for event in spoken(heard(VAD(detector), frames(speech))):
        if event.type == VADEventType.START_OF_SPEECH:
            start_s = event.timestamp - event.speech_duration
        else:
            start_s = event.timestamp - event.silence_duration - event.speech_duration
        (frame,) = event.frames
        end = round(event.timestamp * RATE)
        samples = np.frombuffer(frame.data, np.int16)
        begin = end - len(samples)
        assert np.array_equal(samples, whole[begin:end])
        assert 0 <= max(0, round((start_s - 0.5) * RATE)) - begin < RATE // 50


def test_the_audio_of_an_utterance_is_bounded(detector: Detector, speech: Samples) -> None:
    """What is longer than ``max_buffered_s`` has its beginning only, and a second of before it at most."""
    vad = VAD(detector, mode="classic", max_end_silence_time=1500, max_buffered_s=1.0, prefix_padding_s=0.0)
    ends = [e for e in spoken(heard(vad, frames(speech, ms=500))) if e.type == VADEventType.END_OF_SPEECH]
    assert max(e.speech_duration for e in ends) > 3.0
    assert max(e.frames[0].duration for e in ends) <= 2.0


@pytest.mark.parametrize("is_cut", [True, False])
def test_after_a_long_utterance_the_next_is_whole(is_cut: bool, caplog: pytest.LogCaptureFixture) -> None:
    """There is a hole behind what was kept of it: nothing of before the hole is given out as what came after."""
    recent = _Recent(1000, prefix_ms=100, longest_ms=200)  # a sample a millisecond, its value the time

    def bring(until_ms: int, *, is_open: bool) -> None:
        for at_ms in range(recent.end_ms, until_ms, 20):
            recent.accept(np.arange(at_ms, at_ms + 20, dtype=np.int16), is_open=is_open)

    bring(2000, is_open=False)
    recent.begin(1900)
    assert recent.since(1900).tolist() == list(range(1800, 2000))
    bring(9000, is_open=True)
    assert recent.since(1900)[0] == 1800
    assert len(recent.since(1900)) <= 1300
    assert "longer than max_buffered_s" in caplog.text
    if is_cut:  # the next begins at once
        recent.begin(8990)
    bring(9400, is_open=is_cut)
    recent.begin(9200)
    assert recent.since(9200).tolist() == list(range(9100, 9400))


def test_a_flush_begins_anew(detector: Detector, speech: Samples) -> None:
    """Nothing of before it is left: the same audio gives the same events, from time 0."""
    once = times_ms(heard(VAD(detector), frames(speech)))
    assert times_ms(heard(VAD(detector), frames(speech), None, frames(speech))) == once * 2


@pytest.mark.parametrize("rate", [8_000, 24_000, 48_000])
def test_other_rates_are_resampled(detector: Detector, speech: Samples, rate: int) -> None:
    """As many utterances, give or take one, as at the model's rate."""
    import soxr

    count = len(spoken(heard(VAD(detector), frames(speech))))
    resampled = soxr.resample(speech, RATE, rate).astype(np.float32)
    found = spoken(heard(VAD(detector), frames(np.clip(resampled, -1, 1), rate=rate)))
    assert abs(len(found) - count) <= 2
    assert {event.frames[0].sample_rate for event in found} == {rate}


def test_sessions_share_a_model_and_nothing_else(detector: Detector, speech: Samples) -> None:
    """Two streams of one VAD at once, one of them of silence."""
    vad = VAD(detector)

    async def one(samples: Samples) -> list[VADEvent]:
        stream = vad.stream()
        for frame in frames(samples):
            stream.push_frame(frame)
        stream.end_input()
        return [event async for event in stream]

    async def both() -> tuple[list[VADEvent], ...]:
        return await asyncio.gather(one(speech), one(np.zeros_like(speech)), one(speech))

    first, silent, second = asyncio.run(both())
    assert times_ms(first) == times_ms(second) == times_ms(heard(vad, frames(speech)))
    assert spoken(silent) == []


def test_a_model_that_fails_is_an_error_and_not_silence() -> None:
    """Whoever reads the stream gets it."""
    voice = Voice(Weights(0.3), Trouble(raising=1))
    detector = Detector(voice, Rules.of(QUICK, frame_ms=voice.frame_ms), model=None)  # type: ignore[arg-type]  # not looked at
    with pytest.raises(InferenceFailed, match="made to fail"):
        heard(VAD(detector, mode="classic"), frames(np.zeros(RATE, np.float32)))


def test_what_cannot_be_is_said_when_it_is_made(detector: Detector) -> None:
    """By name, and what its parameters mean to LiveKit."""
    with pytest.raises(InvalidParameter, match="max_end_silence_time"):
        VAD(detector, max_end_silence_time=500)  # of another mode
    with pytest.raises(InvalidParameter, match="max_buffered_s"):
        VAD(detector, max_buffered_s=0)
    vad = VAD(detector, min_silence_duration_ms=300)
    assert VAD(detector).min_silence_duration == 0.25
    assert (vad.min_silence_duration, vad.provider, vad.model) == (0.3, "segue", detector.model.id)
    assert VAD(detector, mode="dynamic").min_silence_duration is None


class _Microphone(AudioInput):  # type: ignore[misc]  # the extra is not installed where types are checked
    """Audio as it is spoken."""

    def __init__(self, sent: Sequence[Any]) -> None:
        super().__init__(label="test")
        self._frames = self._spoken(sent)

    async def _spoken(self, sent: Sequence[Any]) -> AsyncIterator[Any]:
        for frame in sent:
            await asyncio.sleep(frame.duration)  # a microphone's pace, for the session looks at the clock
            yield frame
        await asyncio.Event().wait()  # it stays on

    async def __anext__(self) -> Any:
        return await self._frames.__anext__()


def test_a_session_hears_its_user_speak_and_stop(detector: Detector, speech: Samples) -> None:
    """AgentSession's user state goes to speaking and back to listening by this VAD alone."""

    async def run() -> list[str]:
        states: list[str] = []
        has_stopped = asyncio.Event()
        session: Any = AgentSession(vad=VAD(detector), turn_detection="vad")

        def on_state(event: Any) -> None:
            states.append(event.new_state)
            if event.new_state == "listening":
                has_stopped.set()

        session.on("user_state_changed", on_state)
        session.input.audio = _Microphone(frames(speech, ms=20))
        await session.start(Agent(instructions=""))
        try:
            await asyncio.wait_for(has_stopped.wait(), 30)
        finally:
            await session.aclose()
        return states

    assert asyncio.run(run())[:2] == ["speaking", "listening"]
