"""One input -> its outcome."""

import dataclasses
import hashlib
import io
import json
import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import soundfile

from segue.edges.batch.crew import Stopped
from segue.edges.batch.inputs import Input, expand
from segue.edges.batch.results import ResultDirectory
from segue.edges.batch.task import Outcome, Request, Task
from segue.errors import OutputError
from segue.speech.detection import Detection, ModelIdentity
from segue.speech.detector import Detector, Progress
from segue.speech.formats import FORMATS
from segue.speech.presets import Preset
from segue.speech.scorer import Samples
from tests.fakes import loudness_detector


def recording(path: Path, *, channels: int = 1, seconds: int = 4) -> Input:
    """A second of silence, then a tone; only in the first channel."""
    samples = np.zeros((16_000 * seconds, channels), dtype=np.float32)
    samples[16_000:32_000, 0] = 0.5
    soundfile.write(path, samples, 16_000)
    return Input(str(path))


def local(
    detector: Detector,
    request: Request,
    *,
    results: ResultDirectory | None = None,
    stdin: BinaryIO | None = None,
) -> Task:
    return Task(detector, request, expected=lambda: detector, results=results, stdin=stdin)


def run(task: Task, item: Input, heard: Progress = lambda *_: None) -> Outcome:
    return task.run(item, lambda: None, heard)


def explode(_: Samples) -> None:
    raise ZeroDivisionError("a bug")


def test_an_input_is_detected_and_rendered(tmp_path: Path) -> None:
    """The outcome has the rendered items, the duration and the share of speech, and progress was told."""
    heard: list[tuple[int, int | None]] = []
    task = local(loudness_detector(), Request(FORMATS["jsonl"]))
    outcome = run(task, recording(tmp_path / "x.wav"), lambda *told: heard.append(told))
    result = json.loads(outcome.items[0])
    assert result["segments"]
    assert outcome.duration_ms == result["duration_ms"] == heard[-1][0] == 4000
    assert heard[-1][1] == 4000
    assert 0.2 < outcome.speech_ms / outcome.duration_ms < 0.9


def test_split_channels_are_one_item_each(tmp_path: Path) -> None:
    """With split, a stereo file gives two items, and its duration counts once."""
    item = recording(tmp_path / "x.wav", channels=2)
    outcome = run(local(loudness_detector(), Request(FORMATS["jsonl"], split=True)), item)
    left, right = (json.loads(line) for line in outcome.items)
    assert (left["channel"], right["channel"]) == (0, 1)
    assert left["segments"]
    assert not right["segments"]
    assert outcome.duration_ms == 4000
    assert outcome.speech_ms == sum(s["end_ms"] - s["start_ms"] for s in left["segments"]) // 2


def test_any_error_of_one_input_is_its_failure(tmp_path: Path) -> None:
    """Missing, corrupt and unfound inputs, and a fault of our own, each become a failure with a code."""
    (tmp_path / "bad.wav").write_bytes(b"nonsense")
    (tmp_path / "none").mkdir()
    good = recording(tmp_path / "x.wav")
    task = local(loudness_detector(), Request(FORMATS["jsonl"]))
    broken = local(loudness_detector(explode), Request(FORMATS["jsonl"]))
    outcomes = [
        run(task, Input(str(tmp_path / "missing.wav"))),
        run(task, Input(str(tmp_path / "bad.wav"))),
        run(task, expand([str(tmp_path / "none")])[0]),
        run(broken, good),
    ]
    codes = [outcome.failure.code for outcome in outcomes if outcome.failure]
    assert codes == ["audio_not_found", "audio_undecodable", "audio_not_found", "internal"]
    assert [json.loads(outcome.items[0])["error"]["code"] for outcome in outcomes] == codes
    assert outcomes[-1].failure is not None
    assert "ZeroDivisionError: a bug" in outcomes[-1].failure.message
    assert "explode" in outcomes[-1].failure.trace


def test_standard_input_is_read(tmp_path: Path) -> None:
    """What comes from standard input gives the same result as the file with its bytes."""
    path = recording(tmp_path / "x.wav").file
    request = Request(FORMATS["rttm"], names={path: "x", "-": "stdin"})
    piped = local(loudness_detector(), request, stdin=io.BytesIO(Path(path).read_bytes()))
    (line,) = run(piped, Input("-")).items
    (expected,) = run(local(loudness_detector(), request), Input(path)).items
    assert line.replace(" stdin ", " x ") == expected


def test_resume_skips_what_was_made_the_same_way(tmp_path: Path) -> None:
    """The same bytes, model, parameters, channels, probabilities and name in it are skipped; a change of any is not."""
    item = recording(tmp_path / "x.wav")
    results = ResultDirectory(tmp_path / "out", "json")
    results.reserve([item.source])
    form = FORMATS["json"]

    def again(request: Request, **parameters: object) -> bool:
        return run(local(loudness_detector(lambda _: None, **parameters), request, results=results), item).skipped

    resume = Request(form, resume=True)
    assert not again(resume)
    assert again(resume)
    assert not again(Request(form))
    assert again(resume)
    for changed in (Request(form, split=True, resume=True), Request(form, probabilities=True, resume=True)):
        assert not again(changed)
        assert again(changed)
    assert not again(resume, max_end_silence_time=500)
    assert not again(resume, mode="dynamic")
    assert again(resume, mode="dynamic")
    preset = Preset("dusty", "", {"classic": {}})
    assert not again(resume, preset=preset)
    assert again(resume, preset=preset)
    assert not again(resume, mode="dynamic")
    named = Request(form, resume=True, names={item.file: "a/x"})
    assert not again(named, mode="dynamic")
    assert again(named, mode="dynamic")
    assert not again(resume, mode="dynamic")
    recording(tmp_path / "x.wav", seconds=5)
    assert not again(resume, mode="dynamic")


def test_results_of_earlier_runs_stay_valid(tmp_path: Path) -> None:
    """What is recorded of the maker is to the letter what runs before there was a service recorded."""
    item = Input(str(tmp_path / "a.wav"))
    Path(item.file).write_bytes(Path(recording(tmp_path / "x.wav").file).read_bytes())
    sha256 = hashlib.sha256(Path(item.file).read_bytes()).hexdigest()
    results = ResultDirectory(tmp_path / "out", "json")
    results.reserve([item.source])
    run(local(loudness_detector(), Request(FORMATS["json"]), results=results), item)
    plain = "43b6f571cfcd491a3b1e1d19da8e9fa04c4e82d9344e59bc2c70d7bc407164ec"
    assert results.made_by(item.source) == f"{plain}-{sha256}"
    asked = Request(FORMATS["json"], split=True, probabilities=True, names={item.file: "n"})
    detector = loudness_detector(mode="dynamic", max_end_silence_time=500)
    run(local(detector, asked, results=results), item)
    other = "da8ab5f4fef41b887a5e5d771d4cbe2100c735c95ff5d3b5380b25aa8884e294"
    assert results.made_by(item.source) == f"{other}-{sha256}"


class Replaced:
    """A finder whose model is another one for every input, as a service's may be."""

    def __init__(self) -> None:
        self.now: Detector = loudness_detector()

    def detect(self, source: str | BinaryIO, /, *, probabilities: bool, progress: Progress) -> Detection:
        found = self.now.detect(source, probabilities=probabilities, progress=progress)
        self.replace()
        return found

    def detect_channels(self, source: str | BinaryIO, /, *, probabilities: bool, progress: Progress) -> list[Detection]:
        raise NotImplementedError

    def replace(self) -> None:
        number = int(self.now.model.digest[-1], 16) - 1
        model = ModelIdentity("fake/loudness", f"v{number}", "f" * 63 + f"{number:x}", version=f"v{number}")
        self.now = dataclasses.replace(self.now, model=model)


def test_the_maker_of_a_result_is_the_one_that_answered(tmp_path: Path) -> None:
    """A result made just before the model was replaced counts as the old one's, and names it; resume makes it anew."""
    item = recording(tmp_path / "x.wav")
    results = ResultDirectory(tmp_path / "out", "json")
    results.reserve([item.source])
    finder = Replaced()
    before = finder.now
    task = Task(finder, Request(FORMATS["json"], resume=True), expected=lambda: finder.now, results=results)
    assert not run(task, item).skipped
    of_the_old = Task(finder, Request(FORMATS["json"], resume=True), expected=lambda: before, results=results)
    assert run(of_the_old, item).skipped
    assert not run(task, item).skipped
    (result,) = json.loads(results.path(item.source).read_bytes())
    assert result["model"]["version"] == "v14"


def test_a_bad_file_is_not_hashed(tmp_path: Path) -> None:
    """What cannot be detected is looked at once, however large: its bytes are hashed only for a result, or to skip."""
    results = ResultDirectory(tmp_path / "out", "json")
    good, bad = recording(tmp_path / "x.wav"), Input(str(tmp_path / "bad.wav"))
    with open(bad.file, "wb") as file:
        file.truncate(2**22)
    results.reserve([good.source, bad.source])
    checkpoints: list[None] = []
    for resume in (False, True):
        task = local(loudness_detector(), Request(FORMATS["json"], resume=resume), results=results)
        failed = task.run(bad, lambda: checkpoints.append(None), lambda *_: None)
        assert failed.failure
        assert not checkpoints
        assert task.run(good, lambda: None, lambda *_: None).skipped == resume


def test_a_file_that_changes_meanwhile_is_made_again(tmp_path: Path) -> None:
    """A result of which nobody knows whether it is of the bytes there now is not trusted by a resume."""
    results = ResultDirectory(tmp_path / "out", "json")
    item = recording(tmp_path / "x.wav")
    results.reserve([item.source])
    task = local(loudness_detector(), Request(FORMATS["json"], resume=True), results=results)
    assert not run(task, item, lambda *_: os.utime(item.file, ns=(1, 1))).skipped
    assert not run(task, item).skipped
    assert run(task, item).skipped


def test_a_failure_takes_the_place_of_an_older_result(tmp_path: Path) -> None:
    """In the directory a failed input is its error where the format can say it, else nothing: never an old result."""
    item = recording(tmp_path / "x.wav")
    json_dir, rttm_dir = ResultDirectory(tmp_path / "j", "json"), ResultDirectory(tmp_path / "r", "rttm")
    for results, name in ((json_dir, "json"), (rttm_dir, "rttm")):
        results.reserve([item.source])
        task = local(loudness_detector(), Request(FORMATS[name], resume=True), results=results)
        run(task, item)
        Path(item.file).rename(tmp_path / "elsewhere")
        assert run(task, item).failure
        (tmp_path / "elsewhere").rename(item.file)
    assert json.loads(json_dir.path(item.source).read_bytes())[0]["error"]["code"] == "audio_not_found"
    assert not rttm_dir.path(item.source).exists()


def test_an_output_error_concerns_all(tmp_path: Path) -> None:
    """A result that cannot be written is not the input's failure: it is raised."""
    item = recording(tmp_path / "x.wav")
    results = ResultDirectory(tmp_path / "out", "json")
    results.reserve([item.source])
    results.path(item.source).mkdir()
    with pytest.raises(OutputError, match=r"x\.wav\.json"):
        run(local(loudness_detector(), Request(FORMATS["json"]), results=results), item)


def test_a_stop_gets_through(tmp_path: Path) -> None:
    """A checkpoint that stops is not taken for a failure of the input."""

    def checkpoint() -> None:
        raise Stopped

    with pytest.raises(Stopped):
        local(loudness_detector(), Request(FORMATS["json"])).run(
            recording(tmp_path / "x.wav"), checkpoint, lambda *_: None
        )
