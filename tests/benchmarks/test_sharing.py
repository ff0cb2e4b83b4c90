"""What a batch and live streams cost each other: how it is told."""

from benchmarks.live_streams import Measured
from benchmarks.sharing import Shared, _table
from benchmarks.stream_load import Streamed


def run(name: str, *, latency_ms: float = 0.0, clips_per_s: float = 0.0, errors: int = 0) -> Shared:
    """One in which every message took so long."""
    streamed = Streamed(0, [], [], [], [], 1.0, ["broken"] * errors)
    live = Measured(name, [latency_ms] * 100, streamed, 0, 0.5, 20.0) if latency_ms else None
    return Shared(name, live, clips_per_s, 0)


def test_both_are_held_to_what_they_have_alone() -> None:
    """The streams to their delay, the batch to a share of its speed; what broke is counted."""
    fair = _table(
        [
            run("streams alone", latency_ms=9),
            run("batch alone", clips_per_s=90),
            run("both", latency_ms=30, clips_per_s=60),
        ],
        20,
    ).markdown()
    assert "| both          | 60      | 30.0   | 30.0   |" in fair
    assert fair.count("Met: ") == 2
    starved = _table(
        [
            run("streams alone", latency_ms=9),
            run("batch alone", clips_per_s=90),
            run("both", latency_ms=400, clips_per_s=9, errors=3),
        ],
        20,
    ).markdown()
    assert starved.count("**Missed**: ") == 2
    assert "3 streams" in starved
