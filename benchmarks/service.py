"""Short recordings by HTTP: Segue's server beside the usual design of one, under the same clients."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import soundfile

from benchmarks import http_load
from benchmarks.clock import Measure, Spread, by_turns, quantile
from benchmarks.http_load import Order, Sent
from benchmarks.recording import RATE, Recording
from benchmarks.server import Server, new_home, segue_server, usual_design
from benchmarks.table import Table, verdict

CLIENTS = 8
CLIP_S = 9
CLIPS = 32
WANTED = 6.0
WANTED_TEXT = "at least 6, goal 8"


@dataclass
class Contender:
    """A server, and what it did in the rounds that count."""

    server: Server
    path: str
    sent: list[list[Sent]] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def round(self, clips: Sequence[str], seconds: float) -> float:
        """Seconds a clip, under ``CLIENTS`` that never rest."""
        before_s = self.server.cpu_s()
        sent = http_load.Load(Order(self.server.port, self.path, clips, CLIENTS, seconds)).result()
        self.cpu_s.append((self.server.cpu_s() - before_s) / len(sent))
        self.sent.append(sent)
        return (max(each.answered_s for each in sent) - min(each.sent_s for each in sent)) / len(sent)

    @property
    def counted(self) -> list[Sent]:
        """Those of the first round are left out."""
        return [each for sent in self.sent[1:] for each in sent]

    def segments(self) -> list[object]:
        """What it answered for each clip, the first time."""
        first = sorted((each for each in self.sent[0] if each.number < CLIPS), key=lambda each: each.number)
        return [json.loads(each.answer).get("segments") for each in first]


def measure(directory: Path, recording: Recording, *, rounds: int, seconds: float, scratch: Path) -> Table:
    """All servers run throughout, and are asked by turns."""
    clips = write_clips(recording, scratch)
    with ExitStack() as stack:
        segue = stack.enter_context(segue_server(new_home(scratch / "http")))
        one = stack.enter_context(usual_design(directory, scratch / "one.log", ncpu=1))
        many = stack.enter_context(usual_design(directory, scratch / "many.log", ncpu=None))
        contenders = {
            "segue serve": Contender(segue, "/v1/detect"),
            "usual design, one thread in torch": Contender(one, "/"),
            "usual design, as it comes": Contender(many, "/"),
        }
        turns: dict[str, Measure] = {name: partial(each.round, clips, seconds) for name, each in contenders.items()}
        costs = by_turns(turns, rounds=rounds)
    return _table(contenders, costs, rounds)


def write_clips(recording: Recording, scratch: Path) -> list[str]:
    """Paths of different wav files of ``CLIP_S``."""
    folder = scratch / "clips"
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{number:02}.wav" for number in range(CLIPS)]
    for number, path in enumerate(paths):
        at = number * CLIP_S * RATE
        soundfile.write(path, recording.samples[at : at + CLIP_S * RATE], RATE, subtype="PCM_16")
    return [str(path) for path in paths]


def _table(contenders: dict[str, Contender], costs: dict[str, Spread], rounds: int) -> Table:
    segue = costs["segue serve"]
    rows = [_row(name, each, costs[name], segue) for name, each in contenders.items()]
    ratio = min(cost.over(segue).median for name, cost in costs.items() if name != "segue serve")
    notes = [
        verdict("clips a second over the better usual design's", ratio, wanted=WANTED_TEXT, good=ratio >= WANTED),
        _failures(contenders),
        _compared(contenders),
    ]
    title = f"Service: POST of {CLIP_S} s clips, {CLIENTS} clients, {rounds} rounds"
    return Table(title, ("", "clips/s", "p50 ms", "p99 ms", "CPU ms a clip", "segue's clips over its"), rows, notes)


def _row(name: str, contender: Contender, cost: Spread, segue: Spread) -> tuple[str, ...]:
    rate = Spread(tuple(1 / value for value in cost.values))
    latencies_ms = [each.latency_s * 1000 for each in contender.counted]
    p50, p99 = (f"{quantile(latencies_ms, share):.0f}" for share in (0.5, 0.99))
    cpu_ms = 1000 * Spread(tuple(contender.cpu_s[1:])).median
    ratio = "1" if cost is segue else f"{cost.over(segue):.2f}"
    return (name, f"{rate:.1f}", p50, p99, f"{cpu_ms:.1f}", ratio)


def _failures(contenders: dict[str, Contender]) -> str:
    failed = [each for contender in contenders.values() for each in contender.counted if each.status != 200]
    if not failed:
        return "Met: every request was answered with 200."
    return (
        f"**Missed**: {len(failed)} requests were not answered with 200, such as {failed[0].status} {failed[0].answer}"
    )


def _compared(contenders: dict[str, Contender]) -> str:
    mine, others, _ = (contender.segments() for contender in contenders.values())
    different = sum(a != b for a, b in zip(mine, others, strict=True))
    if not different:
        return f"Met: the segments of all {len(mine)} clips are those of the usual design."
    return f"**Missed**: the segments of {different} of {len(mine)} clips are not those of the usual design."
