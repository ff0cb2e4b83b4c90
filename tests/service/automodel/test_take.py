"""A stream whose state is in its caller's cache."""

from typing import Any

import numpy as np
import pytest

from segue.errors import InferenceFailed, InvalidParameter, InvalidSamples
from segue.service.automodel.options import Ask, understood
from segue.service.automodel.take import Take
from segue.speech.detector import Detector
from segue.speech.rules import Rules
from tests.service.voices import QUICK, RATE, Trouble, Voice, Weights, talk

SAID = talk(3, 4.0)
CLASSIC = {"max_end_silence_time": 300}


def detector(trouble: Trouble | None = None) -> Detector:
    voice = Voice(Weights(0.3), trouble or Trouble())
    return Detector(voice, Rules.of(QUICK, frame_ms=voice.frame_ms), model=None)  # type: ignore[arg-type]  # not looked at


def ask(cache: dict[str, Any], **said: Any) -> Ask:
    return understood(CLASSIC, {"chunk_size": 200, "fs": RATE, "cache": cache, **said})


def said(by: Detector, *, step: int, **options: Any) -> list[list[int]]:
    cache: dict[str, Any] = {}
    told = []
    for at in range(0, len(SAID), step):
        wanted = ask(cache, is_final=at + step >= len(SAID), **options)
        told += Take.of(by, wanted).accept(SAID[at : at + step], wanted)
    assert cache == {}
    return told


def test_what_is_told_does_not_depend_on_how_it_came() -> None:
    """Pieces are of ``chunk_size``, whatever the calls bring."""
    whole = said(detector(), step=len(SAID))
    assert [pair for pair in whole if -1 in pair]
    for step in (RATE // 50, RATE // 5, 777):
        assert said(detector(), step=step) == whole


def test_large_chunks_are_told_as_whole_utterances() -> None:
    """Of no start without an end; the same times as those of the pairs."""
    pairs = said(detector(), step=RATE // 5)
    wholes = said(detector(), step=RATE // 5, is_streaming_input=False)
    assert all(-1 not in each for each in wholes)
    assert [at for each in wholes for at in each] == [at for each in pairs for at in each if at != -1]


def test_streams_of_one_detector_do_not_mix() -> None:
    """Each cache is a stream; FunASR's callers do the same."""
    by, caches = detector(), ({}, {})  # type: ignore[var-annotated]
    told: tuple[list[list[int]], list[list[int]]] = ([], [])
    silence = np.zeros_like(SAID)
    for at in range(0, len(SAID), RATE // 5):
        for cache, samples, heard in zip(caches, (SAID, silence), told, strict=True):
            wanted = ask(cache, is_final=at + RATE // 5 >= len(SAID))
            heard += Take.of(by, wanted).accept(samples[at : at + RATE // 5], wanted)
    assert told == (said(by, step=RATE // 5), [])


def test_an_empty_last_chunk_ends_the_stream() -> None:
    """FunASR loses the open utterance there; here it ends."""
    cache: dict[str, Any] = {}
    by = detector()
    first = Take.of(by, ask(cache)).accept(SAID, ask(cache))
    last = ask(cache, is_final=True)
    assert first + Take.of(by, last).accept(np.empty(0, np.float32), last) == said(by, step=len(SAID))


def test_a_model_that_fails_is_no_silence_and_nothing_is_lost() -> None:
    """The call raises; the next one answers all that was kept."""
    trouble, cache = Trouble(), {}  # type: ignore[var-annotated]
    by = detector(trouble)
    half = len(SAID) // 2
    trouble.raising = 1
    with pytest.raises(InferenceFailed):
        Take.of(by, ask(cache)).accept(SAID[:half], ask(cache))
    last = ask(cache, is_final=True)
    assert Take.of(by, last).accept(SAID[half:], last) == said(by, step=len(SAID))


def test_samples_that_cannot_be_are_not_taken() -> None:
    """The stream goes on as if they had not come."""
    cache: dict[str, Any] = {}
    by = detector()
    with pytest.raises(InvalidSamples):
        Take.of(by, ask(cache)).accept(np.full(RATE, np.nan, np.float32), ask(cache))
    last = ask(cache, is_final=True)
    assert Take.of(by, last).accept(SAID, last) == said(by, step=len(SAID))


def test_a_stream_keeps_what_its_first_call_asked_for() -> None:
    """Another parameter in the middle is refused; so is a cache of somebody else's."""
    cache: dict[str, Any] = {}
    by = detector()
    Take.of(by, ask(cache))
    with pytest.raises(InvalidParameter, match="keeps the parameters of its first call"):
        Take.of(by, ask(cache, max_end_silence_time=500))
    with pytest.raises(InvalidParameter, match="did not put there"):
        Take.of(by, ask({"frontend": {}}))
