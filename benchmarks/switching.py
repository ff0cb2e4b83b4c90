"""What a switch costs those who send files meanwhile: requests close to one beside the rest of the same run."""

import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.clock import quantile
from benchmarks.http_load import Load, Order, Sent
from benchmarks.recording import Recording
from benchmarks.server import Server, new_home, segue_server
from benchmarks.service import CLIENTS, CLIP_S, write_clips
from benchmarks.table import Table, verdict

CLOSE_S = 0.5
PERIOD_S = 1.3
WARM_UP_S = 2.0
WANTED = 1.3
WANTED_TEXT = "at most 1.3, goal 1.1"

Choose = Callable[[int], Mapping[str, object]]
"""The options of the version that the n-th switch goes to."""


@dataclass(frozen=True, slots=True)
class Change:
    """One switch: seconds on ``time.monotonic``, from asking for it until it was acknowledged."""

    asked_s: float
    done_s: float
    status: int


@dataclass(frozen=True, slots=True)
class Measured:
    """One run."""

    name: str
    rate: float
    changes: Sequence[Change]
    close: Sequence[Sent]
    rest: Sequence[Sent]

    def ratio(self, share: float) -> float:
        """How much later those close to a switch were answered than the rest."""
        close, rest = (quantile([each.latency_s for each in which], share) for which in (self.close, self.rest))
        return close / rest


def measure(recording: Recording, *, switches: int, scratch: Path) -> Table:
    """To and fro between two versions that stay warm; then each time to one that has to be loaded first."""
    ways: dict[str, Choose] = {
        "two warm versions": lambda number: {"max_end_silence_time": 700 + 100 * (number % 2)},
        "a new version each time": lambda number: {"max_end_silence_time": 801 + number},
    }
    clips = write_clips(recording, scratch)
    runs = []
    for number, (name, choose) in enumerate(ways.items()):
        with segue_server(new_home(scratch / f"switching{number}")) as server:
            runs.append(_run(name, server, clips, choose, switches))
    rows = [_row(run) for run in runs]
    notes = [_verdict(run) for run in runs] + [_faults(runs)]
    notes.append(
        f"Close: not yet answered when the switch was asked for, or due up to {CLOSE_S} s after it was acknowledged. "
        f"Half load: {runs[0].rate:.0f} requests a second at random moments, half of what {CLIENTS} clients get."
    )
    title = f"Switching under half load: POST of {CLIP_S} s clips, {switches} switches"
    columns = ("", "close, rest", "p50 ms close, rest", "p99 ms close, rest", "p99 ratio", "switch ms, most")
    return Table(title, columns, rows, notes)


def _run(name: str, server: Server, clips: Sequence[str], choose: Choose, switches: int) -> Measured:
    for number in (0, 1):
        _switch(server, choose(number))
    full = Load(Order(server.port, "/v1/detect", clips, CLIENTS, 5)).result()
    rate = len(full) / 5 / 2
    seconds = WARM_UP_S + switches * PERIOD_S + CLOSE_S
    load = Load(Order(server.port, "/v1/detect", clips, 4 * CLIENTS, seconds, rate))
    begun_s = time.monotonic() + WARM_UP_S
    changes = []
    for number in range(switches):
        time.sleep(max(0.0, begun_s + number * PERIOD_S - time.monotonic()))
        changes.append(_switch(server, choose(number + 2)))
    sent = [each for each in load.result() if each.due_s >= begun_s]
    close = [each for each in sent if is_close(each, changes)]
    rest = [each for each in sent if not is_close(each, changes)]
    return Measured(name, rate, changes, close, rest)


def _switch(server: Server, options: Mapping[str, object]) -> Change:
    asked_s = time.monotonic()
    status, _ = server.ask("POST", "/v1/switch", {"model_id": "fsmn-vad", "options": options, "why": "measuring"})
    return Change(asked_s, time.monotonic(), status)


def is_close(sent: Sent, changes: Sequence[Change]) -> bool:
    """Whether a switch may have touched it; ``changes`` in the order of time, none of which overlap."""
    before = bisect_right(changes, sent.answered_s, key=lambda change: change.asked_s)
    return before > 0 and sent.due_s <= changes[before - 1].done_s + CLOSE_S


def _row(run: Measured) -> tuple[str, ...]:
    counts = f"{len(run.close):,}, {len(run.rest):,}"
    times = (", ".join(f"{quantile(_ms(part), share):.1f}" for part in (run.close, run.rest)) for share in (0.5, 0.99))
    took_ms = [1000 * (change.done_s - change.asked_s) for change in run.changes]
    return (run.name, counts, *times, f"{run.ratio(0.99):.2f}", f"{quantile(took_ms, 0.5):.0f}, {max(took_ms):.0f}")


def _ms(sent: Sequence[Sent]) -> list[float]:
    return [1000 * each.latency_s for each in sent]


def _verdict(run: Measured) -> str:
    ratio = run.ratio(0.99)
    return verdict(f"p99 close to a switch over the rest, {run.name},", ratio, wanted=WANTED_TEXT, good=ratio <= WANTED)


def _faults(runs: Sequence[Measured]) -> str:
    failed = [each for run in runs for each in (*run.close, *run.rest) if each.status != 200]
    refused = [change for run in runs for change in run.changes if change.status != 200]
    if refused:
        return f"**Missed**: {len(refused)} switches were refused, such as with {refused[0].status}."
    if failed:
        return f"**Missed**: {len(failed)} requests failed, such as with {failed[0].status} {failed[0].answer}"
    return "Met: no switch was refused and no request failed."
