"""``--plot DIR``: a picture of every input."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from segue.edges.batch.inputs import Input
from segue.edges.batch.plots import Plots
from segue.edges.batch.results import ResultDirectory
from segue.edges.batch.task import Outcome, Request, Task
from segue.speech.formats import FORMATS
from tests.fakes import loudness_detector


def recording(path: Path) -> Input:
    samples = np.zeros(32_000, dtype=np.float32)
    samples[8_000:16_000] = 0.5
    soundfile.write(path, samples, 8_000)
    return Input(str(path))


def task(plots: Plots, *, resume: bool = False, results: ResultDirectory | None = None) -> Task:
    detector = loudness_detector()
    request = Request(FORMATS["json"], resume=resume)
    return Task(detector, request, expected=lambda: detector, extras=[plots], results=results)


def run(plots: Plots, item: Input, *, resume: bool = False) -> Outcome:
    return task(plots, resume=resume).run(item, lambda: None, lambda *_: None)


@pytest.mark.filterwarnings("error")
def test_each_input_has_a_picture(tmp_path: Path) -> None:
    """Also of a Chinese name, drawn by several threads; it is a PNG, and probabilities are not printed for it."""
    items = [recording(tmp_path / name) for name in ("talk.wav", "会议 1.wav", "talk.flac")]
    with Plots.held(tmp_path / "out") as plots, ThreadPoolExecutor(3) as pool:
        plots.reserve([item.source for item in items])
        outcomes = list(pool.map(lambda item: run(plots, item), items))
        assert not any(outcome.failure or "probabilities" in outcome.items[0] for outcome in outcomes)
        assert all(run(plots, item, resume=True).skipped for item in items)
    pictures = sorted(path.name for path in (tmp_path / "out").glob("*.png"))
    assert pictures == ["talk.flac.png", "talk.png", "会议_1.png"]
    for name in pictures:
        with Image.open(tmp_path / "out" / name) as picture:
            assert picture.format == "PNG"
            assert picture.width == 1320


def test_results_may_be_in_the_same_directory(tmp_path: Path) -> None:
    """One directory for --out and --plot: two lists, two locks, and neither takes the other's files for its own."""
    item = recording(tmp_path / "talk.wav")
    out = tmp_path / "out"
    for again in (False, True):
        with ResultDirectory.held(out, "json") as results, Plots.held(out) as plots:
            results.reserve([item.source])
            plots.reserve([item.source])
            outcome = task(plots, resume=True, results=results).run(item, lambda: None, lambda *_: None)
            assert outcome.skipped == again
    assert sorted(path.name for path in out.iterdir() if path.name[0] != ".") == ["talk.png", "talk.wav.json"]


def test_a_recording_that_fails_has_no_picture(tmp_path: Path) -> None:
    """What was drawn before a file was damaged is removed."""
    item = recording(tmp_path / "talk.wav")
    with Plots.held(tmp_path / "out") as plots:
        plots.reserve([item.source])
        run(plots, item)
        Path(item.file).write_bytes(b"nonsense")
        assert run(plots, item).failure
        plots.finish()
    assert not (tmp_path / "out" / "talk.png").exists()
