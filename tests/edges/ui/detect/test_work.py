"""One recording on its way, as the page shows it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from segue.edges.ui.detect.asked import asked
from segue.edges.ui.detect.work import Shown, shown
from segue.edges.ui.door import Door
from segue.edges.ui.room import Room
from segue.edges.ui.words import Words
from tests.edges.http.service import LoudService, loud_service, model, recording
from tests.edges.ui.browser import until


@pytest.fixture
def loud(tmp_path: Path) -> Iterator[LoudService]:
    """A service in which something serves."""
    with loud_service(tmp_path / "home") as service:
        service.serve(model(tmp_path, "a"))
        yield service


def steps(service: LoudService, path: Path) -> Iterator[Shown]:
    room = Room(service, Door(service.access, service.token), Words("en", "detect"))
    return shown(room, "test", path, asked())


def test_the_last_step_has_everything(loud: LoudService, tmp_path: Path) -> None:
    """What is said, the table, the picture and the files; and the place is free again."""
    path = tmp_path / "clip.wav"
    path.write_bytes(recording(seconds=4))
    *_, last = steps(loud, path)
    assert "clip.wav: 2 segments" in last.said
    assert "<table>" in last.rows
    assert last.picture is not None
    assert last.picture["duration_ms"] == 4000
    assert last.files
    assert loud._admission.taken == 0


def test_a_file_is_called_by_its_name_alone(loud: LoudService, tmp_path: Path) -> None:
    """Where it lies is no news to who gave it."""
    path = tmp_path / "notes.txt"
    path.write_text("no audio at all " * 100)
    (only,) = steps(loud, path)
    assert "notes.txt" in only.said
    assert str(tmp_path) not in only.said


def test_who_asks_for_no_further_step_has_cancelled(loud: LoudService, tmp_path: Path) -> None:
    """Closing the generator frees the place at once, and the lease when the model comes back."""
    path = tmp_path / "clip.wav"
    path.write_bytes(recording(seconds=100))
    go_on = threading.Event()

    def wait(_samples: object) -> None:
        go_on.wait(30)

    loud.on_accept = wait
    working = steps(loud, path)
    assert "waits" in next(working).said
    assert loud._admission.taken == 1
    working.close()  # type: ignore[attr-defined]  # it is a generator
    assert loud._admission.taken == 0
    go_on.set()
    until(lambda: all(report.leases == 0 for report in loud.status().versions))
