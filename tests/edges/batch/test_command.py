"""``segue detect``: its options. What it does with a real model is in tests/e2e."""

import json
import socket
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click import Context
from click.testing import CliRunner

from segue.edges.batch.command import detect
from segue.errors import InvalidParameter, ServerUnreachable
from tests.edges.batch.contract import Contract


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
        (["x", "--set", "preset=noisy"], "--preset noisy"),
        (["x", "--format", "xml"], "xml"),
        (["x", "--channels", "left"], "left"),
        (["x", "--jobs", "0"], "0"),
        (["x", "--nonsense"], "--nonsense"),
        (["x", "--one-version"], "--one-version needs --server URL"),
        (["x", "--server", ""], "--server is empty"),
        (["x", "--server", "host:1", "--model", "owner/name"], "segue switch owner/name --server host:1"),
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
        (["x", "--mode", "odd"], "mode='odd' (--mode): one of classic, dynamic, tight"),
        (["x", "--preset", "odd"], "preset='odd' (--preset): one of "),
        (["x", "--mode", "tight", "--set", "max_end_silence_time=5"], "(--set) decides nothing in mode tight"),
        (
            ["x", "--mode", "classic", "--set", "threshold=0.5"],
            "(--set) decides nothing in mode classic, only in tight",
        ),
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


def test_without_a_server_it_ends_at_once(tmp_path: Path) -> None:
    """A service that is not there is one clear error before any input is looked into; an address that is none, too."""
    with socket.socket() as closed:  # bound and not listening: a connection is refused
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        finished = CliRunner().invoke(detect, ["x", "--server", url, "--out", str(tmp_path / "out")])
    assert isinstance(finished.exception, ServerUnreachable)
    assert url in str(finished.exception)
    assert not (tmp_path / "out").exists()
    assert isinstance(CliRunner().invoke(detect, ["x", "--server", "ftp://x"]).exception, InvalidParameter)


def test_through_a_service(tmp_path: Path) -> None:
    """With --server the results are the service's, asked for what was asked here."""
    samples = np.zeros(64_000, dtype=np.float32)
    samples[16_000:32_000] = 0.5
    soundfile.write(tmp_path / "clip.wav", samples, 16_000)
    with Contract().running() as service:
        asked = ["--mode", "dynamic", "--set", "window_size_ms=300", "--one-version", "--server", service.url]
        finished = CliRunner().invoke(detect, [str(tmp_path / "clip.wav"), "-f", "jsonl", *asked])
    assert finished.exit_code == 0
    found = json.loads(finished.stdout)
    assert found["model"]["version"] == "v1"
    assert found["mode"] == "dynamic"
    assert len(found["segments"]) == 1
    *_, last = service.asked
    assert (last.query["window_size_ms"], last.headers["x-segue-version"]) == ("300", "v1")


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
    for part in (
        "Input:",
        "Model and decisions:",
        "Output:",
        "Running:",
        "Through a running service:",
        "Examples:",
        "max_end_silence_time",
        "Exit",
    ):
        assert part in text
