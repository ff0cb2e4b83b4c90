"""The plan of a rollout, from a file and options."""

import json
from pathlib import Path

import click
import pytest

from segue.edges.control.plan import options_of_a_plan, plan_of
from segue.swap import plan_of as plan_in_words


def test_options_go_over_the_file(tmp_path: Path) -> None:
    """What was not given is the file's, or nobody's."""
    path = tmp_path / "plan.toml"
    path.write_text('canary = [5, 25]\nbake = "20m"\n', encoding="utf-8")
    assert plan_of(str(path), {"bake": "1h", "keep": None}) == {"canary": [5, 25], "bake": "1h"}
    assert plan_of(None, {"auto": False, "step": None}) == {"auto": False}


@pytest.mark.parametrize("path", [None, "plan.json"])
def test_golden_clips_are_named_where_they_are(
    path: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a file or an option: the service has another working directory."""
    monkeypatch.chdir(tmp_path)
    Path("plan.json").write_text(json.dumps({"golden": "labelled"}), encoding="utf-8")
    assert plan_of(path, {} if path else {"golden": "labelled"}) == {"golden": str(tmp_path / "labelled")}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1]", "a table of names and values"),
        ("{", "--plan plan.json: "),
        ('{"shadow": NaN}', "--plan plan.json: Out of range float"),
        ('{"shadow": 1e999}', "--plan plan.json: Out of range float"),
        (100_000 * "[", "--plan plan.json: maximum recursion depth"),
    ],
)
def test_a_file_that_is_no_plan_is_a_usage_error(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line, with the file's name."""
    monkeypatch.chdir(tmp_path)
    Path("plan.json").write_text(text, encoding="utf-8")
    with pytest.raises(click.UsageError, match=said):
        plan_of("plan.json", {})


def test_a_date_is_no_part_of_a_plan(tmp_path: Path) -> None:
    """TOML has them, JSON has not."""
    path = tmp_path / "plan.toml"
    path.write_text("bake = 2026-01-01", encoding="utf-8")
    with pytest.raises(click.UsageError, match="Object of type date is not JSON"):
        plan_of(str(path), {})


def test_each_option_is_a_word_of_a_plan() -> None:
    """What the command line offers, a plan has."""
    command = options_of_a_plan(click.command()(lambda **_: None))
    values = {"canary": "1", "golden": "/clips", "webhook": "https://x/y", "step": "1s", "bake": "1s"}
    for option in command.params:
        assert option.name
        plan_in_words({option.name: values.get(option.name, "1")})
