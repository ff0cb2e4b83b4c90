"""Plans in the words of people, and what cannot be one."""

import json
from dataclasses import fields
from typing import Any

import pytest

from segue.errors import InvalidPlan
from segue.swap import Plan, plan_of, seconds_of


@pytest.mark.parametrize(
    ("given", "plan"),
    [
        ({}, Plan()),
        ({"canary": "1,10,50"}, Plan(canary=(0.01, 0.1, 0.5))),
        ({"canary": [5, "25%"]}, Plan(canary=(0.05, 0.25))),
        ({"canary": 100}, Plan(canary=(1.0,))),
        ({"canary": ""}, Plan(canary=())),
        ({"shadow": 20, "max_disagreement": "5%"}, Plan(shadow=0.2, max_disagreement=0.05)),
        ({"bake": "60s", "step": "2 m"}, Plan(bake_s=60, step_s=120)),
        ({"bake": "1.5h", "step": 10}, Plan(bake_s=5400, step_s=10)),
        ({"auto": "false", "min_requests": "7"}, Plan(auto=False, min_requests=7)),
        (
            {"golden": "/clips", "webhook": "https://x/y", "keep": 3},
            Plan(golden="/clips", webhook="https://x/y", keep=3),
        ),
    ],
)
def test_what_people_write_is_a_plan(given: dict[str, Any], plan: Plan) -> None:
    """Percent, seconds or a unit, lists or text with commas: from a file, a request or a command line."""
    assert plan_of(given) == plan


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"canary": "10,1"}, r"canary=10,1: the shares must rise, such as 1,10,50"),
        ({"canary": "1,1"}, r"must rise"),
        ({"canary": "1,101"}, r"canary=101: percent from 0 to 100"),
        ({"canary": "0"}, r"a share over 0 is wanted"),
        ({"canary": "a few"}, r"canary='a few': a number is wanted"),
        ({"canary": True}, r"canary=True: a number is wanted"),
        ({"shadow": -1}, r"shadow=-1: percent from 0 to 100"),
        ({"shadow": float("nan")}, r"shadow=nan: a number is wanted"),
        ({"bake": "-5s"}, r"bake_s=-5.0: from 0 to 2.592e\+06"),
        ({"bake": "soon"}, r"bake='soon': seconds, or a number with s, m, h or d"),
        ({"step": "1 year"}, r"step='1 year'"),
        ({"min_requests": 0}, r"min_requests=0: from 1 to 1e\+06"),
        ({"min_requests": 1.5}, r"min_requests=1.5: a whole number is wanted"),
        ({"in_a_row": 0}, r"in_a_row=0: from 1"),
        ({"auto": "maybe"}, r"auto='maybe': true or false is wanted"),
        ({"margin_latency": 0.5}, r"margin of latency 0.5"),
        ({"margin_failures": 2}, r"margin of failures 2"),
        ({"webhook": "ftp://x"}, r"webhook='ftp://x': an http:// or https:// address is wanted"),
        ({"golden": 3}, r"golden=3: a text is wanted"),
        ({"canary": [0.001 * number for number in range(1, 200)]}, r"canary: 199 shares; at most 100"),
        ({"webhook": "http://"}, r"webhook='http://': an http:// or https:// address"),
        ({"webhook": "http://[::1"}, r"webhook="),
        ({"webhook": "http://x:99999/"}, r"webhook="),
        ({"webhook": "http://x/\r\nHost: y"}, r"webhook="),
        ({"webhook": "http://" + 10_000 * "\ud800"}, r"webhook='.{1,80}: an http"),
        ({"shadow": 10**5000}, r"^shadow=0x.{1,80}: a number is wanted"),
        ({"bake": 10_000 * "x"}, r"^bake='.{1,80}: seconds, or"),
        ({"canary": "1," + 5000 * "9"}, r"^canary='?9.{1,80}: "),
        ({10_000 * "x": 1}, r"^'x{1,70}… is not part of a plan"),
        ({"gates": {"f1": 0.9}}, r"'gates' is not part of a plan; it has shadow, canary,"),
    ],
)
def test_what_is_no_plan_is_refused_on_one_line(given: dict[str, Any], said: str) -> None:
    """It says what was given and what is accepted."""
    with pytest.raises(InvalidPlan, match=said) as caught:
        plan_of(given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "seconds"), [(5, 5.0), ("5", 5.0), ("1.5 m", 90.0), ("2H", 7200.0), ("1d", 86_400.0)]
)
def test_times_have_units(given: object, seconds: float) -> None:
    """Seconds without one."""
    assert seconds_of("every", given) == seconds


def test_every_part_of_a_plan_has_a_word() -> None:
    """What is new in a plan can be asked for."""
    with pytest.raises(InvalidPlan) as caught:
        plan_of({"colour": 1})
    words = str(caught.value).partition("it has ")[2].split(", ")
    assert [f"{word}_s" if word in ("step", "bake") else word for word in words] == [each.name for each in fields(Plan)]


def test_a_plan_survives_the_journal() -> None:
    """As JSON and back, it is the same."""
    plan = plan_of({"shadow": 20, "canary": "1,2", "bake": "9s", "max_disagreement": 3})
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    assert plan_of(json.loads(json.dumps(plan.in_words()))) == plan
    assert plan_of(Plan().in_words()) == Plan()
    with pytest.raises(InvalidPlan, match="unknown in a plan: colour"):
        Plan.from_json({"colour": 1})
