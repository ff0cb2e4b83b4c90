"""Sessions in both shapes: what an update asks for, and what is refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from segue.edges.realtime.audio_format import AudioFormat
from segue.edges.realtime.configuration import Configuration
from segue.edges.realtime.turn_detection import TurnDetection
from segue.speech.detection import ModelIdentity
from segue.speech.rules import Rules

VAD = {"type": "server_vad", "threshold": 0.4, "prefix_padding_ms": 100, "silence_duration_ms": 250}
TURNS = TurnDetection(0.4, 100, 250)
MODEL = ModelIdentity("a/b", "v1", "digest", "v123")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"turn_detection": VAD}, Configuration(is_beta=True, turn_detection=TURNS)),
        ({"turn_detection": None}, Configuration(is_beta=True, turn_detection=None)),
        ({"input_audio_format": "g711_ulaw"}, Configuration(is_beta=True, audio_format=AudioFormat("pcmu", 8_000))),
        ({"type": "transcription"}, Configuration(kind="transcription")),
        (
            {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcma"}, "turn_detection": VAD}}},
            Configuration(audio_format=AudioFormat("pcma", 8_000), turn_detection=TURNS),
        ),
        ({"audio": {"input": {"turn_detection": None}, "output": {"voice": "x"}}}, Configuration(turn_detection=None)),
        (
            {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16_000}}}},
            Configuration(audio_format=AudioFormat("pcm", 16_000)),
        ),
        ({"turn_detection": {"type": "server_vad"}}, Configuration(is_beta=True)),
        ({"instructions": "be terse", "voice": "x", "tools": [], "model": "y"}, Configuration()),
        ({}, Configuration()),
    ],
)
def test_an_update_changes_what_it_names(given: dict[str, Any], expected: Configuration) -> None:
    """In either shape; what has nothing to do with detection is passed over; null is no turn detection."""
    assert Configuration().updated(given) == expected


def test_what_an_update_leaves_out_stays() -> None:
    """Also across the shapes, and turn detection that is off stays off."""
    first = Configuration().updated({"turn_detection": None, "input_audio_format": "g711_alaw"})
    assert first.updated({"type": "transcription"}) == Configuration(
        kind="transcription", audio_format=AudioFormat("pcma", 8_000), turn_detection=None
    )
    assert first.updated({"voice": "x"}) == first


@pytest.mark.parametrize(
    ("given", "where"),
    [
        (None, ()),
        ([], ()),
        ("session", ()),
        ({"turn_detection": {"type": "semantic_vad"}}, ("turn_detection", "type")),
        ({"turn_detection": {"threshold": 1.5}}, ("turn_detection", "threshold")),
        ({"turn_detection": {"threshold": float("nan")}}, ("turn_detection", "threshold")),
        ({"turn_detection": {"threshold": True}}, ("turn_detection", "threshold")),
        ({"turn_detection": {"silence_duration_ms": -1}}, ("turn_detection", "silence_duration_ms")),
        ({"turn_detection": {"prefix_padding_ms": 10**30}}, ("turn_detection", "prefix_padding_ms")),
        ({"input_audio_format": "mp3"}, ("input_audio_format",)),
        ({"type": "conversation"}, ("type",)),
        ({"audio": {"input": {"format": {"type": "audio/opus"}}}}, ("audio", "input", "format", "type")),
        ({"audio": {"input": {"format": {"type": "audio/pcmu", "rate": 16_000}}}}, ("audio", "input", "format")),
        ({"audio": {"input": {"format": {"rate": 4}}}}, ("audio", "input", "format", "rate")),
        ({"audio": {"input": None}}, ("audio", "input")),
        ({"audio": {}, "turn_detection": None}, ()),
    ],
)
def test_what_cannot_be_is_refused_at_its_place(given: Any, where: tuple[str, ...]) -> None:
    """A value out of range, a kind that there is not, both shapes at once."""
    with pytest.raises(ValidationError) as refused:
        Configuration().updated(given)
    assert refused.value.errors()[0]["loc"] == where


def test_a_session_is_shown_in_its_shape() -> None:
    """What was asked for, and who answers."""
    rules = Rules.of().asking(TurnDetection().asked)
    current = Configuration(kind="transcription").shown("sess_1", MODEL, rules)
    assert (current["type"], current["object"]) == ("transcription", "realtime.transcription_session")
    assert current["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.8,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "create_response": False,
        "interrupt_response": False,
    }
    assert current["segue"] == {"version": "v123", "revision": "v1"}
    beta = Configuration(is_beta=True, turn_detection=None).shown("sess_1", MODEL, rules)
    assert (beta["input_audio_format"], beta["turn_detection"], beta["model"]) == ("pcm16", None, "a/b")
    assert "audio" not in beta
