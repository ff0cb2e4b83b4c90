"""What is replaced: made, tried before anybody gets it, and let go."""

import gc
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from segue.errors import InferenceFailed, InvalidParameter, ModelDied, ModelInvalid
from segue.hub import ResolvedModel, Store, resolve
from segue.models.isolated.scorer import IsolatedScorer
from segue.service.engine import Engine, load, resident_bytes, warm
from segue.speech.detection import ModelIdentity
from segue.speech.detector import Detector
from segue.speech.rules import Rules
from segue.speech.scorer import Samples, SilenceProbs
from segue.swap import ModelSpec, Resolved
from tests.fakes import LoudnessScorer, LoudnessStream
from tests.models.networks import write_network


def engine_of(scorer: LoudnessScorer) -> Engine:
    return Engine(Detector(scorer, Rules.of(), model=ModelIdentity("test/x", "v1", "d", "v1")), 0)


class Twisted(LoudnessScorer):
    """Its streams' answers go through ``twist``."""

    def __init__(self, twist: Callable[[SilenceProbs], SilenceProbs]) -> None:
        super().__init__()
        self.twist = twist

    def open(self) -> LoudnessStream:
        stream = super().open()
        accept = stream.accept
        stream.accept = lambda samples: self.twist(accept(samples))  # type: ignore[method-assign]  # a fake that lies
        return stream


def test_a_model_that_keeps_its_promises_passes() -> None:
    """It is run on noise and on silence, as a recording, as a stream that moves, and many streams together."""
    lengths: set[int] = set()
    warm(engine_of(LoudnessScorer(lambda samples: lengths.add(len(samples)))))
    assert {6 * 16_000, 16_000, 3_200} <= lengths


@pytest.mark.parametrize(
    ("twist", "error"),
    [
        (lambda p: np.full_like(p, np.nan), InferenceFailed),
        (lambda p: p + np.float32(1), InferenceFailed),
        (lambda p: -p, InferenceFailed),
        (lambda p: p[: len(p) // 2], ModelInvalid),
        (lambda p: np.repeat(p, 2), ModelInvalid),
    ],
)
def test_a_model_that_answers_nonsense_does_not(
    twist: Callable[[SilenceProbs], SilenceProbs], error: type[Exception]
) -> None:
    """NaN, values beyond 0 to 1, too few or too many frames: it never gets a request."""
    with pytest.raises(error):
        warm(engine_of(Twisted(twist)))


def test_a_model_that_raises_does_not() -> None:
    """Whatever it raises comes out of the trial."""

    def fail(_: Samples) -> None:
        raise MemoryError

    with pytest.raises(MemoryError):
        warm(engine_of(LoudnessScorer(fail)))


def test_the_options_of_a_version_are_its_rules(tmp_path: Path) -> None:
    """An option wins over the model's own; what it is not, is refused; the identity says which version it is."""
    directory = write_network(tmp_path / "net").directory
    found = resolve(directory, store=Store(tmp_path / "store"), connect_timeout_s=1, fetch_timeout_s=1)
    resolved = Resolved(ModelSpec("net", None, {"max_end_silence_time": 450, "mode": "dynamic"}), found.digest)
    engine = load(found, resolved, max_audio_s=60)
    warm(engine)
    rules = engine.detector.rules
    assert (rules.max_end_silence_time, rules.mode) == (450, "dynamic")
    assert rules.sources()["max_end_silence_time"] == "options"
    assert engine.model == ModelIdentity("net", None, found.digest, resolved.version)
    assert engine.detector.max_audio_s == 60
    with pytest.raises(InvalidParameter):
        load(found, Resolved(ModelSpec("net", None, {"no_such": 1}), found.digest), max_audio_s=60)
    with pytest.raises(InvalidParameter, match="decides nothing in mode classic"):
        load(found, Resolved(ModelSpec("net", None, {"threshold": 0.5}), found.digest), max_audio_s=60)


def test_a_closed_engine_has_let_go_of_its_model() -> None:
    """After close nothing holds the scorer, whoever asks for it is told, and the bytes given back are no nonsense."""
    scorer = LoudnessScorer()
    gone, engine = weakref.ref(scorer), engine_of(scorer)
    del scorer
    assert engine.detector.scorer is gone()
    assert 0 <= engine.close() < resident_bytes()
    gc.collect()
    assert gone() is None
    with pytest.raises(InferenceFailed, match="v1 is closed"):
        _ = engine.detector


def network(tmp_path: Path) -> ResolvedModel:
    directory = write_network(tmp_path / "net").directory
    return resolve(directory, store=Store(tmp_path / "store"), connect_timeout_s=1, fetch_timeout_s=1)


@pytest.mark.parametrize(
    ("options", "default", "is_isolated"),
    [({}, False, False), ({}, True, True), ({"isolate": True}, False, True), ({"isolate": False}, True, False)],
)
def test_a_version_runs_where_its_options_say(
    tmp_path: Path, options: dict[str, bool], default: bool, is_isolated: bool
) -> None:
    """Or where the service says; it is the same detector, passes the same trial, and has a name of its own."""
    found = network(tmp_path)
    resolved = Resolved(ModelSpec("net", None, {"max_end_silence_time": 450, **options}), found.digest)
    engine = load(found, resolved, max_audio_s=60, isolate=default)
    warm(engine)
    assert isinstance(engine.detector.scorer, IsolatedScorer) is is_isolated
    assert engine.detector.rules.max_end_silence_time == 450
    assert engine.detector.model.version == resolved.version
    assert engine.end_calls() is is_isolated
    engine.close()


def test_a_process_of_its_own_tells_its_memory_and_gives_it_back(tmp_path: Path) -> None:
    """What it takes now, and what came back: more than the model, for it is a whole process; then it is gone."""
    found = network(tmp_path)
    engine = load(found, Resolved(ModelSpec("net", None, {"isolate": True}), found.digest), max_audio_s=60)
    (child,) = psutil.Process().children()
    assert abs(engine.memory_bytes - child.memory_info().rss) < 2e6
    assert engine.memory_bytes > 20e6
    assert not engine.fate
    assert engine.close() > 15e6
    assert not child.is_running()
    with pytest.raises(InferenceFailed, match="is closed"):
        _ = engine.detector


def test_a_process_that_dies_has_a_fate(tmp_path: Path) -> None:
    """By itself, by hand, or because a call was given up: whatever is asked then says so, with the version's name."""
    found = network(tmp_path)
    resolved = Resolved(ModelSpec("net", None, {"isolate": True}), found.digest)
    engine = load(found, resolved, max_audio_s=60)
    (child,) = psutil.Process().children()
    child.kill()
    with pytest.raises(ModelDied, match=f"^{resolved.version}: its process .* was killed by SIGKILL"):
        warm(engine)
    assert engine.fate.startswith("its process was killed by SIGKILL")
    assert engine.memory_bytes == 0
    engine.close()


def test_a_trial_that_hangs_ends_with_its_process(tmp_path: Path) -> None:
    """Whoever prepares it is told after how long: it does not wait for ever, as for a model here."""
    found = network(tmp_path)
    engine = load(found, Resolved(ModelSpec("net", None, {"isolate": True}), found.digest), max_audio_s=60)
    psutil.Process().children()[0].suspend()
    with pytest.raises(ModelDied, match=r"was killed: its trial had not ended after 0\.5 s"):
        warm(engine, isolated_s=0.5)
    engine.close()


def test_what_does_not_fit_leaves_no_process(tmp_path: Path) -> None:
    """An option that is none, and a limit of memory that it cannot keep."""
    found = network(tmp_path)
    for options, limit, error, said in (
        ({"no_such": 1}, None, InvalidParameter, "no_such"),
        (
            {},
            10_000_000,
            ModelInvalid,
            r"cannot be loaded: its process was killed: it took \d+ MB of memory, and may take 10 MB",
        ),
    ):
        resolved = Resolved(ModelSpec("net", None, {"isolate": True, **options}), found.digest)
        with pytest.raises(error, match=said):
            load(found, resolved, max_audio_s=60, most_memory_bytes=limit)
        assert not psutil.Process().children()
