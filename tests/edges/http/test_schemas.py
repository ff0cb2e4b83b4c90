"""The bodies of requests, checked strictly."""

import pytest
from pydantic import ValidationError

from segue.edges.http.schemas import Deadline, Page, Prepare, Reason, Strict, Switch, SwitchWaiting, Waiting

REQUESTS: list[type[Strict]] = [Deadline, Page, Prepare, Reason, Switch, SwitchWaiting, Waiting]


@pytest.mark.parametrize("model", REQUESTS)
def test_what_is_not_known_is_refused_with_what_is(model: type[Strict]) -> None:
    """A misspelt name is never ignored: the message has it, and all names that there are."""
    with pytest.raises(ValidationError) as refused:
        model.model_validate({"nonsense": 1})
    message = refused.value.errors()[0]["msg"]
    assert message.startswith("nonsense: there is none of that name; there are ")
    assert all(name in message for name in model.model_fields)


def test_a_switch_is_to_a_model_or_to_a_version() -> None:
    """One of the two, and with a version neither revision nor options, which it has already."""
    assert Switch.model_validate({"version": "v1"}).version == "v1"
    assert Switch.model_validate({"model_id": "a/b", "options": {"mode": "dynamic"}}).options == {"mode": "dynamic"}
    wrong: list[dict[str, object]] = [
        {},
        {"model_id": "a/b", "version": "v1"},
        {"version": "v1", "revision": "v2"},
        {"version": "v1", "options": {"mode": "dynamic"}},
    ]
    for body in wrong:
        with pytest.raises(ValidationError, match=r"give (model_id|it alone)"):
            Switch.model_validate(body)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, [], {}])
def test_options_are_texts_numbers_and_flags(value: object) -> None:
    """Nothing else is an option, and no number that is none."""
    with pytest.raises(ValidationError, match="a text, a finite number, true or false is wanted"):
        Prepare.model_validate({"model_id": "a/b", "options": {"x": value}})


def test_a_query_has_its_defaults() -> None:
    """What is left out is as the documentation says."""
    assert Waiting.model_validate({}) == Waiting(wait=True)
    assert SwitchWaiting.model_validate({}) == SwitchWaiting(wait=True, queue=False, abort_rollout=False)
    assert Page.model_validate({"limit": "5"}) == Page(limit=5, before=None)
    assert Deadline.model_validate({}).deadline_s == 30
