"""A batch at full tilt beside live streams: what each costs the other on one machine, of one service."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import segue
from benchmarks import http_load
from benchmarks.clock import quantile
from benchmarks.live_streams import CHUNK_MS, PLACES, Measured, _as_sent, _expect, _run
from benchmarks.recording import RATE, Recording
from benchmarks.server import Server, new_home, segue_server
from benchmarks.service import CLIENTS, CLIP_S, write_clips
from benchmarks.stream_load import Order
from benchmarks.table import Table, verdict

STREAMS = 100
WANTED_MS = 250
WANTED_SHARE = 0.25
"""Of what the batch has alone it is to have at the least; the streams' own work is taken off the rest."""


@dataclass(frozen=True, slots=True)
class Shared:
    """One run: the streams' delays, if there were streams, and how many clips a second were answered."""

    name: str
    live: Measured | None
    clips_per_s: float
    refused: int


def measure(directory: Path, recording: Recording, *, seconds: int, scratch: Path) -> Table:
    """Streams alone, the batch alone, and both."""
    chunk = CHUNK_MS * RATE // 1000
    samples = _as_sent(recording.samples[: len(recording.samples) // chunk * chunk])
    audio = scratch / "sharing.pcm"
    audio.write_bytes((samples * 32768).astype(np.int16).tobytes())
    chunks, apart = seconds * 1000 // CHUNK_MS, len(samples) // chunk // PLACES
    detector = segue.load(directory)
    expected = [_expect(detector, np.roll(samples, -place * apart * chunk), chunks) for place in range(PLACES)]
    starts = [number % PLACES * apart for number in range(STREAMS)]
    clips = write_clips(recording, scratch)
    path = f"/v1/stream?sample_rate={RATE}&encoding=pcm16&probabilities=true"
    with segue_server(new_home(scratch / "sharing")) as server:
        order = Order(server.port, path, str(audio), str(scratch / "shared.json"), starts, chunks, CHUNK_MS)
        _batch(server, clips, 2.0).result()  # the first requests of a server cost more
        alone = _run("streams alone", server, order, expected)
        batch = _counted("batch alone", None, _batch(server, clips, float(seconds)), 0.0, float(seconds))
        load = _batch(server, clips, seconds + 6.0)  # begins before the streams and ends after them
        began_s = time.monotonic()
        live = _run("both", server, order, expected)
        both = _counted("both", live, load, began_s, time.monotonic())
    return _table([Shared("streams alone", alone, 0.0, 0), batch, both], seconds)


def _batch(server: Server, clips: list[str], seconds: float) -> http_load.Load:
    return http_load.Load(http_load.Order(server.port, "/v1/detect", clips, CLIENTS, seconds))


def _counted(name: str, live: Measured | None, load: http_load.Load, began_s: float, ended_s: float) -> Shared:
    """Those answered between two moments; without a beginning, all of so many seconds."""
    sent = load.result()
    counted = [each for each in sent if not began_s or began_s <= each.answered_s <= ended_s]
    seconds = ended_s - began_s
    return Shared(name, live, len(counted) / seconds, sum(each.status != 200 for each in sent))


def _table(runs: list[Shared], seconds: int) -> Table:
    rows = [_row(run) for run in runs]
    alone, batch, both = runs
    assert alone.live is not None
    assert both.live is not None
    p99 = quantile(both.live.latencies_ms, 0.99)
    share = both.clips_per_s / batch.clips_per_s
    notes = [
        verdict("the streams' p99 beside the batch, in ms", p99, wanted=f"within {WANTED_MS}", good=p99 <= WANTED_MS),
        verdict(
            "the batch's speed beside the streams, over its speed alone",
            share,
            wanted=f"at least {WANTED_SHARE}",
            good=share >= WANTED_SHARE,
        ),
        f"Refused or failed: {sum(run.refused for run in runs)} clips, {len(both.live.streamed.errors)} streams; "
        f"streams with other events than expected: {both.live.different}.",
    ]
    columns = ("", "clips/s", "p50 ms", "p99 ms", "p99.9 ms", "most ms", "server, cores")
    title = f"{STREAMS} live streams beside a batch of {CLIP_S} s clips by {CLIENTS} clients, {seconds} s"
    return Table(title, columns, rows, notes)


def _row(run: Shared) -> tuple[str, ...]:
    clips = f"{run.clips_per_s:.0f}" if run.clips_per_s else ""
    if run.live is None:
        return (run.name, clips, "", "", "", "", "")
    times = (f"{quantile(run.live.latencies_ms, share):.1f}" for share in (0.5, 0.99, 0.999, 1))
    return (run.name, clips, *times, f"{run.live.server_cores:.2f}")


def main() -> None:
    """python -m benchmarks.sharing: this table alone."""
    import sys
    import tempfile

    from benchmarks.recording import record
    from segue.service import fetch
    from segue.settings import read_settings

    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as scratch:
        directory = fetch(None, settings=read_settings()).directory
        print(measure(directory, record(600), seconds=seconds, scratch=Path(scratch)).markdown())


if __name__ == "__main__":
    main()
