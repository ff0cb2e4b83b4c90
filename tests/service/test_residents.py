"""The engines that are loaded."""

from collections.abc import Callable
from pathlib import Path

import pytest

from segue.errors import VersionNotReady
from segue.models.isolated.scorer import load
from segue.service.engine import Engine
from segue.service.residents import Residents
from segue.speech.detection import ModelIdentity
from segue.speech.detector import Detector
from segue.speech.rules import Rules
from segue.swap import VersionId
from tests.fakes import LoudnessScorer

V1 = VersionId("v1")


def engine(grown_bytes: int = 5) -> Engine:
    return Engine(Detector(LoudnessScorer(), Rules.of(), model=ModelIdentity("m", None, "d", V1)), grown_bytes)


def isolated(directory: Path) -> Engine:
    scorer, rules = load(directory, loader="tests.models.isolated.faults:load_loudness")
    return Engine(Detector(scorer, rules, model=ModelIdentity("m", None, "d", V1)), 0, host=scorer.host)


def test_what_is_loaded_has_memory_and_what_was_closed_gave_it_back() -> None:
    """By version, and by its newest life."""
    residents = Residents()
    assert residents.memory_bytes(V1) is None
    assert residents.returned_bytes(V1) is None
    older = residents.add(engine(5))
    newer = residents.add(engine(7))
    assert residents.close(older) >= 0
    assert residents.memory_bytes(V1) == 7
    assert residents.close(newer) == residents.returned_bytes(V1)
    assert residents.memory_bytes(V1) is None


def fails(calls: list[tuple[VersionId, str]], error: Exception | None = None) -> Callable[[VersionId, str], None]:
    def fail(version: VersionId, why: str) -> None:
        calls.append((version, why))
        if error is not None:
            raise error

    return fail


@pytest.mark.parametrize("error", [None, VersionNotReady("it is loading")])
def test_the_dead_are_declared_failed(tmp_path: Path, error: Exception | None) -> None:
    """With what became of them, and again until they are closed; who is being prepared will find out by itself."""
    residents, calls = Residents(), list[tuple[VersionId, str]]()
    residents.add(engine())
    residents.bury(fails(calls, error))
    dead = residents.add(isolated(tmp_path))
    assert not residents.dead()
    dead.end_calls()
    residents.bury(fails(calls, error))
    assert calls == [(V1, "its process was killed: a call made no progress")]
    residents.close(dead)
    residents.bury(fails(calls, error))
    assert len(calls) == 1


def test_one_that_is_closed_is_not_dead(tmp_path: Path) -> None:
    """Whoever closes it takes it out first."""
    residents = Residents()
    residents.close(residents.add(isolated(tmp_path)))
    assert not residents.dead()
