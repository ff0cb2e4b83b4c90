"""A scorer whose streams have numbers."""

from pathlib import Path

import numpy as np
import pytest

from segue.errors import InferenceFailed, MalformedOutput, ModelUnsupported
from segue.models.isolated.desk import Desk, load
from segue.speech.rules import Rules
from tests.fakes import LoudnessScorer
from tests.models.isolated.faults import FAULTS, HERE, Faulty
from tests.models.networks import write_network

LOUD = np.ones(1_600, np.float32)
SOFT = np.full(1_600, 0.5, np.float32)


@pytest.fixture
def desk() -> Desk:
    return Desk(LoudnessScorer(), Rules.of())


def test_a_number_is_a_stream_from_its_first_call_on(desk: Desk) -> None:
    """Each keeps what it has heard; one that is gone is forgotten, and its number begins anew."""
    assert len(desk.accept(7, SOFT[:100], [])) == 0
    assert len(desk.accept(8, SOFT[:60], [])) == 0
    assert len(desk.accept(7, SOFT[:60], [])) == 1
    assert desk.count() == 2
    assert len(desk.accept(7, SOFT[:100], [7, 8, 9])) == 0
    assert desk.count() == 1
    assert len(desk.finish(7, [])) == 0


def test_many_streams_go_to_the_model_together(desk: Desk) -> None:
    """In their order; what is gone is let go of first."""
    answers = desk.accept_many([3, 1], [SOFT, SOFT[:320]], [])
    assert [len(answer) for answer in answers] == [10, 2]
    assert desk.accept_many([], [], [1, 3]) == []
    assert desk.count() == 0


@pytest.mark.parametrize("fault", ["two dimensions", "float64", "a list", "nothing", "objects"])
def test_an_answer_of_another_form_is_refused(fault: str) -> None:
    """It says what came; the stream has moved without an answer, so it goes no further. Others do."""
    desk = Desk(Faulty(FAULTS[fault]), Rules.of())
    with pytest.raises(MalformedOutput, match=r"the model answered .* where float32 \(frames,\) is wanted"):
        desk.accept(1, LOUD, [])
    with pytest.raises(MalformedOutput, match="answered nonsense"):
        desk.accept(1, SOFT, [])
    with pytest.raises(MalformedOutput, match="answered nonsense in 1 of these"):
        desk.accept_many([1, 2], [SOFT, SOFT], [])
    assert len(desk.accept(2, SOFT, [])) == 10
    assert len(desk.accept(1, SOFT, [1])) == 10


def test_too_few_answers_are_none() -> None:
    """Which stream's they are, nobody knows."""
    desk = Desk(Faulty(FAULTS["too few"]), Rules.of())
    with pytest.raises(MalformedOutput, match="the model gave 1 answers for 2 streams"):
        desk.accept_many([1, 2], [SOFT, SOFT], [])


def test_what_the_model_raises_moves_no_stream() -> None:
    """The same stream goes on."""
    desk = Desk(Faulty(FAULTS["raises"]), Rules.of())
    with pytest.raises(RuntimeError, match="no such kernel"):
        desk.accept(1, LOUD, [])
    assert len(desk.accept(1, SOFT, [])) == 10


def test_probabilities_are_not_judged_here() -> None:
    """Not a number, and beyond one, is the affair of who decides on them."""
    desk = Desk(Faulty(FAULTS["nan"]), Rules.of())
    assert np.isnan(desk.accept(1, LOUD, [])).all()


def test_the_loader_is_that_of_the_kind_or_one_that_is_named(tmp_path: Path) -> None:
    """Facts are plain: rate, frame, context, and the layers that the rules are made of."""
    network = load(str(write_network(tmp_path / "net").directory), "fsmn-vad", "").facts()
    assert network["scorer"][:2] == [8_000, 10]
    (tmp_path / "fault").write_text("nan", encoding="utf-8")
    facts = load(str(tmp_path), "whatever", f"{HERE}:load").facts()
    assert facts["scorer"] == [16_000, 10, 0]
    assert facts["layers"] == (("model", {"max_end_silence_time": 450}),)
    with pytest.raises(ModelUnsupported, match="whisper"):
        load(str(tmp_path), "whisper", "")
    assert issubclass(MalformedOutput, InferenceFailed)
