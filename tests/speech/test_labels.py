"""Segments in the forms of other tools, read back by those tools' own readers where there are any."""

import csv
import io
from itertools import pairwise
from pathlib import Path

import pysubs2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from praatio import textgrid

from segue.speech.detection import Detection, ModelIdentity
from segue.speech.formats import FORMATS
from segue.speech.rules import Rules
from segue.speech.segmenter import Segment

MODEL = ModelIdentity("iic/x", "v1", "d" * 64)
DURATION_MS = 300_000_000  # days; pysubs2 knows hours of two digits only

Pairs = list[tuple[int, int]]


def detection(pairs: Pairs, *, channel: int | None = None, duration_ms: int = DURATION_MS) -> Detection:
    return Detection(tuple(Segment(*pair) for pair in pairs), duration_ms, Rules.of(), MODEL, channel)


def document(form: str, *detections: Detection, file: str = "a.wav") -> str:
    return FORMATS[form].document(FORMATS[form].render(file, detections))


@st.composite
def segments(draw: st.DrawFn) -> Pairs:
    """Segments in order that do not touch, in whole frames."""
    edges = sorted(draw(st.sets(st.integers(0, DURATION_MS // 10), max_size=20)))
    return [(a * 10, b * 10) for a, b in zip(edges[::2], edges[1::2], strict=False)]


@given(segments())
def test_subtitles_are_read_back(pairs: Pairs) -> None:
    """SRT and WebVTT, read by pysubs2, hold the segments to the millisecond."""
    for form in ("srt", "vtt"):
        read = pysubs2.SSAFile.from_string(document(form, detection(pairs)), format_=form)
        assert [(event.start, event.end) for event in read] == pairs, form
        assert {event.text for event in read} <= {"speech"}


@given(segments())
def test_a_textgrid_is_read_back(tmp_path_factory: pytest.TempPathFactory, pairs: Pairs) -> None:
    """Read by praatio, the tier covers the whole recording, and its labelled intervals are the segments."""
    path: Path = tmp_path_factory.mktemp("grid") / "a.TextGrid"
    path.write_text(document("textgrid", detection(pairs)), encoding="utf-8")
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=True)
    (tier,) = grid.tiers
    found = [(round(e.start * 1000), round(e.end * 1000), e.label) for e in tier.entries]
    assert [(start, end) for start, end, label in found if label == "speech"] == pairs
    assert (found[0][0], found[-1][1]) == (0, DURATION_MS)
    assert all(before[1] == after[0] for before, after in pairwise(found))


def test_a_textgrid_has_a_tier_a_channel(tmp_path: Path) -> None:
    """Split channels are tiers of their own, numbered from 1."""
    path = tmp_path / "a.TextGrid"
    two = [detection([(0, 500)], channel=0, duration_ms=1000), detection([(500, 1000)], channel=1, duration_ms=1000)]
    path.write_text(document("textgrid", *two), encoding="utf-8")
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False)
    assert grid.tierNames == ("speech 1", "speech 2")
    assert [tier.entries[0].label for tier in grid.tiers] == ["speech", "speech"]


def test_csv_is_read_back_whatever_the_file_is_called() -> None:
    """A row a segment under one header, quoted as CSV wants it; the channel from 0, empty for the mix."""
    name = 'a "b", c\n.wav'
    text = document("csv", detection([(10, 30)], channel=1), detection([(40, 60)]), file=name)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(r["file"], r["channel"], r["start_ms"], r["end_ms"], r["duration_ms"]) for r in rows] == [
        (name, "1", "10", "30", "20"),
        (name, "", "40", "60", "20"),
    ]
    assert {(r["mode"], r["preset"], r["model"], r["revision"]) for r in rows} == {("classic", "", "iic/x", "v1")}
    assert {r["digest"] for r in rows} == {"d" * 64}


def test_audacity_labels_are_seconds_between_tabs() -> None:
    """Start, end and label, as Audacity exports them; channels in order of time."""
    text = document("audacity", detection([(1720, 5170)], channel=0), detection([(500, 900)], channel=1))
    assert text == "0.500000\t0.900000\tspeech 2\n1.720000\t5.170000\tspeech 1\n"


@given(segments())
def test_kaldi_segments_are_sorted_as_kaldi_wants_them(pairs: Pairs) -> None:
    """Utterance IDs are unique, begin with their recording's, and sort byte by byte as they stand."""
    lines = document("kaldi", detection(pairs), file="talk").splitlines()
    found = [line.split(" ") for line in lines]
    assert [(round(float(start) * 1000), round(float(end) * 1000)) for _, _, start, end in found] == pairs
    assert all(utterance.startswith("talk-") and recording == "talk" for utterance, recording, _, _ in found)
    assert lines == sorted(set(lines), key=lambda line: line.encode())


@pytest.mark.parametrize("form", ["csv", "srt", "vtt", "textgrid", "audacity", "kaldi"])
def test_a_recording_without_speech_is_a_document_too(form: str) -> None:
    """No segments make an empty, valid document, not a failure."""
    assert "speech\n" not in document(form, detection([], duration_ms=1000))
