"""FunASR's result form."""

import json

import pytest

from segue.speech.detection import Detection, ModelIdentity
from segue.speech.events import Event, Segment, SpeechEnded, SpeechStarted
from segue.speech.formats import FORMATS
from segue.speech.funasr import funasr_keys, live_pairs, to_funasr
from segue.speech.rules import Rules

MODEL = ModelIdentity("iic/x", "v1", "d" * 64)


def detection(*segments: tuple[int, int], channel: int | None = None) -> Detection:
    return Detection(tuple(Segment(*s) for s in segments), 10_000, Rules.of(), MODEL, channel)


def began(at_ms: int) -> Event:
    return SpeechStarted(at_ms)


def over(start_ms: int, end_ms: int) -> Event:
    return SpeechEnded(Segment(start_ms, end_ms))


@pytest.mark.parametrize(
    ("events", "pairs"),
    [
        ([], []),
        ([began(10)], [[10, -1]]),
        ([over(10, 90)], [[-1, 90]]),
        ([began(10), over(10, 90)], [[10, 90]]),
        ([over(10, 90), began(90), over(90, 150), began(200)], [[-1, 90], [90, 150], [200, -1]]),
    ],
)
def test_a_live_answer_holds_starts_ends_and_whole_utterances(events: list[Event], pairs: list[list[int]]) -> None:
    """A start alone is [start, -1], an end alone [-1, end], both at once [start, end], and nothing is []."""
    assert live_pairs(events) == pairs


def test_a_document_is_a_list_of_key_and_value() -> None:
    """Of any number of inputs, as ``generate`` answers for a list: key and value and nothing else."""
    for count in (0, 1, 3):
        items = [item for n in range(count) for item in to_funasr(f"{n}", [detection((100, 900), (1000, 1500))])]
        answers = json.loads(FORMATS["funasr"].document(items))
        assert answers == [{"key": f"{n}", "value": [[100, 900], [1000, 1500]]} for n in range(count)]


def test_no_speech_is_an_empty_value() -> None:
    """As FunASR has it: the recording is there, with an empty list."""
    assert [json.loads(item) for item in to_funasr("a", [detection()])] == [{"key": "a", "value": []}]


def test_split_channels_are_an_answer_each() -> None:
    """The key says which channel, from 1."""
    items = to_funasr("talk", [detection((0, 10), channel=0), detection(channel=1)])
    assert [json.loads(item) for item in items] == [
        {"key": "talk-1", "value": [[0, 10]]},
        {"key": "talk-2", "value": []},
    ]


def test_keys_are_funasrs_and_never_shared() -> None:
    """The name without folder and extension, blanks kept; more of the path where two files have that in common."""
    assert funasr_keys(["in/my talk.wav", "b.mp3"]) == {"in/my talk.wav": "my talk", "b.mp3": "b"}
    assert list(funasr_keys(["a/x.wav", "b/x.wav"]).values()) == ["a/x", "b/x"]
    assert list(funasr_keys(["x y.wav", "x_y.wav"]).values()) == ["x y", "x_y"]
