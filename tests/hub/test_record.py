"""The store's records on disk."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.hub.record import Record, dump, load
from segue.hub.resolved import ModelFile

RECORD = Record(
    model_id="iic/m",
    revision="v1",
    digest="0" * 64,
    tree="1" * 64,
    files=(ModelFile("a", "2" * 64, 3),),
    origin="here",
    recorded_at="2023-11-14T22:13:20Z",
)


def test_a_record_reads_back() -> None:
    """What was written is what is read."""
    assert load(dump(RECORD)) == RECORD


@pytest.mark.parametrize(
    "change",
    [
        {"tree": "../../etc"},
        {"digest": "x"},
        {"format": 2},
        {"files": [{"name": "../a", "sha256": "2" * 64, "size_bytes": 3}]},
        {"files": [{"name": "a", "sha256": "2" * 64, "size_bytes": "3"}]},
        {"files": [{"name": "a"}]},
        {"files": 3},
        {"origin": None},
        {"moving": "no"},
        {"moving": None},
        {"removed": 0},
        {"commit": 7},
        {"commit": ["abc"]},
        {"further": 1},
    ],
)
def test_a_record_that_was_tampered_with_is_refused(change: dict[str, object]) -> None:
    """No name from a record can lead out of the store, and no field has another type than it should."""
    with pytest.raises(ValueError, match=r".+"):
        load(json.dumps({**json.loads(dump(RECORD)), **change}).encode())


@pytest.mark.parametrize("opening", [b"[", b'{"files":', b'{"files":['])
def test_a_record_nested_too_deep_is_refused(opening: bytes) -> None:
    """Text that would exhaust the parser's stack is refused like any other rubbish."""
    with pytest.raises(ValueError, match="not a record"):
        load(opening * 100_000)


@given(st.binary())
def test_rubbish_is_no_record(rubbish: bytes) -> None:
    """Any bytes are refused with ValueError, never with something else."""
    with pytest.raises(ValueError, match=r".*"):
        load(rubbish)


def test_only_a_moving_name_has_a_note() -> None:
    """The note of a moving name says what it meant and when."""
    assert RECORD.note == ""
    moving = replace(RECORD, revision="master", moving=True, commit="abc")
    assert "moving name: on 2023-11-14T22:13:20Z it meant digest 000000000000 (commit abc)" in moving.note
