"""Live streams through versions that are replaced, fail, hang and come back late."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segue import models
from segue.errors import InferenceFailed, InvalidSamples, NotReady, ShuttingDown, VersionNotReady
from segue.service.streams import Failed, Finished, ModelChanged, Opened, Policy, Probabilities
from segue.speech.detection import ModelIdentity
from segue.speech.detector import Detector
from segue.speech.segmenter import SpeechEnded, SpeechStarted
from segue.swap import Route, State, VersionId
from tests.e2e.variants import deaf, patient
from tests.service.lives import Version, World, three
from tests.service.voices import RATE, Weights, talk
from tests.swap.threads import PATIENCE_S, Gate, crowd, hectic, shaken

# -- promise 2: any chunks, any switches, any faults ---------------------------------------------------------------

_POLICIES = [
    {},
    {"policy": Policy.AT_SILENCE},
    {"policy": Policy.AT_SILENCE, "deadline_s": 0.5},
    {"policy": Policy.PIN, "deadline_s": 2.0},
    {"policy": Policy.PIN},
]
_ASKED: list[dict[str, object]] = [{}, {"max_end_silence_time": 120}, {"mode": "dynamic", "chunk_size": 500}]

_sizes = st.one_of(st.sampled_from([1, 159, 160, 161, 3_200, 3_200]), st.integers(0, 9_000))
_number = st.integers(0, 12)
_happening = st.tuples(
    st.sampled_from(["say"] * 8 + ["work"] * 8 + ["serve"] * 4 + ["pass by"]), st.integers(0, 5), _sizes, _number
)
_trouble = st.tuples(
    st.sampled_from(["raise", "answer NaN", "refuse", "heal", "heal", "fail", "hang", "hang", "finish", "close"]),
    st.integers(0, 2),
    st.just(0),
    _number,
)
_quiet_life = st.lists(_happening, min_size=60, max_size=100)
_hard_life = st.lists(st.one_of(_happening, _happening, _happening, _trouble), min_size=60, max_size=120)


class _Story:
    """Three streams and three versions, to which things happen."""

    def __init__(self, policies: list[int], asked: list[int], seed: int) -> None:
        self.world = World(stall_s=-1.0)  # whatever runs when somebody looks has stalled
        self.versions = three(self.world)
        self.world.serve(self.versions[0])
        self.ears = [
            self.world.listen(asked=_ASKED[a], **_POLICIES[p])  # type: ignore[arg-type]  # told apart by name
            for p, a in zip(policies, asked, strict=True)
        ]
        self.audio = [talk(seed + number, 30.0) for number in range(3)]
        self.at = [0, 0, 0]

    def happen(self, what: str, which: int, size: int, number: int) -> None:
        world, ear, version = self.world, self.ears[which % 3], self.versions[which % 3]
        if what == "say" and not ear.live._ending:
            ear.say(self.audio[which % 3][self.at[which % 3] : self.at[which % 3] + size])
            self.at[which % 3] += size
        elif what == "work":
            world.lanes.step(which, number + 1)
        elif what == "serve":
            world.serve(version)
        elif what == "pass by":
            world.pass_by(number / 8)
            world.board.sweep()
        elif what == "raise":
            version.trouble.raising += 1 + number % 3
        elif what == "answer NaN":
            version.trouble.answering_nan += 1 + number % 2
        elif what == "refuse":
            version.trouble.refusing = True
        elif what == "heal":
            version.trouble.heal()
        elif what == "fail" and world.state(version) is State.READY:
            world.board.fail(version.id, "told to")
        elif what == "hang":
            version.trouble.during = lambda: self.hang(which, number)
        elif what == "finish":
            ear.live.finish()
        elif what == "close" and which == 2:
            ear.live.close()

    def hang(self, which: int, steps: int) -> None:
        """In the middle of a call: it is given up, the others go on for a while, and then it comes back after all."""
        self.versions[which].trouble.during = lambda: None
        self.world.watch.look()
        for step in range(steps):
            self.world.lanes.step(step)

    def end(self) -> None:
        """All is well again, and all streams end."""
        for version in self.versions:
            version.trouble.heal()
        self.world.serve(self.versions[0])
        for ear in self.ears:
            ear.live.finish()
        for _ in range(10):
            self.world.settle()
            self.world.pass_by(1.0)
        for ear in self.ears:
            if not ear.live.is_closed:
                ear.check()
        self.world.check_all_is_back()


_three_of = st.lists(st.integers(0, 4), min_size=3, max_size=3)


@settings(max_examples=70, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    life=_quiet_life,
    policies=_three_of,
    asked=st.lists(st.integers(0, 2), min_size=3, max_size=3),
    seed=st.integers(0, 99),
)
def test_a_stream_that_moves_hears_what_each_version_says_of_its_own_frames(
    life: list[tuple[str, int, int, int]], policies: list[int], asked: list[int], seed: int
) -> None:
    """Whatever the chunks, the switches and the policies: one Segmenter fed each version's own probabilities and rules.

    Split at the ``at_ms`` that was told; every frame told once; nobody told of any error.
    """
    story = _Story(policies, asked, seed)
    for happening in life:
        story.happen(*happening)
    story.end()
    assert not any(ear.of(Failed) for ear in story.ears)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    life=_hard_life,
    policies=_three_of,
    asked=st.lists(st.integers(0, 2), min_size=3, max_size=3),
    seed=st.integers(0, 99),
)
def test_versions_that_raise_answer_nonsense_fail_and_hang_cost_a_stream_nothing(
    life: list[tuple[str, int, int, int]], policies: list[int], asked: list[int], seed: int
) -> None:
    """Whatever happens to the versions, as soon as one works the events are exact, and in the end all is given back."""
    story = _Story(policies, asked, seed)
    for happening in life:
        story.happen(*happening)
    story.end()
    assert not any(message.final for ear in story.ears for message in ear.of(Failed))


# -- the same weights ----------------------------------------------------------------------------------------------


def _chunks(samples: np.ndarray[Any, Any], sizes: Callable[[], int]) -> list[np.ndarray[Any, Any]]:
    parts, at = [], 0
    while at < len(samples):
        parts.append(samples[at : at + (size := sizes())])
        at += size
    return parts


def _random_size() -> Callable[[], int]:
    rng = np.random.default_rng(7)
    return lambda: int(rng.integers(0, 9_000)) if rng.random() < 0.7 else int(rng.integers(0, 40))


_SIZES: dict[str, Callable[[], int]] = {
    "whole": lambda: 10**9,
    "1 ms": lambda: 16,
    "odd": lambda: 1_237,
    "200 ms": lambda: 3_200,
    "random": _random_size(),
}


@pytest.mark.parametrize("sizes", _SIZES)
@pytest.mark.parametrize("asked", [{}, {"mode": "dynamic", "chunk_size": 700, "silence_schedule": "700:300,inf:40"}])
def test_the_same_weights_switched_after_every_chunk_change_nothing(sizes: str, asked: dict[str, object]) -> None:
    """Between two versions of equal weights and rules, whatever the chunks: the events of a stream that never moved."""
    samples = talk(5, 1.0 if sizes == "1 ms" else 9.0)
    told = []
    for moves in (False, True):
        world = World(bake_s=1e9)
        twins = [world.add(name, Weights(0.3, memory=6)) for name in ("one", "other")]
        world.serve(twins[0])
        ear = world.listen(asked=asked)
        for number, chunk in enumerate(_chunks(samples, _SIZES[sizes])):
            ear.say(chunk)
            world.settle()
            if moves:
                world.serve(twins[(number + 1) % 2])
        ear.live.finish()
        world.settle()
        ear.check()
        assert len(ear.of(ModelChanged)) == (len(ear.given) if moves else 0)
        told.append([message for message in ear.told if isinstance(message, SpeechStarted | SpeechEnded)])
    assert told[0] == told[1]
    assert len(told[0]) >= 2


# -- the real model ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(model_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Detector]:
    """The default model, a twin of it, and versions of other weights, other features and other rules."""
    folder = tmp_path_factory.mktemp("variants")
    directories = {
        "default": model_directory,
        "twin": model_directory,
        "deaf": deaf(model_directory, folder / "deaf"),
        "patient": patient(model_directory, folder / "patient"),
    }
    detectors = {}
    for name, directory in directories.items():
        scorer, rules = models.load(directory)
        detectors[name] = Detector(scorer, rules, model=ModelIdentity(name, None, "0" * 64))
    eager = detectors["default"].rules.asking({"mode": "dynamic", "silence_schedule": "5000:500,inf:200"})
    return detectors | {"eager": replace(detectors["twin"], rules=eager)}


@pytest.mark.parametrize("policy", Policy)
def test_the_real_model_through_real_changes(
    real: dict[str, Detector], speech: np.ndarray[Any, Any], policy: Policy
) -> None:
    """Streams scored together, with random chunks and random switches among versions that really differ: promise 2."""
    rng, speech = np.random.default_rng(list(Policy).index(policy)), speech[: 14 * RATE]
    world = World(bake_s=1e9)
    versions = [world.add_real(name, detector) for name, detector in real.items() if name != "twin"]
    world.serve(versions[0])
    ears = [world.listen(policy=policy, deadline_s=2.0, asked=asked) for asked in _ASKED]
    at = [0, 0, 0]
    while min(at) < len(speech):
        for number, ear in enumerate(ears):
            size = int(rng.choice([16, 160, 1_237, 3_200, 3_200, 9_000]))
            ear.say(speech[at[number] : at[number] + size])
            at[number] += size
        world.settle()
        if rng.random() < 0.3:
            world.serve(versions[rng.integers(len(versions))])
        world.pass_by(0.2)
    for ear in ears:
        ear.live.finish()
    world.settle()
    for ear in ears:
        ear.check(atol=2e-6)
        assert ear.of(SpeechEnded)
    assert sum(len(ear.of(ModelChanged)) for ear in ears) >= 4
    assert not any(ear.of(Failed) for ear in ears)
    world.check_all_is_back()


@pytest.mark.parametrize("sizes", ["1 ms", "odd", "200 ms", "random"])
def test_the_real_weights_switched_after_every_chunk_change_nothing(
    real: dict[str, Detector], speech: np.ndarray[Any, Any], sizes: str
) -> None:
    """Probabilities and events are, bit for bit, those of a version that heard the whole alone."""
    samples = speech[: int(RATE * (0.4 if sizes == "1 ms" else 6.0))]
    world = World(bake_s=1e9)
    twins = [world.add_real(name, real[name]) for name in ("default", "twin")]
    world.serve(twins[0])
    ear = world.listen(asked={"mode": "dynamic", "chunk_size": 3_000, "silence_schedule": "3000:600,inf:200"})
    for number, chunk in enumerate(_chunks(samples, _SIZES[sizes])):
        ear.say(chunk)
        world.settle()
        world.serve(twins[(number + 1) % 2])
    ear.live.finish()
    world.settle()
    ear.check()
    assert len(ear.of(ModelChanged)) == len(ear.given)
    world.check_all_is_back()


# -- when a stream goes over ---------------------------------------------------------------------------------------


_UNCUT = {"max_single_segment_time": 60_000}


class _Two:
    """A stream on one of two versions, an utterance open or not, the other one serving."""

    def __init__(self, *, is_speaking: bool = True, **ask: Any) -> None:
        self.world = World()
        self.old, self.new, _ = three(self.world)
        self.world.serve(self.old)
        self.ear = self.world.listen(**ask)
        self.say(is_speaking=is_speaking)
        self.world.serve(self.new)
        self.world.board.sweep()

    def say(self, *, is_speaking: bool = True) -> None:
        """Half a second."""
        self.ear.say(np.full(RATE // 2, 0.9 if is_speaking else 0.0, np.float32))
        self.world.settle()

    def has_moved(self) -> bool:
        return self.ear.version == self.new.id

    def end(self) -> None:
        """The stream ends well."""
        self.ear.live.finish()
        self.world.settle()
        self.ear.check()
        self.world.check_all_is_back()


@pytest.mark.parametrize(
    ("ask", "is_speaking", "stays_s"),
    [
        ({}, True, 0.0),
        ({"deadline_s": 30.0}, True, 0.0),
        ({"policy": Policy.AT_SILENCE}, False, 0.0),
        ({"policy": Policy.AT_SILENCE}, True, 60.0),
        ({"policy": Policy.AT_SILENCE, "deadline_s": 3.0}, True, 3.0),
        ({"policy": Policy.AT_SILENCE, "deadline_s": 0.0}, True, 0.0),
        ({"policy": Policy.PIN}, False, 600.0),
        ({"policy": Policy.PIN, "deadline_s": 3.0}, False, 3.0),
        ({"policy": Policy.PIN, "deadline_s": 0.0}, True, 0.0),
    ],
)
def test_policies_and_their_deadlines(ask: dict[str, Any], is_speaking: bool, stays_s: float) -> None:
    """follow: at the next chunk. at-silence: when no utterance is open, or after 60 s. pin: after 600 s. As asked."""
    two = _Two(is_speaking=is_speaking, **ask)
    two.say(is_speaking=is_speaking)
    if stays_s:
        assert not two.has_moved()
        two.world.pass_by(stays_s - 0.1)
        two.say(is_speaking=is_speaking)
        assert not two.has_moved()
        two.world.pass_by(0.1)
        two.say(is_speaking=is_speaking)
    assert two.has_moved()
    two.end()


def test_at_silence_a_stream_goes_over_with_the_chunk_after_its_utterance() -> None:
    """Not before the utterance has ended: the change lies between two."""
    two = _Two(policy=Policy.AT_SILENCE, asked=_UNCUT)
    two.say()
    assert not two.has_moved()
    two.say(is_speaking=False)
    assert not two.has_moved()
    two.say(is_speaking=False)
    assert two.has_moved()
    (ended,), (changed,) = two.ear.of(SpeechEnded), two.ear.of(ModelChanged)
    assert ended.segment.end_ms < changed.at_ms
    two.end()


def test_a_deadline_runs_from_the_first_change_that_was_not_followed() -> None:
    """Further switches do not put it off; one back to the stream's own version ends it."""
    two = _Two(policy=Policy.PIN, deadline_s=10.0)
    third = two.world.add("third", Weights(0.5))
    two.say()
    two.world.pass_by(6.0)
    two.world.serve(third)
    two.world.pass_by(3.9)
    two.world.settle()
    assert two.ear.version == two.old.id
    two.world.serve(two.old)
    two.world.pass_by(5.0)
    two.world.serve(third)
    two.world.pass_by(0.0)
    two.world.pass_by(9.9)
    two.world.settle()
    assert two.ear.version == two.old.id
    two.world.pass_by(0.2)
    two.world.settle()
    assert two.ear.version == third.id
    two.end()


@pytest.mark.parametrize(
    ("ask", "passes_s"),
    [({}, 1.1), ({"policy": Policy.AT_SILENCE}, 1.1), ({"policy": Policy.PIN, "deadline_s": 20.0}, 20.0)],
)
def test_a_stream_that_brings_nothing_is_moved_all_the_same(ask: dict[str, Any], passes_s: float) -> None:
    """Without a chunk it goes over as its policy wants, is told, and gives its old version back."""
    two = _Two(is_speaking=False, **ask)
    two.world.pass_by(0.9)
    two.world.settle()
    assert not two.has_moved()
    assert two.world.state(two.old) is State.DRAINING
    two.world.pass_by(0.2)
    two.world.pass_by(passes_s)
    two.world.settle()
    assert two.has_moved()
    assert [(change.before.version, change.after.version) for change in two.ear.of(ModelChanged)] == [
        (two.old.id, two.new.id)
    ]
    assert two.world.state(two.old) is State.CLOSED
    two.end()


def test_a_version_closes_when_its_last_stream_has_moved_and_not_before() -> None:
    """Also where that stream ended, or its client went away."""
    world = World()
    old, new, _ = three(world)
    world.serve(old)
    moving, staying, leaving = (
        world.listen(policy=policy, deadline_s=deadline_s)
        for policy, deadline_s in ((Policy.FOLLOW, None), (Policy.PIN, 5.0), (Policy.PIN, None))
    )
    world.settle()
    world.serve(new)
    world.board.sweep()
    for ear in (moving, staying, leaving):
        ear.say(talk(1, 0.3))
    world.settle()
    assert (moving.version, staying.version, leaving.version) == (new.id, old.id, old.id)
    assert (world.state(old), world.leases()) == (State.DRAINING, 3)
    leaving.live.close()
    world.settle()
    assert (world.state(old), world.leases()) == (State.DRAINING, 2)
    world.pass_by(5.0)
    world.settle()
    assert (staying.version, world.state(old), world.leases()) == (new.id, State.CLOSED, 2)
    for ear in (moving, staying):
        ear.live.finish()
    world.settle()
    moving.check()
    staying.check()
    world.check_all_is_back()


def test_closing_a_stream_gives_back_what_it_holds_though_its_version_hangs() -> None:
    """No call of its version need come back for that."""
    world = World(by_hand=False, stall_s=PATIENCE_S, threads=1)
    version, *_ = three(world)
    world.serve(version)
    hanging, leaving = world.listen(), world.listen()
    world.wait(lambda: bool(hanging.told and leaving.told))
    gate = version.trouble.during = Gate()
    hanging.say(talk(1, 0.1))
    assert gate.reached.wait(PATIENCE_S)
    assert world.leases() == 3  # a hold of each, and this call
    leaving.live.close()
    world.wait(lambda: world.leases() == 2, tending=False)
    gate.open.set()
    hanging.live.finish()
    world.wait(lambda: not world.rounds.streams())
    hanging.check()
    world.check_all_is_back()


# -- what a stream asked for ---------------------------------------------------------------------------------------


def test_what_a_stream_asked_for_stays_and_the_rest_is_the_version_s() -> None:
    """Its mode and parameters stay through every change; ``model_changed`` says the mode in force."""
    world = World()
    classic = world.add("classic", Weights(0.3))
    dynamic = world.add("dynamic", Weights(0.3), mode="dynamic", window_size_ms=80)
    world.serve(classic)
    open_ear = world.listen()
    asking = world.listen(asked={"mode": "classic", "max_end_silence_time": 333})
    for version in (dynamic, classic, dynamic):
        for ear in (open_ear, asking):
            ear.say(talk(3, 1.0))
        world.settle()
        world.serve(version)
    world.pass_by(2.0)
    world.settle()
    assert [ear.of(Opened)[0].mode for ear in (open_ear, asking)] == ["classic", "classic"]
    assert [change.mode for change in open_ear.of(ModelChanged)] == ["dynamic", "classic", "dynamic"]
    assert [change.mode for change in asking.of(ModelChanged)] == ["classic"] * 3
    stream = asking.live.place.stream
    assert stream is not None
    assert (stream.rules.mode, stream.rules.max_end_silence_time, stream.rules.window_size_ms) == ("classic", 333, 80)
    for ear in (open_ear, asking):
        ear.live.finish()
    world.settle()
    open_ear.check()
    asking.check()


@pytest.mark.parametrize(
    ("weights", "options"),
    [
        (Weights(0.3, sample_rate=8_000), {}),
        (Weights(0.3, frame_ms=20), {}),
        (Weights(0.3), {"sil_to_speech_time_thres": 100, "window_size_ms": 100}),
    ],
)
@pytest.mark.parametrize("policy", Policy)
def test_a_version_that_cannot_take_a_stream_leaves_it_where_it_is(
    weights: Weights, options: dict[str, Any], policy: Policy
) -> None:
    """Another rate, another frame, or rules against what was asked: it goes on to its end; its version waits for it."""
    world = World()
    old, *_ = three(world)
    new = world.add("other", weights, **options)
    world.serve(old)
    ear = world.listen(asked={"window_size_ms": 60}, policy=policy)
    ear.say(talk(0, 0.5))
    world.settle()
    world.serve(new)
    world.board.sweep()
    for number in range(3):
        world.pass_by(700.0)
        ear.say(talk(number, 0.5))
        world.settle()
    assert (ear.version, world.state(old)) == (old.id, State.DRAINING)
    assert world.board.choose(ear.ask.key) == new.id  # so it is counted as elsewhere
    ear.live.finish()
    world.settle()
    ear.check()
    assert not ear.of(Failed)
    assert world.state(old) is State.CLOSED
    world.check_all_is_back()


def test_a_stream_whose_version_is_gone_and_that_no_other_can_take_is_told_to_begin_anew() -> None:
    """It ends with an error that says why, and gives everything back."""
    world = World()
    old, *_ = three(world)
    new = world.add("other", Weights(0.3, sample_rate=8_000))
    world.serve(old)
    ear = world.listen()
    ear.say(talk(1, 0.5))
    world.settle()
    world.serve(new)
    world.board.fail(old.id, "told to")
    ear.say(talk(1, 0.5))
    world.settle()
    (failed,) = ear.of(Failed)
    assert failed.final
    assert isinstance(failed.error, VersionNotReady)
    assert "8000 Hz" in str(failed.error)
    world.check_all_is_back()


def test_what_cannot_be_had_is_said_at_the_opening() -> None:
    """Parameters that do not go with the version's: one final error, and nothing is held."""
    world = World()
    version = world.add("v", Weights(0.3), window_size_ms=50)
    world.serve(version)
    ear = world.listen(asked={"sil_to_speech_time_thres": 100})
    world.settle()
    (failed,) = ear.told
    assert isinstance(failed, Failed)
    assert failed.final
    assert failed.error.code == "invalid_parameter"
    world.check_all_is_back()


# -- versions that fail --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ask", [{}, {"policy": Policy.PIN}, {"policy": Policy.AT_SILENCE}])
@pytest.mark.parametrize("wrong", ["raising", "answering_nan"])
@pytest.mark.parametrize("mended", ["by itself", "by a switch"])
def test_a_version_that_fails_in_the_middle_is_said_once(ask: dict[str, Any], wrong: str, mended: str) -> None:
    """One error that is not final; when the version works again, or another serves, the events are exact.

    No policy keeps a stream on a version that fails.
    """
    world = World()
    bad, good, _ = three(world)
    world.serve(bad)
    ear = world.listen(**ask)
    ear.say(talk(2, 1.0))
    world.settle()
    setattr(bad.trouble, wrong, 10**6)
    for number in range(5):
        ear.say(talk(3 + number, 0.4))
        world.settle()
    (failed,) = ear.of(Failed)
    assert not failed.final
    assert failed.error.code == ("inference_failed" if wrong == "raising" else "malformed_output")
    if mended == "by itself":
        bad.trouble.heal()
    else:
        world.serve(good)
    ear.say(talk(9, 1.0))
    world.settle()
    assert ear.version == (bad.id if mended == "by itself" else good.id)
    ear.live.finish()
    world.settle()
    ear.check()
    assert len(ear.of(Failed)) == 1
    world.check_all_is_back()


def test_two_failures_apart_are_two_errors() -> None:
    """What was said once is said again when it happens again."""
    world = World()
    version, *_ = three(world)
    world.serve(version)
    ear = world.listen()
    for _ in range(2):
        version.trouble.raising = 1
        for _ in range(3):
            ear.say(talk(2, 0.3))
            world.settle()
    assert len(ear.of(Failed)) == 2


@pytest.mark.parametrize("wrong", ["raising", "answering_nan", "refusing"])
def test_a_version_that_fails_while_it_hears_again_is_tried_later(wrong: str) -> None:
    """The stream stays on the old one, is told of nothing, and goes over 5 s later if the version works by then."""
    two = _Two()
    setattr(two.new.trouble, wrong, 10**6)
    two.say()
    two.say()
    assert not two.has_moved()
    two.new.trouble.heal()
    two.say()
    two.world.pass_by(4.9)
    two.say()
    assert not two.has_moved()
    two.world.pass_by(0.2)
    two.say()
    assert two.has_moved()
    two.end()
    assert not two.ear.of(Failed)


def test_a_model_may_raise_whatever_it_likes() -> None:
    """SystemExit, MemoryError, a class of its own: the error of one round, and the thread goes on."""

    class Odd(BaseException):
        pass

    for error in (SystemExit(3), MemoryError(), Odd("x\ny"), KeyboardInterrupt()):
        world = World()
        version, *_ = three(world)
        world.serve(version)
        ear = world.listen()
        world.settle()

        def fail(_: object, error: BaseException = error) -> None:
            raise error

        version.trouble.on_samples = fail
        ear.say(talk(1, 0.2))
        world.settle()
        version.trouble.heal()
        ear.live.finish()
        world.settle()
        (failed,) = ear.of(Failed)
        assert isinstance(failed.error, InferenceFailed)
        assert "\n" not in str(failed.error)
        assert version.id in str(failed.error)
        ear.check()


@pytest.mark.parametrize("wrong", ["raises", "answers NaN"])
def test_one_of_sixteen_that_fails_touches_no_other(wrong: str) -> None:
    """They are scored in one call, and only the one at fault is told and is late."""
    world = World()
    version, *_ = three(world)
    world.serve(version)
    ears = [world.listen() for _ in range(16)]
    world.settle()

    def fail(samples: np.ndarray[Any, Any]) -> None:
        if samples.max(initial=0) == 0.75:
            if wrong == "raises":
                raise InferenceFailed("made to fail")
            version.trouble.answering_nan = 1

    version.trouble.on_samples = fail
    for number, ear in enumerate(ears):
        ear.say(np.full(1_600, 0.75, np.float32) if number == 5 and wrong == "raises" else talk(number, 0.1))
    if wrong == "answers NaN":
        version.trouble.answering_nan = 1  # the first of them
    at_fault = ears[5 if wrong == "raises" else 0]
    world.settle()
    assert 16 in world.voices[0].batches
    for ear in ears:
        assert len(ear.of(Failed)) == (ear is at_fault)
        assert bool(ear.of(Probabilities)) == (ear is not at_fault)
    version.trouble.heal()
    for ear in ears:
        ear.live.finish()
    world.settle()
    for ear in ears:
        ear.check()
    world.check_all_is_back()


def test_the_end_of_a_stream_waits_for_a_version_that_works() -> None:
    """A stream that ended while its version fails is ended by the next one, or by that one when it works again."""
    for mended in ("by itself", "by a switch"):
        world = World()
        bad, good, _ = three(world)
        world.serve(bad)
        ear = world.listen()
        ear.say(talk(4, 1.0))
        world.settle()
        bad.trouble.raising = 10**6
        ear.live.finish()
        world.settle()
        world.pass_by(9.0)
        world.settle()
        assert not ear.is_over
        if mended == "by itself":
            bad.trouble.heal()
        else:
            world.serve(good)
        world.pass_by(0.1)
        world.settle()
        ear.check()
        world.check_all_is_back()


def test_the_end_of_a_stream_does_not_wait_for_ever() -> None:
    """After 10 s on a version that fails, with no other one serving, it ends with the error."""
    world = World()
    bad, *_ = three(world)
    world.serve(bad)
    ear = world.listen()
    world.settle()
    bad.trouble.raising = 10**6
    ear.say(talk(4, 1.0))
    ear.live.finish()
    world.settle()
    world.pass_by(9.0)
    world.settle()
    assert not ear.is_over
    world.pass_by(1.0)
    world.settle()
    assert [message.final for message in ear.of(Failed)] == [False, True]
    assert not ear.of(Finished)
    world.check_all_is_back()


def test_a_minute_is_kept_of_a_stream_whose_version_fails() -> None:
    """Then it takes no more, says so, and gives back what it holds."""
    world = World()
    bad, *_ = three(world)
    world.serve(bad)
    ear = world.listen()
    world.settle()
    bad.trouble.raising = 10**6
    for _ in range(61):
        ear.say(np.zeros(RATE, np.float32))
        world.settle()
    assert not ear.is_over
    for _ in range(3):
        ear.say(np.zeros(RATE, np.float32))
        world.settle()
    assert [message.final for message in ear.of(Failed)] == [False, True]
    assert ear.live.waiting_samples == 0
    world.check_all_is_back()


# -- versions that hang --------------------------------------------------------------------------------------------


def test_a_first_call_that_hangs_costs_no_greeting() -> None:
    """The stream opens on what serves then, and is told so."""
    world = World()
    bad, good, _ = three(world)
    world.serve(good)
    world.serve(bad)
    ear = world.listen()
    ear.say(talk(1, 0.5))

    def hang() -> None:
        bad.trouble.heal()
        world.watch.look()

    bad.trouble.during = hang
    world.settle()
    ear.live.finish()
    world.settle()
    ear.check()
    (opened,) = ear.of(Opened)
    assert opened.model.version == bad.id  # opening runs no model
    assert [change.at_ms for change in ear.of(ModelChanged)] == [0]
    world.check_all_is_back()


def test_a_call_that_hangs_in_a_replay_and_comes_back_late_touches_no_other_stream() -> None:
    """One stream goes over to a version and hangs in it; those beside it, which were on it, have moved on by then."""
    world = World()
    old, new, third = three(world)
    world.serve(new)
    staying = [world.listen() for _ in range(3)]
    world.settle()
    world.serve(old)
    going = world.listen()
    going.say(talk(1, 0.4))
    for ear in staying:
        ear.say(talk(2, 0.4))
    world.settle()
    world.serve(new)
    for ear in staying:
        ear.say(talk(4, 0.4))
    world.settle()
    world.serve(third)
    world.serve(new)

    def hang() -> None:
        new.trouble.heal()
        world.watch.look()
        while world.lanes.step():
            pass
        for ear in staying:
            assert ear.version == third.id
            ear.say(talk(5, 0.05))  # is in the view of the third, not scored, when the call comes back

    new.trouble.during = hang
    for ear in (going, *staying):
        ear.say(talk(3, 0.4))
    world.settle()
    for ear in (going, *staying):
        ear.live.finish()
    world.settle()
    for ear in (going, *staying):
        ear.check()
        assert ear.of(Failed) == []  # the third took them at once
    world.check_all_is_back()


def test_rounds_that_are_decided_already_are_not_given_up() -> None:
    """The call comes back in the moment in which it is given up: each of its streams goes one way and no other.

    Guard: who gives up a call goes on with a stream only if its lease was still out.
    """
    world = World()
    bad, good, _ = three(world)
    world.serve(good)
    world.serve(bad)
    ears = [world.listen() for _ in range(3)]
    world.settle()
    late: list[Callable[[], bool | None]] = []
    moved: list[list[VersionId | None]] = []

    def remember() -> None:
        bad.trouble.heal()
        late.extend(running.give_up for running in world.watch._running)

    def deliver(messages: list[Any]) -> None:
        ears[1].told.extend(messages)
        if late:  # the second of three rounds is being decided
            late.pop()()
            for _ in range(5):
                world.lanes.step()
            moved.append([ear.version for ear in ears])

    ears[1].live._deliver = deliver
    bad.trouble.during = remember
    for number, ear in enumerate(ears):
        ear.say(talk(number, 0.3))
    world.settle()
    for number, ear in enumerate(ears):
        ear.say(talk(number + 3, 0.3))
        ear.live.finish()
    world.settle()
    for ear in ears:
        ear.check()
    assert moved == [[bad.id, bad.id, good.id]]
    world.check_all_is_back()


# -- versions that have to prove themselves ------------------------------------------------------------------------


def _on_trial(world: World, bad: Version, good: Version) -> None:
    """Every key is the canary's."""
    world.serve(good)
    world.board.prepare(bad.id)
    world.board.switch(Route(good.id, canary=bad.id, canary_share=1.0))


@pytest.mark.parametrize("ask", [{}, {"policy": Policy.PIN}, {"policy": Policy.AT_SILENCE}])
@pytest.mark.parametrize("wrong", ["raising", "answering_nan"])
@pytest.mark.parametrize("place", ["trial", "bake time"])
def test_a_stream_does_not_see_a_new_version_fail(ask: dict[str, Any], wrong: str, place: str) -> None:
    """It goes over to the version that is replaced, whatever its policy; no segment is lost or repeated, nothing said.

    Then it tries the new one again now and then, and comes back to it when that works.
    """
    world = World(bake_s=600)
    bad, good, _ = three(world)
    if place == "trial":
        _on_trial(world, bad, good)
    else:
        world.serve(good)
        world.serve(bad)
    ear = world.listen(**ask)
    ear.say(talk(2, 1.0))
    world.settle()
    assert ear.version == bad.id
    setattr(bad.trouble, wrong, 10**6)
    for number in range(5):
        ear.say(talk(3 + number, 0.4))
        world.settle()
    assert ear.version == good.id
    assert ear.is_heard
    (fell,) = world.fallen
    assert (fell.version, fell.instead, fell.item, fell.answered) == (bad.id, good.id, "0", True)
    assert fell.code == ("inference_failed" if wrong == "raising" else "malformed_output")
    bad.trouble.heal()
    world.pass_by(700.0 if ask else 6.0)
    ear.say(talk(9, 1.0))
    world.settle()
    world.pass_by(700.0 if ask else 6.0)
    ear.say(talk(10, 1.0))
    world.settle()
    assert ear.version == bad.id
    ear.live.finish()
    world.settle()
    assert ear.of(Failed) == []
    ear.check()
    world.check_all_is_back()


@pytest.mark.parametrize("wrong", ["raising", "answering_nan"])
def test_a_pinned_stream_on_a_version_that_was_taken_back_does_not_see_it_fail(wrong: str) -> None:
    """It stays there when the route goes back, as it asked for; at the first failure it goes over to what serves."""
    world = World(bake_s=600)
    bad, good, _ = three(world)
    _on_trial(world, bad, good)
    ear = world.listen(policy=Policy.PIN)
    ear.say(talk(2, 1.0))
    world.settle()
    world.board.rollback()
    ear.say(talk(3, 1.0))
    world.settle()
    assert ear.version == bad.id
    setattr(bad.trouble, wrong, 10**6)
    ear.say(talk(4, 1.0))
    world.settle()
    assert ear.version == good.id
    ear.live.finish()
    world.settle()
    assert ear.of(Failed) == []
    ear.check()
    world.check_all_is_back()


@pytest.mark.parametrize("wrong", ["raising", "answering_nan"])
def test_a_stream_opens_elsewhere_if_a_version_on_trial_fails_at_that(wrong: str) -> None:
    """On the version that it would replace; the first that the stream hears is that it is open."""
    world = World(bake_s=600)
    bad, good, _ = three(world)
    _on_trial(world, bad, good)
    setattr(bad.trouble, wrong, 10**6)
    ear = world.listen()
    ear.say(talk(2, 1.0))
    world.settle()
    ear.live.finish()
    world.settle()
    assert [fell.answered for fell in world.fallen] == [True]
    assert ear.of(Failed) == []
    ear.check()
    world.check_all_is_back()


@pytest.mark.parametrize("place", ["trial", "bake time"])
def test_a_stream_that_only_a_new_version_refuses_opens_on_the_old_one(place: str) -> None:
    """What it asks for goes against the new version's own parameters: that one's fault, and unseen; it stays there."""
    world = World(bake_s=600)
    strict, good = (world.add(name, Weights(0.3), window_size_ms=ms) for name, ms in (("b", 50), ("a", 60)))
    if place == "trial":
        _on_trial(world, strict, good)
    else:
        world.serve(good)
        world.serve(strict)
    ear = world.listen(asked={"sil_to_speech_time_thres": 55})
    for number in range(3):
        ear.say(talk(2 + number, 1.0))
        world.pass_by(10.0)
        world.settle()
    assert ear.version == good.id
    ear.live.finish()
    world.settle()
    assert [(fell.version, fell.code, fell.answered) for fell in world.fallen] == [
        (strict.id, "invalid_parameter", True)
    ]
    assert ear.of(Failed) == []
    ear.check()
    world.check_all_is_back()


def test_a_stream_that_both_refuse_is_told_so_once_and_nobody_is_blamed() -> None:
    """One final error, the old version's."""
    world = World(bake_s=600)
    strict, good = (world.add(name, Weights(0.3), window_size_ms=ms) for name, ms in (("b", 50), ("a", 60)))
    _on_trial(world, strict, good)
    ear = world.listen(asked={"sil_to_speech_time_thres": 100})
    world.settle()
    (failed,) = ear.told
    assert isinstance(failed, Failed)
    assert (failed.final, failed.error.code) == (True, "invalid_parameter")
    assert "(60)" in str(failed.error)
    assert [fell.answered for fell in world.fallen] == [False]
    world.check_all_is_back()


@pytest.mark.parametrize("place", ["trial", "bake time"])
@pytest.mark.parametrize("wrong", ["raising", "answering_nan"])
def test_a_stream_at_which_all_warm_versions_fail_goes_round_none_of_them(wrong: str, place: str) -> None:
    """It falls back once, and is then told; it does not go on to ever older versions, and back."""
    world = World(bake_s=600)
    bad, good, older = three(world)
    world.serve(older)
    if place == "trial":
        _on_trial(world, bad, good)
    else:
        world.serve(good)
        world.serve(bad)
    ear = world.listen()
    ear.say(talk(2, 1.0))
    world.settle()
    for version in (bad, good, older):
        setattr(version.trouble, wrong, 10**6)
    ear.say(talk(3, 1.0))
    for _ in range(20):
        if not world.lanes.step():
            break
    else:
        raise AssertionError("it goes round and round")
    assert [failed.final for failed in ear.of(Failed)] == [False]
    for version in (bad, good, older):
        version.trouble.heal()
    world.settle()
    ear.live.finish()
    world.settle()
    ear.check()
    world.check_all_is_back()


def test_a_stream_at_which_both_fail_hears_of_it_and_goes_on_when_one_works() -> None:
    """It is said once, and not blamed on the version on trial."""
    world = World(bake_s=600)
    bad, good, _ = three(world)
    _on_trial(world, bad, good)
    ear = world.listen()
    ear.say(talk(2, 1.0))
    world.settle()
    bad.trouble.raising = good.trouble.raising = 10**6
    for number in range(3):
        ear.say(talk(3 + number, 0.4))
        world.settle()
    assert [failed.final for failed in ear.of(Failed)] == [False]
    assert world.fallen
    assert not any(fell.answered for fell in world.fallen)
    good.trouble.heal()
    ear.say(talk(9, 1.0))
    world.settle()
    ear.live.finish()
    world.settle()
    ear.check()
    world.check_all_is_back()


# -- nothing serves ------------------------------------------------------------------------------------------------


def test_a_stream_waits_while_nothing_serves_and_goes_on() -> None:
    """Opened before anything serves, and when the only version fails in the middle: one error each time, then exact."""
    world = World()
    version, other, _ = three(world)
    ear = world.listen()
    for _ in range(3):
        ear.say(talk(1, 0.3))
        world.pass_by(0.3)
        world.settle()
    assert [type(message) for message in ear.told] == [Failed]
    world.serve(version)
    world.pass_by(0.1)
    world.settle()
    world.board.fail(version.id, "told to")
    for _ in range(3):
        ear.say(talk(2, 0.3))
        world.pass_by(0.3)
        world.settle()
    assert [type(message.error) for message in ear.of(Failed)] == [NotReady, NotReady]
    assert version.id not in world.lanes.hands  # no thread waits there for what never comes
    world.serve(other)
    world.pass_by(0.1)
    world.settle()
    ear.live.finish()
    world.settle()
    ear.check()
    world.check_all_is_back()


def test_another_life_of_the_same_version_is_no_news() -> None:
    """It fails and is prepared again: the stream goes on with it, exactly, and is told of no change."""
    world = World()
    version, *_ = three(world)
    world.serve(version)
    ear = world.listen()
    ear.say(talk(1, 0.7))
    world.settle()
    world.board.fail(version.id, "told to")
    world.serve(version)
    ear.say(talk(2, 0.7))
    world.settle()
    assert [voice.is_closed for voice in world.voices] == [True, False]
    ear.live.finish()
    world.settle()
    ear.check()
    assert not ear.of(ModelChanged)
    world.check_all_is_back()


# -- the rest ------------------------------------------------------------------------------------------------------


def test_a_chunk_that_is_no_audio_is_left_out_and_said() -> None:
    """Each one; what came before and after counts."""
    world = World()
    version, *_ = three(world)
    world.serve(version)
    ear = world.listen()
    for number in range(3):
        ear.say(talk(number, 0.3))
        ear.live.put(np.array([0.1, np.nan], np.float32))
        world.settle()
    ear.live.put(np.array([True]))
    world.settle()
    ear.live.finish()
    world.settle()
    assert [type(message.error) for message in ear.of(Failed)] == [InvalidSamples] * 4
    assert not any(message.final for message in ear.of(Failed))
    ear.check()


def test_a_listener_that_raises_is_one_that_has_gone() -> None:
    """Its stream is given up, and those beside it in the same call hear everything."""
    world = World()
    version, *_ = three(world)
    world.serve(version)
    ears = [world.listen() for _ in range(3)]

    def deaf(_: list[Any]) -> None:
        raise RuntimeError("Event loop is closed")

    ears[0].live._deliver = deaf
    for ear in ears:
        ear.say(talk(1, 0.5))
    world.settle()
    for ear in ears:
        ear.live.finish()
    world.settle()
    ears[1].check()
    ears[2].check()
    assert ears[0].told == []
    world.check_all_is_back()


def test_at_the_end_of_the_service_every_stream_is_told_and_ends_whole() -> None:
    """Its open utterance ends with the audio that it was given; one that opens too late is told as well."""
    world = World()
    version, *_ = three(world)
    world.serve(version)
    ear = world.listen(asked=_UNCUT)
    ear.say(np.full(RATE, 0.9, np.float32))
    world.settle()
    assert (len(ear.of(SpeechStarted)), len(ear.of(SpeechEnded))) == (1, 0)
    world.rounds.shut()
    ear.live.put(talk(1, 1.0))  # too late
    late = world.listen()
    world.settle()
    for each in (ear, late):
        each.check()
        assert [type(message.error) for message in each.of(Failed)] == [ShuttingDown]
    world.check_all_is_back()


# -- threads -------------------------------------------------------------------------------------------------------


def _everything_is_shaken() -> AbstractContextManager[None]:
    return shaken(every=20, files=("rounds.py", "round.py", "streams.py", "lanes.py", "switchboard.py", "fleet.py"))


@pytest.mark.parametrize("disturbed", [hectic, _everything_is_shaken])
def test_fifty_streams_through_random_switches_and_ends(disturbed: Callable[[], AbstractContextManager[None]]) -> None:
    """Nobody looks after them: whoever has audio waiting is woken by it, and in the end all is told and given back.

    Guards: one has a stream at a time; who lets go of it looks for what came meanwhile.
    """
    with disturbed():
        world = World(by_hand=False, stall_s=PATIENCE_S)
        versions = three(world)
        world.serve(versions[0])
        policies = (Policy.FOLLOW, Policy.FOLLOW, Policy.AT_SILENCE, Policy.PIN)
        ears = [world.listen(policy=policies[number % 4], deadline_s=0.05) for number in range(50)]
        over = threading.Event()

        def speak(number: int) -> None:
            rng = np.random.default_rng(number)
            mine = ears[number * 10 : number * 10 + 10]
            for _ in range(4):
                for ear in mine:
                    for _ in range(int(rng.integers(1, 4))):
                        ear.say(talk(int(rng.integers(99)), float(rng.uniform(0.0, 0.2))))
                world.wait(lambda: all(ear.is_heard for ear in mine), tending=False)
            for ear in mine[::3]:
                ear.say(talk(1, 0.1))
                ear.live.close()
            for ear in mine:
                ear.live.finish()

        def switch(_: int) -> None:
            rng = np.random.default_rng(0)
            while not over.is_set():
                world.serve(versions[rng.integers(3)])
                world.board.sweep()

        with crowd(6, lambda number: switch(number) if number == 5 else speak(number)) as doing:
            try:
                for future in doing[:5]:
                    future.result(60)
            finally:
                over.set()
        world.wait(lambda: not world.rounds.streams(), tending=False)
    for ear in ears:
        if not ear.live.is_closed:
            ear.check()
    world.check_all_is_back()


def test_streams_through_versions_that_fail_at_random() -> None:
    """With somebody who looks after them: whatever raises, refuses or is declared failed, all end exact."""
    with hectic():
        world = World(by_hand=False, stall_s=PATIENCE_S)
        versions = three(world)
        world.serve(versions[0])
        ears = [world.listen(policy=list(Policy)[number % 3], deadline_s=0.02) for number in range(24)]
        over = threading.Event()

        def speak(number: int) -> None:
            rng = np.random.default_rng(number)
            for _ in range(12):
                for ear in ears[number * 6 : number * 6 + 6]:
                    ear.say(talk(int(rng.integers(99)), float(rng.uniform(0.0, 0.2))))
                threading.Event().wait(0.005)  # real time: or all is said before anything fails

        def trouble(_: int) -> None:
            rng = np.random.default_rng(0)
            while not over.is_set():
                version = versions[rng.integers(3)]
                match rng.integers(5):
                    case 0:
                        version.trouble.raising = 3
                    case 1:
                        version.trouble.answering_nan = 2
                    case 2:
                        version.trouble.refusing = True
                    case 3 if world.state(version) is State.READY:
                        world.board.fail(version.id, "told to")
                world.serve(versions[rng.integers(3)])
                version.trouble.refusing = False
                world.board.sweep()
                world.rounds.tend()

        with crowd(5, lambda number: trouble(number) if number == 4 else speak(number)) as doing:
            try:
                for future in doing[:4]:
                    future.result(60)
            finally:
                over.set()
        for version in versions:
            version.trouble.heal()
        world.serve(versions[0])
        for ear in ears:
            ear.live.finish()
        world.wait(lambda: not world.rounds.streams())
    for ear in ears:
        ear.check()
    assert any(ear.of(Failed) for ear in ears)
    world.check_all_is_back()


@pytest.mark.parametrize("late", range(0, 24, 3))
def test_a_call_that_hangs_is_given_up_and_what_it_does_later_is_nobody_s(late: int) -> None:
    """After ``stall_s`` its streams go on elsewhere; it comes back after so many further chunks, and changes nothing.

    Guards: what a round decides, it decides only if its lease comes back; it scores a view that is its own.
    """
    with hectic():
        world = World(by_hand=False, stall_s=0.02)
        bad, good, _ = three(world)
        world.serve(good)
        world.serve(bad)
        ears = [world.listen() for _ in range(6)]
        for number, ear in enumerate(ears):
            ear.say(talk(number, 0.3))
        world.wait(lambda: all(ear.is_heard for ear in ears))
        gate = Gate()
        bad.trouble.during = gate
        for number, ear in enumerate(ears):
            ear.say(talk(number + 10, 0.3))
        assert gate.reached.wait(PATIENCE_S)

        def given_up() -> bool:
            world.watch.look()
            return world.state(bad) is State.FAILED

        for number in range(24):
            if number == late:
                gate.open.set()
            for ear in ears:
                ear.say(talk(number + 20, 0.03))
            if number == 6 < late:
                world.wait(given_up)
        for ear in ears:
            ear.live.finish()
        world.wait(lambda: not world.rounds.streams())
        gate.open.set()
    for ear in ears:
        ear.check()
        assert all(not message.final for message in ear.of(Failed))
    assert late <= 6 or world.board.snapshot()[bad.id].stranded
    world.check_all_is_back()


def test_a_call_given_up_in_the_moment_it_comes_back_is_decided_once() -> None:
    """By whoever settles its lease first: the stream is claimed by one, and every frame is told once.

    Guard: who gives up a call goes on with a stream only if the lease was still out.
    """
    for every in range(2, 12):
        with shaken(every=every, files=("rounds.py", "round.py", "streams.py", "watch.py")):
            _give_up_what_runs()


def _give_up_what_runs() -> None:
    """Again and again, whatever it is, while it comes back."""
    world = World(by_hand=False, stall_s=-1.0)
    bad, good, _ = three(world)
    world.serve(good)
    world.serve(bad)
    ears = [world.listen() for _ in range(4)]
    world.wait(lambda: all(ear.told for ear in ears), tending=False)
    over = threading.Event()

    def look(_: int) -> None:
        while not over.is_set():
            world.watch.look()
            if world.state(bad) is State.FAILED:
                world.serve(bad)

    with crowd(1, look):
        for number in range(10):
            for ear in ears:
                ear.say(talk(number, 0.05))
        over.set()
    for ear in ears:
        ear.live.finish()
    world.wait(lambda: not world.rounds.streams())
    for ear in ears:
        ear.check()
    world.check_all_is_back()
