"""``segue tune``, on speech that was made for it and on real speech."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

import segue
from segue.speech.rules import Rules
from tests.edges.eval.conftest import Ended, Run

TRIALS = ("--trials", "20")


def told(result: Ended, status: int = 0) -> dict[str, Any]:
    assert result.status == status, result
    said: dict[str, Any] = json.loads(result.stdout, parse_constant=pytest.fail)
    return said


def test_held_out_beside_default_and_training(run: Run, labelled: Path) -> None:
    """The three figures stand beside each other, and in words whether tuning pays; by seed the same."""
    asked = ("tune", labelled / "clips", "--reference", labelled / "labels", *TRIALS)
    said = told(run(*asked, "--json"))
    usual = told(run("eval", labelled / "clips", "--reference", labelled / "labels", "--json"))
    assert said["given"] == usual["total"]
    assert said["given"]["f1"] < said["held_out"]["f1"] <= said["training"]["f1"] + 0.01
    assert said["differences"]["f1"]["second"] == said["held_out"]["f1"]
    assert (len(said["by_fold"]), said["errors"]) == (5, [])
    assert told(run(*asked, "--json")) == said
    text = run(*asked).stdout
    (row,) = (line for line in text.splitlines() if line.startswith("F1"))
    assert row.split()[1:] == [f"{said[name]['f1']:.3f}" for name in ("given", "held_out", "training")]
    assert "On recordings that it was not chosen on, F1 is +" in text


def test_what_is_printed_can_be_pasted(run: Run, labelled: Path, model_directory: Path) -> None:
    """The line for ``segue eval`` and the options as JSON give the figures that were promised."""
    asked = (labelled / "clips", "--reference", labelled / "labels")
    choice = ("--mode", "dynamic", "--set", "lookahead_time_end_point=60")
    said = told(run("tune", *asked, *choice, *TRIALS, "--json"))
    text = run("tune", *asked, *choice, *TRIALS).stdout
    (line,) = (line for line in text.splitlines() if line.startswith("segue detect …"))
    options = shlex.split(line.partition("…")[2])
    assert told(run("eval", *asked, *options, "--json"))["total"] == said["training"]
    (line,) = (line for line in text.splitlines() if line.startswith("options: "))
    pasted = json.loads(line.removeprefix("options: "))
    assert pasted == said["options"]
    assert (pasted["mode"], pasted["lookahead_time_end_point"]) == ("dynamic", 60)
    found = segue.load(model_directory, **pasted).rules
    assert {name: getattr(found, name) for name in said["changes"]} == said["changes"]
    assert f"segue switch {model_directory}" in text


def test_a_preset_is_where_it_begins(run: Run, labelled: Path) -> None:
    """Its values are what is given, and it stays in what is printed."""
    from segue.speech.presets import PRESETS

    name, preset = next((name, preset) for name, preset in PRESETS.items() if "classic" in preset.parameters)
    asked = ("tune", labelled / "clips", "--reference", labelled / "labels", "--preset", name, "--mode", "classic")
    said = told(run(*asked, *TRIALS, "--json"))
    assert said["preset"] == said["options"]["preset"] == name
    for parameter, value in preset.parameters["classic"].items():
        assert said["parameters"][parameter] == value


def test_nothing_to_gain_is_said(run: Run, labelled: Path) -> None:
    """With two trials nothing is found for certain, and nobody is told to change anything without a reason."""
    asked = ("tune", labelled / "clips", "--reference", labelled / "labels", "--mode", "tight", "--trials", "2")
    result = run(*asked)
    assert result.status == 0
    assert ("clearly better" in result.stdout) != ("no good reason to change anything" in result.stdout)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--folds", "1"), "1 is not in the range x>=2"),
        (("--folds", "99"), "99 folds: from 2 to the 12 recordings with speech"),
        (("--metric", "auc"), "'auc' is not one of 'f1', 'error'"),
        (("--set", "x=1"), "x (--set) is not a decision parameter"),
    ],
)
def test_a_wrong_command_line_is_one_line(run: Run, labelled: Path, arguments: tuple[str, ...], said: str) -> None:
    """What was given and what is accepted."""
    result = run("tune", labelled / "clips", "--reference", labelled / "labels", *arguments)
    assert (result.status, result.stdout) == (2, "")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_too_few_recordings_are_refused(run: Run, labelled: Path) -> None:
    """What nothing can be held out of is no ground to choose on."""
    result = run("tune", labelled / "clips" / "talk-1.flac", "--reference", labelled / "labels" / "talk-1.txt")
    assert (result.status, result.stdout) == (2, "")
    assert result.stderr.startswith("segue: error: 1 labelled recording with speech: tuning takes 10 or more")


def test_what_is_left_out_is_said(run: Run, labelled: Path, tmp_path: Path) -> None:
    """A broken recording costs itself: one line, the rest is tuned on, status 1."""
    for source in [*(labelled / "clips").iterdir(), *(labelled / "labels").iterdir()]:
        (tmp_path / source.name).symlink_to(source)
    (tmp_path / "talk-3.flac").unlink()
    (tmp_path / "talk-3.flac").write_bytes(b"no audio")
    result = run("tune", tmp_path, "--reference", tmp_path, "--trials", "2", "--json")
    said = told(result, status=1)
    assert result.stderr.count("\n") == 1
    assert "talk-3.flac: is not audio" in result.stderr
    assert [error["code"] for error in said["errors"]] == ["audio_undecodable"]
    assert said["given"]["duration_ms"] == 11 * 12_000


def test_on_real_speech(run: Run, shared_data: Path) -> None:
    """On TEN's clips classic mode can be made clearly better, on clips that were held out, for less false alarm."""
    ten = shared_data / "ten"
    said = told(run("tune", ten, "--reference", ten, "--trials", "60", "--json"))
    assert said["differences"]["f1"]["clear"]
    assert said["held_out"]["f1"] > said["given"]["f1"] + 0.015
    assert Rules.of({}, ("pasted", said["options"])).mode == "classic"
