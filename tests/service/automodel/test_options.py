"""What FunASR's calls may say."""

import pytest

from segue.errors import InvalidParameter
from segue.service.automodel.options import checked, idle, understood


def test_a_call_that_says_nothing_is_dynamic_and_whole() -> None:
    """FunASR's own default: the schedule, blocks of 60 s, whole utterances, the end with the call."""
    ask = understood({}, {})
    assert ask.asked == {"mode": "dynamic", "chunk_size": 60_000}
    assert (ask.is_live, ask.is_final, ask.sample_rate) == (False, True, 16_000)


def test_an_end_silence_makes_it_classic_wherever_it_is_given() -> None:
    """In AutoModel() and in generate(); there speech_noise_thres counts, with the schedule it does not."""
    said = {"max_end_silence_time": 500, "speech_noise_thres": 0.7}
    for built, call in ((said, {}), ({}, said)):
        asked = understood(built, call).asked
        assert asked == {**said, "mode": "classic", "chunk_size": 60_000}
    assert understood({}, {"speech_noise_thres": 0.7}).asked == {"mode": "dynamic", "chunk_size": 60_000}
    assert understood({}, {"dynamic_silence": False}).asked["mode"] == "classic"
    assert understood({}, {"dynamic_silence": True, "max_end_silence_time": 500}).asked["mode"] == "dynamic"


@pytest.mark.parametrize(
    ("said", "is_live", "is_final"),
    [
        ({"chunk_size": 200}, True, False),
        ({"chunk_size": 200, "is_final": True}, True, True),
        ({"chunk_size": 15_000}, False, True),
        ({"chunk_size": 20_000, "is_streaming_input": True}, True, False),
        ({"chunk_size": 20_000, "is_final": False}, False, False),
    ],
)
def test_small_chunks_are_a_live_stream(said: dict[str, object], is_live: bool, is_final: bool) -> None:
    """Below 15 s unless told; a live stream goes on unless it is said to be the last."""
    ask = understood({}, said)
    assert (ask.is_live, ask.is_final) == (is_live, is_final)


def test_a_schedule_may_be_lists() -> None:
    """As JSON has it."""
    given = understood({}, {"silence_schedule": [[10_000, 900], [float("inf"), 300]]})
    assert given.asked["silence_schedule"] == ((10_000, 900), (float("inf"), 300))


def test_what_only_computes_or_reports_is_taken_and_does_nothing() -> None:
    """The rest of what FunASR's users write stays where it is."""
    said = {"device": "cuda:0", "ncpu": 4, "disable_update": True, "disable_pbar": True, "snr_mode": 1, "fp16": False}
    assert checked(said, where="AutoModel()") == {}
    assert checked({"chunk_size": 200, "cache": None, "punc_model": None}, where="generate()") == {"chunk_size": 200}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"vad_model": "fsmn-vad"}, "vad_model is not for AutoModel"),
        ({"punc_model": "ct-punc"}, "punc_model is not for AutoModel"),
        ({"fp16": True}, "fp16 is not for AutoModel"),
        ({"output_dir": "/tmp"}, "output_dir is not for AutoModel"),
        ({"max_end_silence": 800}, "max_end_silence is not a parameter of AutoModel"),
        ({"data_type": "fbank"}, "data_type='fbank'"),
    ],
)
def test_what_would_change_the_answer_is_refused_by_name(said: dict[str, object], message: str) -> None:
    """Other models, other numbers, other outputs, and slips of the pen."""
    with pytest.raises(InvalidParameter, match=message):
        checked(said, where="AutoModel()")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"chunk_size": [0, 10, 5]}, "chunk_size=\\[0, 10, 5\\]: whole milliseconds"),
        ({"chunk_size": 1}, "chunk_size=1:"),
        ({"chunk_size": True}, "chunk_size=True:"),
        ({"cache": "x"}, "cache is a str"),
        ({"fs": 100}, "100 Hz"),
    ],
)
def test_what_cannot_be_is_said(said: dict[str, object], message: str) -> None:
    """With what was given and what is accepted."""
    with pytest.raises(ValueError, match=message):
        understood({}, said)


def test_what_only_the_constructor_reads_is_idle_in_a_call() -> None:
    """FunASR ignores it in generate()."""
    assert idle({"max_single_segment_time": 3000, "max_end_silence_time": 500, "fs": 8000}) == [
        "max_single_segment_time"
    ]
