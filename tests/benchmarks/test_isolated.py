"""The benchmark of a process of its own: it measures what it says, and leaves nothing running."""

from pathlib import Path

import psutil

from benchmarks.isolated import measure
from benchmarks.recording import RATE, Recording
from scripts.speech import Samples
from tests.models.networks import write_network


def test_each_cost_is_measured_here_and_there(tmp_path: Path, speech: Samples) -> None:
    """A row for each, with a ratio where both do the same; no process is left."""
    recording = Recording(speech[: 20 * RATE], "spoken")
    table = measure(write_network(tmp_path).directory, recording, rounds=1)
    assert [row[0].partition(",")[0] for row in table.rows] == [
        "recording of 0.333333 minutes",
        "live chunk of 200 ms",
        "16 streams' chunks at once",
        "loading",
        "memory back when closed",
    ]
    assert all(float(row[3].partition(" ")[0]) > 0 for row in table.rows[:3])
    assert table.notes == ["Met: processes left is 0; wanted: 0."]
    assert not psutil.Process().children()
