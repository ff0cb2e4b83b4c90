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
        (["x", "--cut", ""], "--cut is empty"),
        (["x", "--cut", __file__], "is a file; --cut wants a directory"),
        (["x", "--plot", __file__], "is a file; --plot wants a directory"),
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


def loud(path: Path, *, at_s: int = 1) -> str:
    samples = np.zeros(64_000, dtype=np.float32)
    samples[16_000 * at_s : 16_000 * (at_s + 1)] = 0.5
    soundfile.write(path, samples, 16_000)
    return str(path)


def test_clips_and_pictures_through_a_service(tmp_path: Path) -> None:
    """With --server the segments are the service's, cut and drawn here; several at once; results beside them."""
    files = [loud(tmp_path / f"{n}.wav", at_s=n % 3) for n in range(6)]
    out = str(tmp_path / "out")
    with Contract().running() as service:
        given = [*files, "--server", service.url, "--cut", out, "--plot", out, "--out", out, "-f", "json", "--resume"]
        for asked in (6, 6):  # recordings sent: none the second time
            finished = CliRunner().invoke(detect, given)
            assert finished.exit_code == 0
            assert finished.output == ""
            assert len([each for each in service.asked if each.path == "/v1/detect"]) == asked
    lines = [json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()]
    assert [line["source"] for line in lines] == files
    assert {line["model"]["version"] for line in lines} == {"v1"}
    for n in range(6):
        (result,) = json.loads((tmp_path / "out" / f"{n}.wav.json").read_text())
        assert "probabilities" not in result
        assert {key: lines[n][key] for key in ("start_ms", "end_ms")} == result["segments"][0]
        assert (tmp_path / "out" / lines[n]["audio_filepath"]).is_file()
        assert (tmp_path / "out" / f"{n}.png").is_file()


def test_a_pipe_is_cut_and_drawn_too(tmp_path: Path) -> None:
    """Standard input can be read once, and is detected, cut and drawn all the same."""
    data = Path(loud(tmp_path / "x.wav")).read_bytes()
    with Contract().running() as service:
        given = ["-", "--server", service.url, "--cut", str(tmp_path), "--plot", str(tmp_path), "-f", "jsonl"]
        finished = CliRunner().invoke(detect, given, input=data)
    assert finished.exit_code == 0
    assert json.loads(finished.stdout)["segments"]
    assert json.loads((tmp_path / "manifest.jsonl").read_text())["source"] == "-"
    assert (tmp_path / "stdin.png").is_file()


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
