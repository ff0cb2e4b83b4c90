"""What it costs the callers that all their requests are copied to a version on trial."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.http_load import Load, Order, Sent
from scripts.speech import Samples
from tests.e2e.drill import Operator, full, recordings, report, small
from tests.e2e.releases import Release
from tests.e2e.server import Server, home_with
from tests.e2e.variants import patient, variant

THIRD = 1 / 3


@dataclass(frozen=True, slots=True)
class Cost:
    """How long each part takes, and how often both are measured, in turn: other work on the machine hits both.

    ``at_most``: so many times the p99 without copies; None where the parts are too short to say.
    """

    seconds: float
    times: int
    at_most: float | None


@pytest.mark.parametrize("size", [small(Cost(2, 1, None)), full(Cost(8, 15, 1.5))])
def test_shadowing_all_of_them_costs_little(
    size: Cost, tmp_path: Path, model_directory: Path, long_speech: Samples
) -> None:
    """At a third of the load that it bears, at random moments: no request fails, nine in ten copies and more are
    compared within a minute of their request, and the callers' p99 is at most 1.5 times what it is without."""
    home, clips = home_with(tmp_path / "home", model_directory), list[str]()
    for number, content in enumerate(recordings(long_speech, 12, seconds=9)):
        clips.append(str(tmp_path / f"{number}.wav"))
        Path(clips[-1]).write_bytes(content)
    good, new = variant("default", "fsmn-vad", home), variant("new", patient(model_directory, tmp_path / "new"), home)
    plain, copied, compared, machine = list[Sent](), list[Sent](), 0, list[float]()
    with Server(home) as server:
        Operator(server).switch(good)
        rate = THIRD * len(_sent(server, clips, size.seconds)) / size.seconds
        for number in range(size.times):
            plain += _sent(server, clips, size.seconds, rate=rate, seed=number)
            machine.append(os.getloadavg()[0])
            release = Release(server, new, {"shadow": 100, "canary": [1], "step": "1h"})
            sent = _sent(server, clips, size.seconds, rate=rate, seed=100 + number)
            copied += sent
            compared += _compared(release)
            with server.client() as client:
                client.post("/v1/rollouts/current/abort")
    ratio = _p99_ms(copied) / _p99_ms(plain)
    report(
        f"Copies of all requests, at {rate:.1f} requests a second",
        requests=f"{len(plain)} without and {len(copied)} with",
        compared_within_a_minute=f"{compared / len(copied):.1%}",
        p99_ms=f"{_p99_ms(plain):.0f} without, {_p99_ms(copied):.0f} with: {ratio:.2f} times",
        load_of_the_machine=f"{min(machine):.1f} to {max(machine):.1f} on {os.cpu_count()} cores",
    )
    assert compared >= 0.9 * len(copied)
    assert {each.status for each in (*plain, *copied)} == {200}
    if size.at_most is not None:
        assert ratio <= size.at_most


def _sent(
    server: Server, clips: Sequence[str], seconds: float, *, rate: float | None = None, seed: int = 0
) -> list[Sent]:
    port = int(server.url.rpartition(":")[2])
    return Load(Order(port, "/v1/detect", clips, 8, seconds, rate, seed)).result()


def _compared(release: Release) -> int:
    """How many have been, a minute after the last was sent at the latest."""
    until_s = time.monotonic() + 60
    while (mirror := release.now["mirror"])["waiting"] and time.monotonic() < until_s:
        time.sleep(0.2)
    return int(mirror["compared"])


def _p99_ms(sent: Sequence[Sent]) -> float:
    """By nearest rank."""
    ordered = sorted(each.latency_s for each in sent)
    return 1000 * ordered[-(-99 * len(ordered) // 100) - 1]
