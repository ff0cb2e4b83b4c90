"""Marks between the chunks of a live stream: when they are reached, and what is asked from there on."""

from typing import Any

import pytest

from segue.errors import InvalidParameter
from segue.service.streams import Failed
from segue.speech.segmenter import Segmenter, SpeechEnded, SpeechStarted
from tests.service.lives import Ear, Version, World
from tests.service.voices import RATE, Weights, plain, talk

WEIGHTS = Weights(0.3)


def world_of_one() -> tuple[World, Version]:
    world = World()
    version = world.add("usual", WEIGHTS)
    world.serve(version)
    return world, version


def spoken(ear: Ear) -> list[Any]:
    return [message for message in ear.told if isinstance(message, SpeechStarted | SpeechEnded)]


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("chunk", [160, 3_200, 48_000])
def test_what_is_asked_at_a_mark_decides_from_there_on_and_nothing_is_lost(chunk: int, at_once: bool) -> None:
    """Whether rounds come between the chunks or after all of them: one Segmenter, its rules changed at the mark."""
    world, version = world_of_one()
    ear, audio, reached = world.listen(), talk(5, 6.0), list[int]()
    asked = {"max_end_silence_time": 400, "speech_noise_thres": 0.2}
    for number, at in enumerate(range(0, len(audio), chunk)):
        if number == (len(audio) // chunk) // 2:
            ear.live.mark(reached.append, asked=asked)
        ear.say(audio[at : at + chunk])
        if at_once:
            world.settle()
    ear.live.finish()
    world.settle()
    (at_ms,) = reached
    marked_ms = len(audio) // chunk // 2 * chunk // 16
    assert marked_ms - 20 <= at_ms <= marked_ms
    segmenter, p_silence = Segmenter(), plain(WEIGHTS, audio)
    expected = segmenter.accept(p_silence[: at_ms // 10], version.rules)
    expected += segmenter.accept(p_silence[at_ms // 10 :], version.rules.asking(asked)) + segmenter.finish()
    assert spoken(ear) == expected
    world.check_all_is_back()


def test_a_mark_is_reached_when_all_before_it_is_told_and_nothing_after_it() -> None:
    """Also where all of it waited for the first round."""
    world, _ = world_of_one()
    ear, audio = world.listen(), talk(5, 6.0)
    seen: list[tuple[int, int]] = []
    for at in range(0, len(audio), RATE):
        ear.say(audio[at : at + RATE])
        ear.live.mark(lambda at_ms: seen.append((at_ms, len(spoken(ear)))))
    world.settle()
    segmenter, p_silence = Segmenter(), plain(WEIGHTS, audio)
    rules, told = world.versions[next(iter(world.versions))].rules, 0
    for number, (at_ms, count) in enumerate(seen):
        assert at_ms == 990 + 1_000 * number
        told += len(segmenter.accept(p_silence[max(0, at_ms // 10 - 100) : at_ms // 10], rules))
        assert count == told
    assert told


def test_a_mark_waits_for_a_version_that_works() -> None:
    """While what came before it cannot be decided it is not reached; then in its turn."""
    world, version = world_of_one()
    ear, reached = world.listen(), list[int]()
    world.settle()
    version.trouble.raising = 2
    ear.say(talk(5, 1.0))
    ear.live.mark(reached.append)
    world.settle()
    assert (reached, len(ear.of(Failed))) == ([], 1)
    version.trouble.heal()
    ear.say(talk(6, 1.0))
    world.settle()
    assert reached == [990]
    assert ear.is_heard


def test_what_does_not_go_with_a_version_is_said_and_changes_nothing() -> None:
    """The stream goes on under the rules that it had, and what was valid then is reached all the same."""
    world, version = world_of_one()
    ear, reached, audio = world.listen(), list[int](), talk(5, 3.0)
    ear.say(audio)
    ear.live.mark(reached.append, asked={"threshold": 7})
    ear.live.finish()
    world.settle()
    assert [type(failed.error) for failed in ear.of(Failed)] == [InvalidParameter]
    assert len(reached) == 1
    ear.check()
    assert version.rules.mode == "classic"


def test_nothing_is_called_after_the_end_and_nobody_is_called_who_does_not_listen() -> None:
    """A mark that comes after finish, and one before a close."""
    world, _ = world_of_one()
    ended, closed, reached = world.listen(), world.listen(), list[int]()
    ended.live.finish()
    ended.live.mark(reached.append)
    closed.live.mark(reached.append)
    closed.live.close()
    world.settle()
    assert reached == []
    world.check_all_is_back()
