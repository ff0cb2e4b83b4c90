"""``segue eval``, on speech that was made for it and on real speech."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import segue
from segue.accuracy.evaluation import METRICS, evaluate, total
from segue.accuracy.references import read
from tests.edges.eval.conftest import Ended, Run


def told(result: Ended, status: int = 0) -> dict[str, Any]:
    assert result.status == status, result
    said: dict[str, Any] = json.loads(result.stdout, parse_constant=pytest.fail)
    return said


def test_the_figures_are_those_of_detecting_it_oneself(run: Run, labelled: Path, model_directory: Path) -> None:
    """Each recording and the total, in ms and in frames: what the library gives for the segments of ``detect``."""
    detector = segue.load(model_directory)
    expected = []
    for path in sorted((labelled / "clips").iterdir(), key=lambda path: int(path.stem.partition("-")[2])):
        (reference,) = read(str(labelled / "labels" / f"{path.stem}.txt"))
        found = detector.detect(str(path), mode="dynamic")
        expected.append(evaluate(str(path), reference.segments, found, found.duration_ms))
    for more, in_frames in ((), False), (("--frames",), True):
        asked = (labelled / "clips", "--reference", labelled / "labels", "--mode", "dynamic", "--json", *more)
        said = told(run("eval", *asked))
        assert [file["file"] for file in said["files"]] == [one.name for one in expected]
        for file, one in zip([*said["files"], said["total"]], [*expected, total(expected)], strict=True):
            found_times = one.agreement(in_frames=in_frames)
            assert {name: file[name] for name in METRICS} == {name: getattr(found_times, name) for name in METRICS}
            assert file["missed_frames" if in_frames else "missed_ms"] == found_times.missed
            assert file["start_shift_ms"]["matched"] == len(one.shifts.start_ms)
        assert (said["mode"], said["frame_ms"], said["problems"]) == ("dynamic", 10 if in_frames else None, [])


def test_people_get_a_table(run: Run, labelled: Path) -> None:
    """The total, its boundaries, and with --per-file a row a recording, named as in its directory."""
    asked = (labelled / "clips", "--reference", labelled / "labels")
    short = run("eval", *asked).stdout
    assert "12 recordings" in short
    assert "mode classic" in short
    assert all(metric.label in short for metric in METRICS.values())
    assert "talk-0" not in short
    (starts,) = (line for line in short.splitlines() if line.startswith("starts"))
    assert "median -" in starts
    rows = run("eval", *asked, "--per-file").stdout.splitlines()
    names = [line.split()[0] for line in rows if line.startswith(("talk", "total"))]
    assert names == [*(f"talk-{number}.flac" for number in range(12)), "total"]


def test_the_figures_move_with_the_parameters(run: Run, labelled: Path) -> None:
    """Without the extension of starts and ends there is less false alarm, and more is missed."""
    asked = (labelled / "clips", "--reference", labelled / "labels", "--json")
    usual, bare = told(run("eval", *asked)), told(run("eval", *asked, "--set", "do_extend=0"))
    assert bare["parameters"]["do_extend"] == 0
    assert bare["total"]["false_alarm_ms"] < usual["total"]["false_alarm_ms"]
    assert bare["total"]["missed_ms"] > usual["total"]["missed_ms"]
    assert usual["total"]["f1"] > 0.85


def test_two_are_compared(run: Run, labelled: Path) -> None:
    """Totals of both, the difference with its interval, and in words whether it is clear; by seed the same."""
    asked = (labelled / "clips", "--reference", labelled / "labels", "--compare", "do_extend=0")
    said = told(run("eval", *asked, "--json"))
    f1 = said["differences"]["f1"]
    assert f1["first"] == said["total"]["f1"]
    assert f1["second"] == said["compared"]["total"]["f1"]
    assert f1["low"] <= f1["difference"] <= f1["high"]
    assert said["compared"]["parameters"]["do_extend"] == 0
    assert told(run("eval", *asked, "--json")) == said
    assert told(run("eval", *asked, "--json", "--seed", "7"))["differences"]["f1"]["low"] != f1["low"]
    text = run("eval", *asked).stdout
    (row,) = (line for line in text.splitlines() if line.startswith("false alarm"))
    assert row.rstrip().endswith("clearly better")
    assert "do_extend=0 against do_extend=1: F1 " in text
    assert "seed 0" in text


def test_alike_is_said_to_be_the_same(run: Run, labelled: Path) -> None:
    """The same model by another name, and the same mode."""
    text = run("eval", labelled / "clips", "--reference", labelled / "labels", "--compare", "mode=classic").stdout
    assert text.count("the same") == len(METRICS) + 2


def test_models_are_compared(run: Run, labelled: Path, model_directory: Path) -> None:
    """``--compare model=…`` scores everything by the other model too."""
    asked = (labelled / "clips", "-R", labelled / "labels", "--compare", f"model={model_directory}", "--json")
    said = told(run("eval", *asked))
    assert said["compared"]["model"]["digest"] == said["model"]["digest"]
    assert said["differences"]["f1"]["difference"] == 0


@pytest.fixture
def few(labelled: Path, tmp_path: Path) -> Path:
    """Two recordings with labels, to be spoilt."""
    for number in (1, 2):
        for source in (f"clips/talk-{number}.flac", f"labels/talk-{number}.txt"):
            (tmp_path / source).parent.mkdir(exist_ok=True)
            shutil.copy(labelled / source, tmp_path / source)
    return tmp_path


def spoilt(run: Run, root: Path) -> tuple[list[str], dict[str, Any]]:
    result = run("eval", root / "clips", "--reference", root / "labels", "--json")
    return result.stderr.replace(f"{root}/", "").splitlines(), told(result, status=1)


def test_an_unreadable_recording_costs_only_its_own_row(run: Run, few: Path) -> None:
    """One line, its error among the files, the figures of the others, status 1."""
    (few / "clips" / "talk-1.flac").write_bytes(b"no audio")
    lines, said = spoilt(run, few)
    assert len(lines) == 1
    assert lines[0].startswith("segue: error: clips/talk-1.flac: is not audio")
    assert said["files"][0]["error"]["code"] == "audio_undecodable"
    assert said["total"]["duration_ms"] == said["files"][1]["duration_ms"] == 12_000


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda root: (root / "labels/talk-1.txt").unlink(), "1 recording (clips/talk-1.flac) without a label"),
        (
            lambda root: (root / "clips/talk-1.flac").unlink(),
            "1 label file (labels/talk-1.txt) without a recording of that name",
        ),
        (
            lambda root: (root / "labels/talk-1.txt").write_text("1\t2\tx\nhello\n"),
            "labels/talk-1.txt: line 2: no tab",
        ),
        (
            lambda root: (root / "labels/talk-1.txt").write_text("1\t2\tx\n100\t200\tx\n"),
            "labels/talk-1.txt: a label begins after the 12.000 s of clips/talk-1.flac (the last ends at 200.000 s)",
        ),
    ],
)
def test_what_is_left_out_is_said(run: Run, few: Path, change: Any, line: str) -> None:
    """A label or a recording that is missing, a broken label, that of another recording: one line, status 1."""
    change(few)
    lines, said = spoilt(run, few)
    assert len(lines) == 1
    assert lines[0].startswith(f"segue: error: {line}")
    assert said["total"]["duration_ms"] == 12_000


def test_a_label_beyond_the_end_is_cut_and_said(run: Run, few: Path) -> None:
    """What is not in the recording is neither found nor missed; a line says so, and all is well."""
    (few / "labels" / "talk-1.txt").write_text("11\t13.5\tspeech\n", encoding="utf-8")
    result = run("eval", few / "clips", "--reference", few / "labels", "--json")
    assert result.stderr.replace(f"{few}/", "") == (
        "segue: labels/talk-1.txt: the last label ends at 13.500 s, after the 12.000 s of clips/talk-1.flac; "
        "the rest is not counted\n"
    )
    assert told(result)["files"][0]["speech_ms"] == 1000


def test_no_speech_is_a_reference_too(run: Run, few: Path) -> None:
    """An empty label file: all that is found is false alarm, and what is a share of speech has no value."""
    (few / "labels" / "talk-1.txt").write_text("", encoding="utf-8")
    result = run("eval", few / "clips", "--reference", few / "labels", "--json")
    first = told(result)["files"][0]
    assert (first["speech_ms"], first["recall"], first["precision"]) == (0, None, 0)
    assert first["false_alarm_ms"] == first["detected_ms"] > 0
    assert " - " in run("eval", few / "clips", "--reference", few / "labels", "--per-file").stdout


def test_a_file_beside_a_file_needs_no_name(run: Run, few: Path) -> None:
    """One recording and one label that are named themselves belong together."""
    label = (few / "labels" / "talk-1.txt").rename(few / "mine.txt")
    said = told(run("eval", few / "clips" / "talk-1.flac", "--reference", label, "--json"))
    assert said["files"][0]["speech_ms"] > 3000


def test_nothing_to_evaluate_is_an_error(run: Run, few: Path) -> None:
    """No pair at all: said, status 1, and no figures of nothing."""
    for path in (few / "labels").iterdir():
        path.rename(path.with_name(f"x{path.name}"))
    result = run("eval", few / "clips", "--reference", few / "labels")
    assert (result.status, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1] == "segue: error: there is no recording with a label that could be evaluated"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--compare", "mode"), "write NAME=VALUE, such as mode=tight"),
        (("--compare", "mode=tight", "--compare", "mode=classic"), "mode is given twice"),
        (("--set", "mode=dynamic"), "write --mode dynamic"),
        (("--mode", "quick"), "mode='quick'"),
        (("--compare", "mode=quick"), "mode='quick' (--compare)"),
        (("--compare", "threshold=0.5"), "threshold (--compare) decides nothing in mode classic"),
        (("--set", "nonsense=1"), "nonsense (--set) is not a decision parameter"),
    ],
)
def test_a_wrong_command_line_is_one_line(run: Run, labelled: Path, arguments: tuple[str, ...], said: str) -> None:
    """What was given and what is accepted, before anything is heard."""
    result = run("eval", labelled / "clips", "--reference", labelled / "labels", *arguments)
    assert (result.status, result.stdout) == (2, "")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_on_real_speech(run: Run, shared_data: Path) -> None:
    """The 20 clips of TEN's test set, frames of 10 ms, pooled: what was measured before this command was written."""
    ten = shared_data / "ten"
    for jobs in "1", "3":
        pooled = told(run("eval", ten, "--reference", ten, "--frames", "--json", "--jobs", jobs))["total"]
        assert [round(pooled[name], 3) for name in ("precision", "recall", "f1")] == [0.827, 0.946, 0.882]
