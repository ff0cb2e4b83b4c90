"""One round of one stream: a model that raises, that hangs, and whose answers are of no use any more."""

from typing import Any

import pytest

from segue.errors import InferenceFailed, InvalidParameter
from segue.service.engine import Engine
from segue.service.round import Round, run
from segue.service.streams import LiveStream, Opened, StreamAsk
from segue.speech.presets import Preset
from segue.speech.stream import DetectorStream
from segue.swap import Lease, Outcome, Route
from tests.service.lives import Version, World, three
from tests.service.voices import talk


def served() -> tuple[World, Version]:
    """A version that serves."""
    world = World()
    version, *_ = three(world)
    world.serve(version)
    return world, version


def opening(world: World, version: Version, **ask: Any) -> Round:
    """The first round of a stream."""
    live = LiveStream(StreamAsk("key", **ask), lambda _: None, lambda _: None)
    lease: Lease[Engine] = world.board.lease("key")
    return Round(live, lease, lease.model.detector, None, world.board.hold(version.id), None)


def staying(world: World, opened: Round) -> Round:
    """The next one."""
    stream, lease = opened.stream, world.board.lease("key")
    assert stream is not None
    return Round(opened.live, lease, opened.detector, stream, None, stream.scores)


def streams(world: World, version: Version, count: int) -> list[Round]:
    """The second rounds of streams, each with a chunk."""
    rounds = []
    for number in range(count):
        opened = opening(world, version)
        run([opened], lambda: None)
        assert isinstance(opened.stream, DetectorStream)
        opened.install(opened.stream)
        opened.stream.offer(talk(number, 0.3))
        rounds.append(staying(world, opened))
    return rounds


def test_opening_makes_a_stream_that_the_version_then_has() -> None:
    """Nothing is the stream's before it is installed; then it is open, and holds the version."""
    world, version = served()
    first = opening(world, version)
    run([first], lambda: None)
    assert first.error is None
    assert first.live.place.stream is None
    assert first.stream is not None
    assert first.install(first.stream) == [Opened(first.detector.model, "classic", 16_000)]
    place = first.live.place
    assert place.stream is first.stream
    assert place.hold is first.hold
    assert first.install(first.stream) == []


def test_what_opens_says_its_mode_and_preset() -> None:
    """Those that are in effect."""
    world, version = served()
    dusty = Preset("dusty", "", {"dynamic": {}})
    opened = opening(world, version, asked={"mode": "dynamic", "preset": dusty})
    run([opened], lambda: None)
    assert opened.stream is not None
    assert opened.install(opened.stream) == [Opened(opened.detector.model, "dynamic", 16_000, "dusty")]


def test_rounds_are_scored_in_one_call() -> None:
    """As many as there are, and each beats before and after it."""
    world, version = served()
    rounds, beats = streams(world, version, 5), list[int]()
    run(rounds, lambda: beats.append(1))
    assert world.voices[0].batches == [5]
    assert len(beats) == 11
    assert all(each.error is None for each in rounds)
    assert all(each.stream and len(each.stream.scores.take()) == 29 for each in rounds)


@pytest.mark.parametrize("error", [InferenceFailed("x"), ValueError("a\nb"), SystemExit(1)])
def test_what_a_model_raises_is_its_stream_s_alone(error: BaseException) -> None:
    """Whatever it is; and it is said on one line, with the version where it is no error of ours."""
    world, version = served()
    rounds = streams(world, version, 3)
    loud = talk(1, 0.3).max()

    def fail(samples: Any) -> None:
        if samples.max() == loud:
            raise error

    version.trouble.on_samples = fail
    run(rounds, lambda: None)
    assert [each.error for each in rounds] == [None, error, None]
    assert "\n" not in str(rounds[1].said)
    assert rounds[1].said is error or version.id in str(rounds[1].said)
    assert isinstance(rounds[1].said, InferenceFailed)


def test_a_round_that_was_given_up_runs_no_model() -> None:
    """A call that comes back late goes no further with those that it has lost."""
    world, version = served()
    rounds = streams(world, version, 3)
    for each in rounds[1:]:
        each.lease.abandon()
    calls = []
    version.trouble.on_samples = lambda samples: calls.append(len(samples))
    for each in rounds:
        each.attempt(each.score)
    assert len(calls) == 1
    assert rounds[0].lease.release(Outcome.OK)
    assert not rounds[1].lease.release(Outcome.OK)


def test_rounds_of_two_lives_of_a_version_are_not_mixed() -> None:
    """Each stream is scored by the scorer that it is on."""
    world, version = served()
    old = streams(world, version, 2)
    world.board.fail(version.id, "told to")
    world.serve(version)
    new = streams(world, version, 2)
    run([*old, *new], lambda: None)
    assert [voice.batches for voice in world.voices] == [[2], []]
    for each in (*old, *new):
        assert each.error is None
        assert each.stream is not None
        assert len(each.stream.scores.take()) == 29


def test_a_version_that_cannot_take_a_stream_has_not_failed() -> None:
    """What was asked for does not go with its rules: that is told apart from a failure, and only where it enters."""
    world, version = served()
    misfit = opening(world, version, asked={"window_size_ms": 10})
    run([misfit], lambda: None)
    assert isinstance(misfit.error, InvalidParameter)
    assert misfit.is_misfit
    (staying,) = streams(world, version, 1)
    staying.error = InvalidParameter("raised by a model, oddly")
    assert not staying.is_misfit
    assert world.board.route == Route(version.id)
