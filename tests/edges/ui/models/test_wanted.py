"""What is filled in, as the service is asked for it."""

import pytest

from segue.edges.ui.models.wanted import options_of, percent_of, plan_of, text_of, wanted_of
from segue.errors import InvalidModelID, InvalidParameter, InvalidPlan
from segue.swap import ModelSpec, VersionId
from segue.swap.plan import plan_of as read_plan


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"version": " v1 "}, VersionId("v1")),
        ({"model": "fsmn-vad"}, ModelSpec("fsmn-vad")),
        ({"model": " me/one@v2 "}, ModelSpec("me/one", "v2")),
        ({"model": "me/one", "revision": "v2"}, ModelSpec("me/one", "v2")),
        ({"model": "me/one@v2", "revision": "v2"}, ModelSpec("me/one", "v2")),
        ({"model": "hf:me/one"}, ModelSpec("hf:me/one")),
        ({"model": "/models/a b@c"}, ModelSpec("/models/a b@c")),
        ({"model": "me/one", "options": "mode=tight"}, ModelSpec("me/one", None, {"mode": "tight"})),
    ],
)
def test_a_model_or_a_version_is_named(said: dict[str, object], expected: ModelSpec | VersionId) -> None:
    """As one would name it anywhere: ID, ID@REVISION, alias, directory."""
    assert wanted_of(said) == expected


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({}, InvalidModelID),
        ({"model": "me/one@v1", "revision": "v2"}, InvalidModelID),
        ({"model": "a b"}, InvalidModelID),
        ({"model": 7}, InvalidParameter),
        ({"model": "x" * 1001}, InvalidParameter),
    ],
)
def test_what_can_be_no_model_is_refused(said: dict[str, object], error: type[Exception]) -> None:
    """In one line that says what is accepted."""
    with pytest.raises(error) as caught:
        wanted_of(said)
    assert "\n" not in str(caught.value)


def test_options_are_numbers_and_truths_where_they_are() -> None:
    """Between them blanks or commas of either language; the name of a version is made of them."""
    given = "a=500, b=0.5，isolate=true  mode=tight;c=1_000 d=nan"
    expected = {"a": 500, "b": 0.5, "isolate": True, "mode": "tight", "c": "1_000", "d": "nan"}
    assert options_of(given) == expected
    assert options_of("") == {}


@pytest.mark.parametrize("text", ["a", "=1", "a=", "a=1 a=2"])
def test_options_that_are_none_are_refused(text: str) -> None:
    """Naming the one that is at fault."""
    with pytest.raises(InvalidParameter, match=r"^option .*a|NAME=VALUE"):
        options_of(text)


@pytest.mark.parametrize(
    ("share", "steps", "canary"),
    [
        ("1", "1, 10, 50", [1, 10, 50]),
        ("20", "1, 10, 50", [20, 50]),
        ("0", "10，50 %", [10, 50]),
        ("0", "", []),
        ("100", "1,10,50", [100]),
        ("5", "", [5]),
    ],
)
def test_the_canary_begins_where_the_slider_is(share: str, steps: str, canary: list[float]) -> None:
    """Smaller steps are left out; nothing at all is no canary."""
    plan = plan_of({"share": share, "steps": steps, "auto": True})
    assert plan == {"canary": canary, "auto": True}
    assert list(read_plan(plan).canary) == [percent / 100 for percent in canary]


def test_the_rest_of_a_plan_is_passed_on_as_it_was_given() -> None:
    """What is empty is the service's; what is wrong is refused by the plan, which names what is accepted."""
    plan = plan_of({"shadow": "20", "step": "90s", "bake": "", "keep": "3", "golden": "/srv/golden", "auto": False})
    assert plan == {"shadow": "20", "step": "90s", "keep": "3", "golden": "/srv/golden", "canary": [], "auto": False}
    assert read_plan(plan).shadow == 0.2
    with pytest.raises(InvalidPlan, match="step"):
        read_plan(plan_of({"step": "soon"}))


@pytest.mark.parametrize("percent", ["-1", "101", "nan", "half", ""])
def test_a_share_is_from_0_to_100(percent: str) -> None:
    """Anything else is refused, naming what is accepted."""
    with pytest.raises(InvalidParameter, match="percent from 0 to 100"):
        percent_of({"percent": percent})


def test_a_field_that_is_not_there_is_empty() -> None:
    """And blanks around one are nobody's wish."""
    assert text_of({}, "why") == ""
    assert text_of({"why": " so "}, "why") == "so"
