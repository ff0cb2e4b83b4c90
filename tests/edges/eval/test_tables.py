"""An evaluation in words and columns."""

import re

import pytest

from segue.accuracy.comparison import Difference
from segue.accuracy.evaluation import METRICS, evaluate, total
from segue.edges.eval.tables import print_differences, print_evaluated, print_shifts, print_verdict, verdict
from segue.speech.segmenter import Segment


@pytest.mark.parametrize(
    ("name", "found", "said"),
    [
        ("f1", Difference(0.5, 0.6, 0.05, 0.15), "clearly better"),
        ("f1", Difference(0.6, 0.5, -0.15, -0.05), "clearly worse"),
        ("detection_error", Difference(0.5, 0.6, 0.05, 0.15), "clearly worse"),
        ("missed_rate", Difference(0.6, 0.5, -0.15, -0.05), "clearly better"),
        ("f1", Difference(0.5, 0.6, -0.05, 0.25), "no clear difference"),
        ("f1", Difference(0.5, 0.6), "better (chance?)"),
        ("false_alarm_rate", Difference(0.5, 0.6), "worse (chance?)"),
        ("f1", Difference(0.5, 0.5, 0, 0), "the same"),
        ("f1", Difference(None, None), "nothing to compare"),
    ],
)
def test_the_verdict_is_plain(name: str, found: Difference, said: str) -> None:
    """Better and worse as the metric means it; clear only where the interval leaves out 0."""
    assert verdict(name, found) == said


def test_rows_and_total(capsys: pytest.CaptureFixture[str]) -> None:
    """A row each, a dash where there is no figure, and no control characters of a file's name."""
    each = [evaluate("a\x1b.wav", [], [], 1000), evaluate("b.wav", [Segment(0, 500)], [Segment(20, 500)], 1000)]
    print_evaluated(each, total(each), in_frames=False, folder="no directory")
    print_shifts([total(each)])
    _, one, two, whole, _, starts, ends, _ = capsys.readouterr().out.splitlines()
    assert one.split() == ["a\\x1b.wav", "1.0", "0.0", "-", "0.000", "-", "-", "-", "-", "-"]
    assert two.split()[-4:] == ["1.000", "0.960", "0.980", "0.960"]
    assert whole.startswith("total")
    assert starts == "starts: median +20 ms, 90 % from +20 to +20 ms (1 matched)"
    assert ends == "ends: median +0 ms, 90 % from +0 to +0 ms (1 matched)"


def test_differences_have_a_row_each_and_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """Signs everywhere, and the two are named; without an interval it says why."""
    differences = dict.fromkeys(METRICS, Difference(0.5, 0.6, 0.05, 0.15))
    print_differences(differences, ("mode=classic", "mode=dynamic"))
    print_verdict(differences, ("mode=classic", "mode=dynamic"), seed=3)
    said = capsys.readouterr().out
    assert said.count("+0.100") == len(METRICS)
    assert "+0.050 to +0.150" in said
    assert "mode=dynamic against mode=classic: F1 clearly better, detection error clearly worse." in said
    assert "seed 3" in said
    print_verdict(dict.fromkeys(METRICS, Difference(0.5, 0.6)), ("a=1", "a=2"), seed=3)
    assert "chance is not ruled out" in capsys.readouterr().out


def test_names_are_whole_in_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has no room goes on below; nothing becomes an ellipsis."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "60")
    one = evaluate("a-rather-long-name-of-a-recording.wav", [Segment(0, 500)], [Segment(20, 500)], 1000)
    print_evaluated([one], total([one]), in_frames=False, folder="no directory")
    said = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert max(map(len, said.splitlines())) <= 60
    assert "…" not in said
    assert "".join(line.split()[0] for line in said.splitlines() if line[:1] not in ("", " ", "t")) == one.name
