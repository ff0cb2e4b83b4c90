"""``segue rollout`` and ``segue canary``, against a real service."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from segue.errors import ServerRefused
from segue.swap import ModelSpec
from tests.edges.control.standin import lines, run
from tests.edges.http.service import LoudService, answering, loud_service, model


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoudService]:
    """A service that serves a first model; the commands find it by their settings."""
    with loud_service(tmp_path / "home") as service, answering(service) as address:
        monkeypatch.setenv("SEGUE_SERVER", address.url)
        monkeypatch.setenv("SEGUE_TOKEN", service.token)
        service.switch(ModelSpec(str(model(tmp_path, "first"))), who="test").future.result(30)
        service.start()
        yield service


@pytest.fixture
def second(tmp_path: Path) -> str:
    return str(model(tmp_path, "second"))


def begin(second: str, *options: str) -> Result:
    finished = run("rollout", second, *options)
    assert finished.return_value == 0, finished.output
    return finished


def test_a_rollout_is_begun_shown_and_led_by_hand(service: LoudService, second: str) -> None:
    """Its model in place of a command begins one; the others are words to it."""
    shown = lines(begin(second, "--canary", "10,50", "--step", "1h", "--why", "better"))
    report = service.rollouts.report()
    assert shown[0].startswith(f"rollout {report.id}: {report.version} beside {report.instead}: canary 10%, for ")
    assert shown[1].startswith("  waits for 3600 s, 50 more requests, more evidence")
    assert shown[2].startswith("  not enough yet: failed 0 of 0 (0 %) on trial")
    assert shown[3].endswith("  canary 10%: better; it is ready")
    assert report.why == "better"
    assert lines(run("canary", "25"))[0].startswith(f"rollout {report.id}: {report.version} beside")
    assert service.rollouts.report().share == 0.25
    assert "canary 25%, paused" in lines(run("rollout", "status"))[0]
    assert ", paused" not in lines(run("rollout", "resume"))[0]
    assert ", paused" in lines(run("rollout", "pause"))[0]
    assert "bake" in lines(run("rollout", "promote", report.id))[0]
    assert f"rollout {report.id}: {report.version} after {report.instead}: bake" in run("status").stdout
    assert "aborted by" in lines(run("rollout", "abort", "--why", "enough"))[1]
    assert service.board.route is not None
    assert service.board.route.primary == report.instead


def test_options_may_stand_before_the_model(service: LoudService, second: str) -> None:
    """And a version may be named; JSON is the report with what the copies have shown."""
    finished = run("rollout", "--shadow", "50", "--json", second)
    said = json.loads(finished.stdout)
    assert (said["phase"], said["plan"]["shadow"], said["mirror"]["compared"]) == ("shadow", 50.0, 0)
    run("rollout", "abort")
    again = json.loads(run("rollout", "--version", said["version"], "--json").stdout)
    assert again["version"] == said["version"]
    assert service.rollouts.report().id == again["id"]


@pytest.mark.parametrize("kind", ["toml", "json"])
def test_a_plan_may_be_a_file_and_options_go_over_it(
    service: LoudService, second: str, tmp_path: Path, kind: str
) -> None:
    """The same names, in TOML or JSON."""
    plan = tmp_path / f"plan.{kind}"
    texts = {"toml": 'canary = [5, 25]\nbake = "20m"\nmin_requests = 7\n'}
    texts["json"] = '{"canary": [5, 25], "bake": "20m", "min_requests": 7}'
    plan.write_text(texts[kind], encoding="utf-8")
    begin(second, "--plan", str(plan), "--min-requests", "9", "--manual")
    known = service.rollouts.report().plan
    assert (known["canary"], known["bake"], known["min_requests"], known["auto"]) == ([5, 25], 1200.0, 9, False)


def test_who_waits_is_told_of_each_step_and_of_the_end(service: LoudService, second: str) -> None:
    """A plan without a trial, and a moment of bake time: status 0."""
    finished = run("rollout", second, "--canary", "", "--bake", "0.3s", "--wait")
    assert finished.return_value == 0
    assert "bake: the plan has no trial" in finished.stderr
    assert ": done, for " in finished.stdout
    assert service.rollouts.report().phase == "done"


def test_who_waits_for_what_is_taken_back_leaves_with_3(service: LoudService, second: str) -> None:
    """The reason is on standard output."""
    begun = json.loads(run("rollout", second, "--shadow", "100", "--json").stdout)
    service.rollouts.alarm(begun["version"], "its memory is over the budget")
    finished = run("rollout", "status", "--watch")
    assert finished.return_value == 3
    assert "its memory is over the budget" in finished.stdout


def test_who_waits_for_what_is_aborted_leaves_with_1(service: LoudService, second: str) -> None:
    """Somebody else ended it."""
    begin(second)
    service.rollouts.abort(None, who="bob")
    assert run("rollout", "status", "--watch").return_value == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rollout", "begin"], "name either MODEL_ID or --version"),
        (["rollout", "--version", "v1", "--mode", "tight"], "go with MODEL_ID"),
        (["rollout", "x/y", "--plan", "/nowhere.toml"], "--plan /nowhere.toml: No such file"),
        (["rollout", "--json", "status"], "status is a command of segue rollout: write it first"),
        (["rollout", "begin", "abort"], "a directory is ./abort"),
        (["canary", "101"], "101"),
        (["canary", "nan"], "a number from 0 to 100"),
        (["canary", "much"], "much"),
    ],
)
def test_what_is_wrong_on_the_command_line(arguments: list[str], said: str) -> None:
    """Before anybody is asked."""
    finished = run(*arguments)
    assert finished.exit_code != 0
    assert said in str(finished.exception)


def test_a_plan_that_is_none_and_a_word_to_nothing(service: LoudService, second: str, tmp_path: Path) -> None:
    """The service says what is wrong, on one line."""
    plan: Any = tmp_path / "plan.json"
    plan.write_text("[1]", encoding="utf-8")
    assert "a table of names and values is wanted" in str(run("rollout", second, "--plan", str(plan)).exception)
    for arguments, code in (
        (["rollout", second, "--canary", "9,1"], "invalid_plan"),
        (["rollout", "pause"], "unknown_rollout"),
    ):
        error = run(*arguments).exception
        assert isinstance(error, ServerRefused)
        assert error.code == code
    assert service.rollouts.reports() == []


def test_debug_may_stand_before_the_model(service: LoudService, second: str) -> None:
    """As it may stand after it."""
    assert run("rollout", "--debug", second, "--step", "1h").return_value == 0
    assert service.rollouts.report().phase == "canary"
