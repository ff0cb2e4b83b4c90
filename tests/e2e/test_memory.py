"""Memory, over many changes of the version."""

import statistics
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.speech import Samples
from tests.e2e.drill import Operator, full, recordings, report, small
from tests.e2e.load import FileClients, Live, LiveStreams
from tests.e2e.server import Server, home_with, until
from tests.e2e.variants import variant, variants

MOST_GROWTH_MB = 20
LIVES = (Live(speed=4), Live({"policy": "at-silence", "deadline_s": "1"}, chunk_ms=77, speed=2, rate=8_000))


@dataclass(frozen=True, slots=True)
class Changes:
    """How many switches before the first look at the memory, and how many after it."""

    warm_up: int
    switches: int


@pytest.mark.parametrize("size", [small(Changes(20, 40)), full(Changes(50, 1000))])
def test_memory_does_not_grow(
    size: Changes, home: Path, model_directory: Path, tmp_path: Path, long_speech: Samples
) -> None:
    """Switches to versions never seen before, to such that were closed, and to warm ones, while files and streams are
    served: the process grows by less than 20 MB in all."""
    six, files = variants(home, model_directory, tmp_path), recordings(long_speech, 12, seconds=9)
    memory_mb: list[float] = []
    with Server(home, max_resident=4) as server:
        operator = Operator(server)
        operator.switch(six[0])
        with (
            FileClients(server, files, ({}, {"mode": "dynamic"}), clients=1) as clients,
            LiveStreams(server, LIVES, long_speech) as streams,
        ):
            for number in range(size.warm_up + size.switches):
                match number % 3:
                    case 0:
                        operator.switch(six[number // 3 % len(six)])
                    case 1:
                        operator.switch(variant("new", "fsmn-vad", home, max_end_silence_time=801 + number))
                    case 2:
                        operator.rollback()
                wanted = len(clients.answers) + 2
                until(lambda wanted=wanted: len(clients.answers) >= wanted, "clients are answered")  # type: ignore[misc]
                memory_mb.append(server.status()["memory_bytes"] / 1e6)
        assert all(answer.status == 200 for answer in clients.answers)
        assert not any(heard.failure for heard in streams.heard)
        versions = len(server.status()["versions"])
    memory_mb = memory_mb[size.warm_up :]
    first, last = statistics.median(memory_mb[:20]), statistics.median(memory_mb[-20:])
    slope, _ = statistics.linear_regression(range(len(memory_mb)), memory_mb)
    report(
        f"{size.switches} switches, after {size.warm_up} of warming up",
        MB_at_the_beginning=f"{first:.1f}",
        at_the_end=f"{last:.1f}",
        most=f"{max(memory_mb):.1f}",
        kB_a_switch_by_regression=f"{1000 * slope:.1f}",
        versions_known=versions,
        files=len(clients.answers),
        ms_of_a_switch=f"{operator.took_ms[len(operator.took_ms) // 2]:.0f}",
    )
    assert last - first < MOST_GROWTH_MB


@pytest.fixture
def home(tmp_path: Path, model_directory: Path) -> Path:
    return home_with(tmp_path / "home", model_directory)
