"""``segue detect``: its options. What it does with a real model is in tests/e2e."""

from pathlib import Path

import pytest
from click import Context
from click.testing import CliRunner

from segue.edges.batch.command import detect
from segue.errors import InvalidParameter


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no PATH"),
        (["x", "--resume"], "--resume needs --out"),
        (["x", "--probabilities"], "table cannot hold --probabilities"),
        (["x", "--probabilities", "-f", "rttm"], "rttm cannot hold --probabilities"),
        (["x", "--set", "max_end_silence_time"], "NAME=VALUE"),
        (["x", "--set", "=5"], "NAME=VALUE"),
        (["x", "--set", "mode=dynamic"], "--mode dynamic"),
        (["x", "--format", "xml"], "xml"),
        (["x", "--channels", "left"], "left"),
        (["x", "--jobs", "0"], "0"),
        (["x", "--nonsense"], "--nonsense"),
    ],
)
def test_options_that_make_no_sense_are_usage_errors(arguments: list[str], message: str) -> None:
    """Each wrong command line ends with status 2 and says what was wrong, before any model is looked for."""
    finished = CliRunner().invoke(detect, arguments)
    assert finished.exit_code == 2
    assert message in finished.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x", "--mode", "odd"], "mode='odd'"),
        (["x", "--set", "nonsense=5"], "nonsense"),
        (["x", "--set", "max_end_silence_time=soon"], "soon"),
        (["-", "-"], "twice"),
    ],
)
def test_parameters_are_checked_before_the_model_is_loaded(arguments: list[str], message: str) -> None:
    """An unknown parameter, value or mode is refused in the words of the layer that knows them."""
    finished = CliRunner().invoke(detect, arguments)
    assert isinstance(finished.exception, InvalidParameter)
    assert message in str(finished.exception)


def test_out_onto_a_file_is_a_usage_error(tmp_path: Path) -> None:
    """--out wants a directory, and says so before any model is loaded."""
    (tmp_path / "x.json").touch()
    finished = CliRunner().invoke(detect, ["x", "--out", str(tmp_path / "x.json")])
    assert finished.exit_code == 2
    assert "x.json is a file; --out wants a directory" in finished.output


def test_every_option_stands_in_the_help_once() -> None:
    """The help's sections leave no option out and show none twice; it names the parameters and has examples."""
    text = CliRunner().invoke(detect, ["--help"], prog_name="segue detect").output
    for parameter in detect.get_params(Context(detect)):
        if parameter.param_type_name == "option":
            option = parameter.opts[-1]
            assert text.count(f"  {option} ") + text.count(f", {option} ") + text.count(f"  {option}\n") >= 1, option
    for part in ("Input:", "Model and decisions:", "Output:", "Running:", "Examples:", "max_end_silence_time", "Exit"):
        assert part in text
