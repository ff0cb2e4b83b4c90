"""Golden clips: a version that is worse on them gets no request."""

from collections.abc import Callable
from pathlib import Path

import pytest

from segue.errors import GoldenFailed, InvalidPlan
from segue.service.golden import Golden, examine
from segue.speech.detection import ModelIdentity
from segue.speech.detector import Detector
from segue.speech.rules import Rules
from segue.speech.scorer import Samples
from tests.fakes import LoudnessScorer
from tests.service.boards import recording


def detector(hear: Callable[[Samples], None] = lambda _: None, **parameters: object) -> Detector:
    return Detector(LoudnessScorer(hear), Rules.of({}, ("options", parameters)), model=ModelIdentity("a/b", None, ""))


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Three recordings, each with speech in its second and fourth second."""
    for number in range(3):
        (tmp_path / f"clip {number}.wav").write_bytes(recording(4.0 + number))
    return tmp_path


def label(clips: Path) -> None:
    for number in range(3):
        (clips / f"clip {number}.txt").write_text("1.0\t2.0\tspeech\n3.0\t4.0\tspeech\n", encoding="utf-8")


def run(clips: Path, serving: Detector, wanted: Detector, margin: float = 0.01) -> tuple[Golden, list[str]]:
    steps: list[str] = []
    return examine(str(clips), serving, wanted, margin=margin, progress=steps.append), steps


def test_one_that_does_as_well_passes(clips: Path) -> None:
    """By labels; each clip is a step."""
    label(clips)
    golden, steps = run(clips, detector(), detector())
    assert (golden.clips, golden.reference) == (3, "labels")
    assert golden.serving_f1 == golden.wanted_f1 > 0.5
    assert str(golden).startswith("3 golden clips: F1 0.")
    assert steps == [f"golden clip {number} of 3" for number in (1, 2, 3)]


def test_one_that_is_better_passes_and_one_that_is_worse_does_not(clips: Path) -> None:
    """Tight bounds fit these labels; by more than the plan allows is too much, by less is not."""
    label(clips)
    good = detector(do_extend=0, max_end_silence_time=200)
    better, _ = run(clips, detector(), good)
    assert better.wanted_f1 > better.serving_f1 + 0.02
    with pytest.raises(GoldenFailed, match=r"it is worse by more than 0.01 on 3 golden clips: F1 0\.\d+, the serving"):
        run(clips, good, detector())
    run(clips, good, detector(), margin=0.9)


def test_a_version_that_hears_nothing_is_found_out(clips: Path) -> None:
    """Well-formed and wrong: no statistics of errors would tell."""
    deaf = detector(speech_noise_thres=1.0)
    with pytest.raises(GoldenFailed, match=r"F1 0\.000"):
        run(clips, detector(), deaf)


def test_without_labels_the_serving_version_s_answers_stand_for_them(clips: Path) -> None:
    """The same answers are all right, others are not."""
    golden, _ = run(clips, detector(), detector())
    assert golden == Golden(3, "answers", 1.0, 1.0)
    with pytest.raises(GoldenFailed):
        run(clips, detector(), detector(do_extend=0))


def test_a_version_that_fails_at_a_clip_is_refused(clips: Path) -> None:
    """With the clip's name."""

    def fail(_: Samples) -> None:
        raise RuntimeError("broken")

    with pytest.raises(GoldenFailed, match=r"it fails at golden clip clip 0.wav: broken"):
        run(clips, detector(), detector(fail))


def test_a_directory_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    """With the system's own words."""
    with pytest.raises(InvalidPlan, match=r"cannot be listed \(No such file or directory\); name a directory"):
        examine(str(tmp_path / "x"), detector(), detector(), margin=0.1, progress=lambda _: None)


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_what_can_be_no_path_is_refused(name: str) -> None:
    """A request may hold any characters."""
    with pytest.raises(InvalidPlan, match=r"cannot be listed \(no path has such characters\)"):
        examine(name, detector(), detector(), margin=0.1, progress=lambda _: None)


def test_what_is_no_set_of_golden_clips(clips: Path, tmp_path: Path) -> None:
    """Not there, empty, no audio in it, labels that do not match: said before anything is served."""
    with pytest.raises(InvalidPlan, match="cannot be listed"):
        run(tmp_path / "nowhere", detector(), detector())
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InvalidPlan, match="has no audio files"):
        run(empty, detector(), detector())
    (clips / "clip 7.txt").write_text("0\t1\tx\n", encoding="utf-8")
    with pytest.raises(InvalidPlan, match="without a label"):
        run(clips, detector(), detector())
    (clips / "clip 7.txt").unlink()
    (clips / "clip 1.wav").write_bytes(b"no audio")
    with pytest.raises(InvalidPlan, match=r"golden clip clip 1.wav cannot be used"):
        run(clips, detector(), detector())
