"""Specs, their digests, and their names."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.errors import InvalidParameter
from segue.swap.spec import ModelSpec, Options, Resolved

SHA = "6cadc83c4c1cbafc4132ead3c9c10310a62557d74a5fb55fea2e369d46b0e2de"
values = st.one_of(st.text(), st.integers(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False))
options = st.dictionaries(st.text(), values, max_size=4)


def test_a_name_is_readable_and_fixed() -> None:
    """A name shows the first digits of the digest, and of the options' if there are any; this one may never change."""
    assert Resolved(ModelSpec("iic/vad"), SHA).version == "v6cadc83c"
    assert Resolved(ModelSpec("iic/vad", "v2", {"mode": "tight"}), SHA).version == "v6cadc83c-ddbecc"


def test_a_digest_may_be_any_text() -> None:
    """A digest that is no SHA-256 is hashed, so that the name keeps its form."""
    assert Resolved(ModelSpec("mine"), "build 7").version == "vd1fdb5a4"


@given(options, st.text(min_size=1), st.text(min_size=1))
def test_a_name_depends_on_content_and_options_only(chosen: dict[str, str], one: str, other: str) -> None:
    """The same digest and options have the same name, whatever the ID and revision, and in whatever order they came."""
    turned = dict(reversed(chosen.items()))
    first = Resolved(ModelSpec(one, "v1", chosen), SHA, payload=1)
    second = Resolved(ModelSpec(other, None, turned), SHA, payload=2)
    assert first.version == second.version
    assert first.is_same_as(second)


@given(options, options)
def test_options_are_equal_when_their_text_is(one: dict[str, float], other: dict[str, float]) -> None:
    """Equal options have equal texts, hashes and names; different ones differ in name."""
    same = Options(one) == Options(other)
    assert same == (Options(one).text == Options(other).text)
    assert same == (Resolved(ModelSpec("m", None, one), SHA).is_same_as(Resolved(ModelSpec("m", None, other), SHA)))
    if same:
        assert hash(Options(one)) == hash(Options(other))


def test_800_and_800_0_are_one_option() -> None:
    """A whole float is the same option as the integer; True is not 1."""
    assert Options({"ms": 800.0}) == Options({"ms": 800})
    assert Options({"ms": True}) != Options({"ms": 1})


def test_options_are_frozen() -> None:
    """What a spec was made of can change later: the spec does not; and it can be hashed, compared and pickled."""
    mutable = {"mode": "tight"}
    spec = ModelSpec("m", None, mutable)
    mutable["mode"] = "classic"
    assert spec.options == Options({"mode": "tight"})
    assert spec == pickle.loads(pickle.dumps(spec))
    assert len({spec, ModelSpec("m", None, {"mode": "tight"})}) == 1
    assert str(ModelSpec("m", "v2", {"mode": "tight"})) == "m@v2 mode=tight"


@pytest.mark.parametrize("wrong", [{"a": float("nan")}, {"a": float("inf")}, {"a": None}, {"a": [1]}, {1: "a"}])
def test_options_that_are_none(wrong: dict[str, float]) -> None:
    """Values that have no one text are refused, by name."""
    with pytest.raises(InvalidParameter, match="option"):
        ModelSpec("m", None, wrong)
