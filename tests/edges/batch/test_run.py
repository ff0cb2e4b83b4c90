"""One run of many inputs. What it is on a terminal, and what signals do, is in tests/e2e."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from segue.edges.batch.inputs import Input
from segue.edges.batch.results import ResultDirectory
from segue.edges.batch.run import Run
from segue.edges.batch.task import Request, Task
from segue.edges.batch.voice import Voice
from segue.errors import AudioUndecodable, ServerUnreachable, VersionNotReady
from segue.speech.detection import Detection
from segue.speech.detector import Progress
from segue.speech.formats import FORMATS
from segue.speech.rules import Rules
from segue.speech.segmenter import Segment
from tests.fakes import MODEL, loudness_detector


class Scripted:
    """A finder that answers by the name of the file, without looking into it."""

    def __init__(self, answer: Callable[[str], None]) -> None:
        self._answer = answer

    def detect(self, source: str | BinaryIO, /, *, probabilities: bool, progress: Progress) -> Detection:
        del probabilities, progress
        self._answer(str(source))
        return Detection((Segment(0, 500),), 1000, Rules.of(), MODEL)

    def detect_channels(self, source: str | BinaryIO, /, *, probabilities: bool, progress: Progress) -> list[Detection]:
        return [self.detect(source, probabilities=probabilities, progress=progress)]


def run(
    answer: Callable[[str], None], files: list[str], *, results: ResultDirectory | None = None, form: str = "json"
) -> int:
    request = Request(FORMATS[form])
    task = Task(Scripted(answer), request, expected=loudness_detector, results=results)
    inputs = [Input(file) for file in files]
    return Run(inputs, task, request, results=results, threads=1, voice=Voice(), debug=False).run()


def test_a_failure_is_in_its_place_and_in_the_status(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """All inputs have their result or error, in order, and one error makes the status 1."""

    def answer(file: str) -> None:
        if file == "b":
            raise AudioUndecodable("b: is no audio")

    assert run(lambda _: None, ["a"]) == 0
    capsysbinary.readouterr()
    assert run(answer, ["a", "b", "c"]) == 1
    found = json.loads(capsysbinary.readouterr().out)
    assert [item["file"] for item in found] == ["a", "b", "c"]
    assert [item.get("error", {}).get("code") for item in found] == [None, "audio_undecodable", None]


@pytest.mark.parametrize(
    ("error", "status", "why"),
    [
        (ServerUnreachable("no server answers"), 4, "because the server is gone"),
        (VersionNotReady("v1 is closed"), 1, "because its version answers no more"),
    ],
)
def test_what_all_others_would_meet_too_ends_it(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes], error: Exception, status: int, why: str
) -> None:
    """No further input is begun, so none loses its earlier result; what was done is whole, and it says how to go on."""
    begun: list[str] = []

    def answer(file: str) -> None:
        begun.append(file)
        if file == "c.wav":
            raise error

    files = ["a.wav", "b.wav", "c.wav", "d.wav", "e.wav"]
    with ResultDirectory.held(tmp_path / "out", "json") as results:
        assert run(lambda _: None, files, results=results) == 0
        capsysbinary.readouterr()
        assert run(answer, files, results=results) == status
    assert begun == files[:3]
    said = capsysbinary.readouterr().err.decode().splitlines()
    assert said[0] == f"segue: error: c.wav: {error}"
    assert said[1].startswith(f"segue: stopped, {why}: 3 of 5 files are done (1 failed) and their results are whole in")
    assert said[1].endswith("the same command with --resume goes on")
    kept = {file: json.loads((tmp_path / "out" / f"{file}.json").read_bytes())[0] for file in files}
    assert [file for file, item in kept.items() if "error" in item] == ["c.wav"]

    assert run(answer, files) == status
    document = json.loads(capsysbinary.readouterr().out)
    assert [item["file"] for item in document] == files[:3]
    assert document[-1]["error"]["message"] == str(error)
