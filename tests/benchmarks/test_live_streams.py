"""Which chunk a message answers."""

from typing import Any

from benchmarks.live_streams import Expected, chunk_latencies, event_latencies, fact

FRAMES = [18, 38, 58]
SENT_NS = [100, 200, 300]
STARTED = {"type": "speech_started", "at_ms": 70}
ENDED = {"type": "speech_ended", "start_ms": 70, "end_ms": 500, "more": "than was asked"}
EXPECTED = Expected(FRAMES, ((1, fact(STARTED)), (3, fact(ENDED))))


def _scores(from_frame: int, to_frame: int) -> dict[str, Any]:
    values = [0.5] * (to_frame - from_frame)
    return {"type": "probabilities", "from_ms": 10 * from_frame, "frame_ms": 10, "values": values}


def test_a_chunk_is_answered_when_its_last_frame_is() -> None:
    """A message for each chunk, whatever else comes between."""
    messages = [(110, _scores(0, 18)), (220, STARTED), (230, _scores(18, 38)), (340, _scores(38, 58))]
    assert chunk_latencies(SENT_NS, messages, FRAMES) == [10, 30, 40]


def test_a_message_for_several_chunks_is_late_by_the_oldest() -> None:
    """Each chunk counts, and half of one is not it."""
    messages = [(150, _scores(0, 10)), (340, _scores(10, 58))]
    assert chunk_latencies(SENT_NS, messages, FRAMES) == [240, 140, 40]


def test_an_event_is_timed_from_the_chunk_that_it_comes_with() -> None:
    """Those of the end have no chunk."""
    same, latencies = event_latencies(SENT_NS, [(0, {"type": "ready"}), (220, STARTED), (900, ENDED)], EXPECTED)
    assert (same, latencies) == (True, [20])


def test_another_event_than_expected_is_seen() -> None:
    """One that differs, one that is missing."""
    assert not event_latencies(SENT_NS, [(220, STARTED | {"at_ms": 80}), (900, ENDED)], EXPECTED)[0]
    assert not event_latencies(SENT_NS, [(220, STARTED)], EXPECTED)[0]
