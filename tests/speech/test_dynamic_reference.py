"""Segue's dynamic mode beside FunASR 1.4's answers on joined clips, which scripts/dynamic_reference.py asked for."""

from pathlib import Path

import pytest

import segue
from scripts.dynamic_reference import RATE, Join, load, rebuild

ROOT = Path(__file__).parents[2]
REFERENCE = load(ROOT / "tests" / "data" / "dynamic_reference.json")


def _marks(number: int) -> tuple[pytest.MarkDecorator, ...]:
    """Six hours of audio are too many for every run: one join in three, and the others as drills."""
    return (pytest.mark.drill,) if number % 3 else ()


OFFLINE = [
    pytest.param(join, answer["segments"], id=join.name, marks=_marks(number))
    for number, (join, answer) in enumerate(REFERENCE)
]
LIVE = [
    pytest.param(join, int(chunk_ms), pairs, id=f"{join.name}, chunks of {chunk_ms} ms", marks=_marks(number))
    for number, (join, answer) in enumerate(REFERENCE)
    for chunk_ms, pairs in answer["live"].items()
]


@pytest.fixture(scope="module")
def detector(model_directory: Path) -> segue.Detector:
    """The default model."""
    return segue.load(model_directory)


@pytest.mark.parametrize(("join", "segments"), OFFLINE)
def test_a_recording_is_cut_as_funasr_cuts_it(
    detector: segue.Detector, shared_data: Path, join: Join, segments: list[list[int]]
) -> None:
    """Dynamic mode equals FunASR as it comes, offline, on recordings of several blocks and at the edges of blocks."""
    found = detector.detect(rebuild(shared_data, join), sample_rate=RATE, mode="dynamic")
    assert [[s.start_ms, s.end_ms] for s in found] == segments


@pytest.mark.parametrize(("join", "chunk_ms", "segments"), LIVE)
def test_a_stream_with_funasrs_chunks_is_cut_as_funasr_cuts_it(
    detector: segue.Detector, shared_data: Path, join: Join, chunk_ms: int, segments: list[list[int]]
) -> None:
    """With ``chunk_size`` set to the chunks that FunASR is fed, a live stream looks the schedule up when it does."""
    stream = detector.stream(mode="dynamic", chunk_size=chunk_ms)
    events = [*stream.accept(rebuild(shared_data, join)), *stream.finish()]
    ended = [event.segment for event in events if isinstance(event, segue.SpeechEnded)]
    assert [[s.start_ms, s.end_ms] for s in ended] == segments
