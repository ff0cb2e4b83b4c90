"""docs/evaluation.md: its example runs, its words are those of the program, its output is what comes out."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from segue.accuracy.comparison import FEWEST as FEWEST_COMPARED
from segue.accuracy.evaluation import METRICS
from segue.accuracy.references import EXTENSIONS, SILENT
from segue.accuracy.tuning import FEWEST as FEWEST_TUNED
from segue.edges import cli
from tests.edges.eval.conftest import labelled, talks

__all__ = ["labelled", "talks"]  # fixtures

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^```console\n\$ (segue [^\n]*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_its_words_are_those_of_the_program() -> None:
    """Every form of labels, every label of silence, every figure; and the least recordings that are wanted."""
    assert all(f"`{extension}`" in PAGE for extension in EXTENSIONS)
    assert all(f"`{word}`" in PAGE for word in SILENT)
    assert all(f"| {metric.label} |" in PAGE for metric in METRICS.values())
    assert f"With fewer than {FEWEST_COMPARED} recordings there is no interval" in PAGE
    assert f"At least {FEWEST_TUNED} recordings with speech" in PAGE


@pytest.mark.parametrize(("command", "output"), SHOWN)
def test_its_output_is_what_comes_out(
    shared_data: Path,
    model_directory: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    output: str,
) -> None:
    """On TEN's clips, line by line, but for the name of the model, which is a directory here."""
    for name, ending in (("clips", "wav"), ("labels", "scv")):
        (tmp_path / name).mkdir()
        for source in (shared_data / "ten").glob(f"*.{ending}"):
            (tmp_path / name / source.name).symlink_to(source)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        cli.main([*shlex.split(command)[1:], "--model", str(model_directory)])
    assert left.value.code == 0
    got = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    shown = output.replace("iic/speech_fsmn_vad_zh-cn-16k-common-pytorch@v2.0.4", str(model_directory)).splitlines()
    assert got == shown


def test_its_example_runs(labelled: Path, model_directory: Path, tmp_path: Path) -> None:
    """The lines of Python, on recordings that were made for the tests."""
    found = re.search(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    for name in ("clips", "labels"):
        (tmp_path / name).symlink_to(labelled / name)
    code = found[1].replace("segue.load()", f"segue.load({str(model_directory)!r})").replace("*.wav", "*.flac")
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "Difference(first=" in ran.stdout
