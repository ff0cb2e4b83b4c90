"""Which model is meant."""

from pathlib import Path
from typing import Any

import click
import pytest

from segue.edges.control.wanted import wanted
from segue.errors import InvalidModelID


def test_an_id_with_and_without_a_revision() -> None:
    """ID, ID@REVISION and an alias go as they are: what they mean, the service decides."""
    assert wanted("x/y", parameters=(), mode=None) == {"model_id": "x/y", "revision": None, "options": {}}
    assert wanted("x/y@v2", parameters=(), mode=None)["revision"] == "v2"
    assert wanted("fsmn-vad", parameters=(), mode=None)["model_id"] == "fsmn-vad"


def test_a_model_of_a_hub_is_never_a_path() -> None:
    """A revision on Hugging Face may hold slashes; every spelling goes as the one ID."""
    body = wanted("hf://funasr/fsmn-vad@refs/pr/1", parameters=(), mode=None)
    assert (body["model_id"], body["revision"]) == ("hf:funasr/fsmn-vad", "refs/pr/1")


@pytest.mark.parametrize("given", ["mine", "./mine", "sub/../mine", "~/mine", "{here}/mine"])
def test_a_directory_goes_by_its_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """The service has another working directory, and another home."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    body = wanted(given.format(here=tmp_path), parameters=(), mode=None)
    assert (body["model_id"], body["revision"]) == (str(tmp_path / "mine"), None)


def test_a_directory_that_is_not_here_may_be_where_the_service_is() -> None:
    """What looks like a path is one."""
    assert wanted("/models/of/theirs", parameters=(), mode=None)["model_id"] == "/models/of/theirs"


def test_a_directory_with_the_name_of_an_alias_is_not_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in segue detect: a name of the catalogue always means the catalogue's model."""
    (tmp_path / "fsmn-vad").mkdir()
    monkeypatch.chdir(tmp_path)
    assert wanted("fsmn-vad", parameters=(), mode=None)["model_id"] == "fsmn-vad"
    assert wanted("./fsmn-vad", parameters=(), mode=None)["model_id"] == str(tmp_path / "fsmn-vad")


@pytest.mark.parametrize("given", ["a b", "x/y@", "x/..", "..@v1x/", "", "x/y@../z"])
def test_what_can_be_no_model_is_refused_here(given: str) -> None:
    """Before anybody is asked, in the words of the hub."""
    try:
        body = wanted(given, parameters=(), mode=None)
    except InvalidModelID:
        return
    assert body["model_id"].startswith("/")  # a path, for the service to refuse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500", 500),
        ("-1", -1),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        ("true", True),
        ("false", False),
        *((text, text) for text in ("a=b", "nan", "inf", "10:2000,20:1000", "0x10", "1_000")),
    ],
)
def test_a_value_is_a_number_where_it_is_one(text: str, value: Any) -> None:
    """Numbers and truths go as such, for the name of a version is made of them; all else is text."""
    options = wanted("x/y", parameters=(f"name={text}",), mode="dynamic")["options"]
    assert options == {"name": value, "mode": "dynamic"}
    assert type(options["name"]) is type(value)


@pytest.mark.parametrize(("isolate", "options"), [(True, {"isolate": True}), (False, {"isolate": False}), (None, {})])
def test_where_it_runs_is_an_option_of_the_version(isolate: bool | None, options: dict[str, bool]) -> None:
    """Left out, the service decides."""
    assert wanted("x/y", parameters=(), mode=None, isolate=isolate)["options"] == options


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (("x",), "--set x: write NAME=VALUE"),
        (("=5",), "NAME=VALUE"),
        (("x=",), "NAME=VALUE"),
        (("mode=dynamic",), "write --mode dynamic"),
        (("preset=noisy",), "write --preset noisy"),
        (("isolate=true",), "write --isolate or --no-isolate"),
        (("x=1", "x=2"), "x is given twice"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_a_usage_error(parameters: tuple[str, ...], message: str) -> None:
    """Each says what to write."""
    with pytest.raises(click.UsageError, match=message):
        wanted("x/y", parameters=parameters, mode=None)
