"""What is heard: told once, of recordings and of rounds, with how late the events were."""

from pathlib import Path
from threading import Event

import numpy as np
import pytest

from segue.service import Ask, StreamAsk
from segue.service.hearing import RECORDING, STREAM, Heard, Hearing
from segue.service.streams import Finished, Message
from segue.speech.segmenter import SpeechEnded, SpeechStarted
from segue.swap import Released, VersionId
from tests.edges.http.service import LoudService, loud_service, model, recording
from tests.service.lives import World, three

PATIENCE_S = 20.0
RATE = 16_000


def test_recordings_and_streams_say_what_they_heard(tmp_path: Path) -> None:
    """A recording its seconds of speech; a stream those of the utterances that ended, and each event's delay once."""
    heard: list[Heard] = []
    uses: list[str] = []
    with loud_service(tmp_path / "home") as service:
        version = service.serve(model(tmp_path, "first"))
        service.hearing.listen(heard.append)
        service.board.listen(lambda event: uses.append(event.use) if isinstance(event, Released) else None)
        answer = service.detect(recording(), Ask("a")).future.result(PATIENCE_S)
        speech_s = sum(each.end_ms - each.start_ms for each in answer.detections[0].segments) / 1000
        assert heard == [Heard(VersionId(version), RECORDING, speech_s)]
        heard.clear()
        told = _streamed(service)
    assert sum(each.speech_s for each in heard) == pytest.approx(1.35, abs=0.5)
    assert sum(each.events for each in heard) == sum(type(each).__name__.startswith("Speech") for each in told) == 2
    assert all(each.use == STREAM and 0 <= each.delay_s < PATIENCE_S for each in heard)
    assert set(uses) == {RECORDING, STREAM}


def _streamed(service: LoudService) -> list[Message]:
    """What a stream is told: a second of sound, and silence."""
    told: list[Message] = []
    over = Event()

    def deliver(messages: list[Message]) -> None:
        told.extend(messages)
        if any(isinstance(message, Finished) for message in messages):
            over.set()

    live = service.stream(StreamAsk("b", sample_rate=RATE), deliver)
    for loudness in (0.0, 0.3, 0.0, 0.0):
        live.put(np.full(RATE, loudness, dtype=np.float32))
    live.finish()
    assert over.wait(PATIENCE_S)
    return told


def test_a_listener_that_raises_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """The next one is told all the same, and the log has it."""
    hearing, heard = Hearing(), list[Heard]()

    def broken(_: Heard) -> None:
        raise ValueError("of the test")

    hearing.listen(broken)
    hearing.listen(heard.append)
    fact = Heard(VersionId("v1"), STREAM, 1.0, 1, 0.1)
    hearing.tell(fact)
    assert heard == [fact]
    assert "of the test" in caplog.text


@pytest.mark.parametrize("waits_s", [0.0, 0.3])
def test_an_event_is_as_late_as_the_chunk_that_decided_it(waits_s: float) -> None:
    """How long a chunk waits for its round counts; the hours before it, which brought no event, do not."""
    world = World()
    world.serve(three(world)[0])
    ear = world.listen()
    for loudness in (0.0, 0.0, 0.9, 0.0, 0.0):
        world.pass_by(3600.0)
        ear.say(np.full(RATE, loudness, dtype=np.float32))
        world.clock.now_s += waits_s  # type: ignore[attr-defined]  # by hand it is a Clock
        world.settle()
    assert len(world.heard) >= 2
    assert [heard.delay_s for heard in world.heard] == pytest.approx([waits_s] * len(world.heard))
    told = [message for message in ear.told if isinstance(message, SpeechStarted | SpeechEnded)]
    assert sum(heard.events for heard in world.heard) == len(told)
