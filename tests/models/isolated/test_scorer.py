"""A scorer in a process of its own: it answers what it answers here, and whatever becomes of it is told in time."""

import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from scripts.speech import Samples
from segue import models
from segue.errors import InferenceFailed, MalformedOutput, ModelDied, ModelIncomplete, ModelInvalid
from segue.models.isolated.scorer import IsolatedScorer, load
from segue.speech.detection import ModelIdentity
from segue.speech.detector import Detector
from segue.speech.rules import Rules
from segue.speech.scorer import Scorer
from tests.models.isolated.faults import HERE
from tests.models.networks import write_network

LOUD = np.ones(1_600, np.float32)
SOFT = np.full(1_600, 0.5, np.float32)


@contextmanager
def faulty(directory: Path, fault: str, *, most_memory_bytes: int | None = None) -> Iterator[IsolatedScorer]:
    """A scorer that is at fault when it hears ``LOUD``."""
    (directory / "fault").write_text(fault, encoding="utf-8")
    scorer, _ = load(directory, name="v1", loader=f"{HERE}:load", most_memory_bytes=most_memory_bytes)
    with closing(scorer.host):
        yield scorer


@pytest.fixture
def loudness(tmp_path: Path) -> Iterator[IsolatedScorer]:
    scorer, _ = load(tmp_path, loader=f"{HERE}:load_loudness")
    with closing(scorer.host):
        yield scorer


def detected(directory: Path, speech: Samples, load: Callable[[Path], tuple[Scorer, Rules]]) -> tuple[object, ...]:
    scorer, rules = load(directory)
    detector = Detector(scorer, rules, model=ModelIdentity("m", None, "d"))
    found = detector.detect(speech, sample_rate=16_000, probabilities=True)
    assert found.probabilities is not None
    return scorer, rules, found.segments, found.probabilities.tobytes()


def test_segments_and_probabilities_are_those_of_the_model_here(model_directory: Path, speech: Samples) -> None:
    """Of a recording, bit for bit; and its rules are the model's, each from where it came."""
    here, own_rules, *ours = detected(model_directory, speech, models.load)
    there, rules, *theirs = detected(model_directory, speech, load)
    assert isinstance(there, IsolatedScorer)
    assert not isinstance(here, IsolatedScorer)
    assert theirs == ours
    assert rules == own_rules
    assert isinstance(rules, Rules)
    assert isinstance(own_rules, Rules)
    assert rules.sources() == own_rules.sources()
    there.host.close()


def test_rules_with_a_schedule_come_whole(tmp_path: Path) -> None:
    """Pairs, infinity among them, asked over it or the model's own."""
    directory = write_network(tmp_path).directory
    config = (directory / "config.yaml").read_text(encoding="utf-8")
    (directory / "config.yaml").write_text(config, encoding="utf-8")
    asked = {"mode": "dynamic", "silence_schedule": "5000:1200,inf:300"}
    scorer, rules = load(directory)
    with closing(scorer.host):
        assert rules.asking(asked) == models.load(directory)[1].asking(asked)


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        ("raises", InferenceFailed, "RuntimeError: no such kernel"),
        ("two dimensions", MalformedOutput, r"answered float32 \(1, 10\)"),
        ("float64", MalformedOutput, "answered float64"),
        ("a list", MalformedOutput, "answered list"),
        ("objects", MalformedOutput, "answered object"),
        ("nothing", MalformedOutput, "answered NoneType"),
        ("dies", ModelDied, r"v1: its process \(pid \d+\) ended by itself, with exit status 7"),
        ("crashes", ModelDied, r"v1: its process \(pid \d+\) was killed by SIGSEGV"),
        ("eats", ModelDied, r"took \d+ MB of memory, and may take 300 MB"),
    ],
)
def test_a_fault_is_told_with_its_reason(tmp_path: Path, fault: str, error: type[Exception], said: str) -> None:
    """In one line and at once. One that raised goes on, the stream has not moved; one that died is dead for all."""
    with faulty(tmp_path, fault, most_memory_bytes=300_000_000) as scorer:
        stream = scorer.open()
        assert stream.accept(SOFT).tolist() == [np.float32(0.02)] * 10
        began_s = time.monotonic()
        with pytest.raises(error, match=said) as failure:
            stream.accept(LOUD)
        assert time.monotonic() - began_s < (5 if fault == "eats" else 1)
        assert type(failure.value) is error
        assert "\n" not in str(failure.value)
        if error is ModelDied:
            with pytest.raises(ModelDied, match=said):
                scorer.open()
            with pytest.raises(ModelDied, match=said):
                stream.finish()
        elif error is InferenceFailed:
            assert len(stream.accept(SOFT)) == 10
        else:
            assert len(scorer.open().accept(SOFT)) == 10


def test_too_few_answers_are_a_fault(tmp_path: Path) -> None:
    """Many streams, one answer less."""
    with (
        faulty(tmp_path, "too few") as scorer,
        pytest.raises(MalformedOutput, match="the model gave 1 answers for 2 streams"),
    ):
        scorer.accept_many([scorer.open(), scorer.open()], [SOFT, LOUD])


@pytest.mark.parametrize(("fault", "value"), [("nan", np.nan), ("over one", 2.02)])
def test_what_is_no_probability_comes_as_it_is(tmp_path: Path, fault: str, value: float) -> None:
    """Who decides on it sees what it would see of a model here, and refuses it."""
    with faulty(tmp_path, fault) as scorer:
        np.testing.assert_allclose(scorer.open().accept(LOUD), [value] * 10)


def test_what_hangs_is_killed_and_the_call_raises(tmp_path: Path) -> None:
    """From another thread, with the reason that this one gives."""
    with faulty(tmp_path, "hangs") as scorer:
        said: list[BaseException] = []

        def hang() -> None:
            with pytest.raises(ModelDied) as death:
                scorer.open().accept(LOUD)
            said.append(death.value)

        thread = threading.Thread(target=hang)
        thread.start()
        assert len(scorer.open().accept(SOFT)) == 10  # others go on meanwhile
        scorer.host.process.kill("was killed: a call made no progress for 30 s")
        thread.join(2)
        assert not thread.is_alive()
        assert "a call made no progress for 30 s" in str(said[0])


def test_streams_that_nobody_has_are_forgotten_there(loudness: IsolatedScorer) -> None:
    """Ten thousand of them, finished or not, one after the other and many together: none is left in the process."""
    for i in range(10_000):
        stream = loudness.open()
        stream.accept(SOFT[:200])
        if i % 2:
            stream.finish()
    del stream
    several = [loudness.open() for _ in range(100)]
    loudness.accept_many(several, [SOFT] * 100)
    assert loudness.host.call("count") <= 101
    several.clear()
    gc.collect()
    last = loudness.open()
    last.accept(SOFT)
    assert loudness.host.call("count") == 1


def test_only_its_own_streams_and_each_once(loudness: IsolatedScorer, tmp_path: Path) -> None:
    """As any scorer: others' are refused before anything is sent."""
    other, _ = load(tmp_path, loader=f"{HERE}:load_loudness")
    with closing(other.host):
        mine, foreign = loudness.open(), other.open()
        for streams, chunks in (([mine, mine], [SOFT, SOFT]), ([foreign], [SOFT]), ([mine], [])):
            with pytest.raises(ValueError, match="distinct streams of this scorer"):
                loudness.accept_many(streams, chunks)


@pytest.mark.parametrize("answer", [None, [1.0], [], "p", [np.zeros(3)], [np.zeros((1, 3), np.float32)]])
def test_a_process_that_breaks_its_own_promise_is_killed(loudness: IsolatedScorer, answer: object) -> None:
    """What a Desk never answers is not a Desk's: whatever it is, it gets no further."""
    each = answer[0] if isinstance(answer, list) and answer else answer
    with pytest.raises(ModelDied, match="it answered what is no answer"):
        loudness.checked(each)


def test_a_model_that_cannot_be_loaded_is_told_as_here(tmp_path: Path) -> None:
    """The same error; one whose facts are no facts is no model; and no process is left."""
    with pytest.raises(ModelIncomplete, match=r"config\.yaml"):
        load(tmp_path)
    with pytest.raises(ModelInvalid, match="a rate of '16 kHz'"):
        load(tmp_path, loader=f"{HERE}:load_liar")


def test_after_its_end_streams_may_go_in_any_order(tmp_path: Path) -> None:
    """Closed before its streams are let go of: nothing is raised anywhere."""
    scorer, _ = load(tmp_path, loader=f"{HERE}:load_loudness")
    stream = scorer.open()
    stream.accept(SOFT)
    scorer.host.close()
    with pytest.raises(ModelDied, match="was closed"):
        stream.accept(SOFT)
    del stream, scorer
    gc.collect()
