"""Counts of a run."""

import os
from pathlib import Path

import pytest

from segue.edges.batch.inputs import Input
from segue.edges.batch.tally import Tally, clock
from segue.edges.batch.task import Failure, Outcome


def test_the_tally_counts_files_audio_speech_and_speed() -> None:
    """The summary has files, failures, skipped, audio, the share of speech, time and the multiple of real time."""
    now = [100.0]
    tally = Tally([Input(f"{n}.wav") for n in range(4)], clock_s=lambda: now[0])
    for n, outcome in enumerate(
        [
            Outcome(Input("0.wav"), duration_ms=3_600_000, speech_ms=1_800_000),
            Outcome(Input("1.wav"), failure=Failure("audio", "bad")),
            Outcome(Input("2.wav"), skipped=True),
        ]
    ):
        tally.begin(Input(f"{n}.wav"))
        tally.add(outcome)
    now[0] += 10
    assert tally.summary() == (
        "3 files of 4, 1 failed, 1 skipped (done before): 1:00:00 of audio (50.0% speech) in 10.0 s, 360 x real time"
    )
    assert tally.share == 0.75


def test_the_share_done_counts_bytes_and_what_is_under_way(tmp_path: os.PathLike[str]) -> None:
    """Half of a long file under way is half of its bytes, so that one long file does not stand still."""
    paths = [os.path.join(tmp_path, name) for name in ("long", "short")]
    for path, size in zip(paths, (900, 100), strict=True):
        with open(path, "wb") as file:
            file.write(bytes(size))
    inputs = [Input(path) for path in paths]
    tally = Tally(inputs)
    tally.begin(inputs[0])
    tally.hear(500, 1000)
    assert tally.share == pytest.approx(0.45)
    assert tally.heard_ms == 500
    tally.add(Outcome(inputs[0], duration_ms=1000))
    assert tally.share == pytest.approx(0.9)


def test_a_header_that_promises_nothing_or_too_little_cannot_pass_the_end(tmp_path: Path) -> None:
    """Without a promise an input counts when it is done; with one that is too small, as whole and no more."""
    (tmp_path / "x").write_bytes(bytes(100))
    item = Input(str(tmp_path / "x"))
    tally = Tally([item])
    tally.begin(item)
    tally.hear(500, None)
    assert tally.share == 0
    tally.hear(500, 100)
    assert tally.share == 1


def test_times_read_well() -> None:
    """Hours appear where there are any."""
    assert [clock(s) for s in (0, 59.6, 3599, 3600, 360_001)] == ["0:00", "1:00", "59:59", "1:00:00", "100:00:01"]
