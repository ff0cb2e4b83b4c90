"""Whole recordings: CPU time of each peer on the same samples in memory, and of Segue from a file."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import soundfile

from benchmarks.clock import Measure, Spread, by_turns, cpu_s
from benchmarks.peers import Pairs, Peer
from benchmarks.peers.segue import SeguePeer
from benchmarks.peers.silero import Silero
from benchmarks.recording import RATE, Recording
from benchmarks.table import Table, verdict

WANTED = 5.0
WANTED_TEXT = "at least 5, goal 8"


def measure(peers: Sequence[Peer], recording: Recording, *, rounds: int, scratch: Path) -> Table:
    """Interleaved rounds; segments of the same rounds compared."""
    answers: dict[str, Pairs] = {}
    costs = by_turns(_contenders(peers, recording, scratch, answers), rounds=rounds)
    segue = costs["segue"]
    rows = [_row(name, cost, segue, recording.seconds, answers) for name, cost in costs.items()]
    ratio = costs["funasr-onnx"].over(segue).median
    notes = [
        verdict("funasr-onnx's CPU time over Segue's", ratio, wanted=WANTED_TEXT, good=ratio >= WANTED),
        *(_compared(name, answers) for name in ("funasr-onnx", "FunASR (torch)")),
    ]
    title = f"Whole recordings: CPU time, {recording.seconds / 60:g} minutes, {rounds} rounds"
    return Table(title, ("", "CPU s", "x real time", "ratio to segue", "segments"), rows, notes)


def _contenders(
    peers: Sequence[Peer], recording: Recording, scratch: Path, answers: dict[str, Pairs]
) -> dict[str, Measure]:
    path = scratch / "whole.wav"
    soundfile.write(path, recording.samples, RATE, subtype="PCM_16")
    calls: dict[str, Callable[[], Pairs]] = {}
    for peer in peers:
        calls[peer.name] = partial(peer.detect, recording.samples)
        if isinstance(peer, SeguePeer):
            calls["segue, from a wav file"] = partial(_from_file, peer, path)
        if isinstance(peer, Silero):
            calls["silero-vad (ONNX, in blocks)"] = partial(peer.detect_in_blocks, recording.samples)
    return {name: partial(_timed, name, call, answers) for name, call in calls.items()}


def _from_file(segue: SeguePeer, path: Path) -> Pairs:
    return [(s.start_ms, s.end_ms) for s in segue.detector.detect(path)]


def _timed(name: str, call: Callable[[], Pairs], answers: dict[str, Pairs]) -> float:
    found: list[Pairs] = []
    cost = cpu_s(lambda: found.append(call()))
    answers[name] = found[0]
    return cost


def _row(name: str, cost: Spread, segue: Spread, seconds: float, answers: dict[str, Pairs]) -> tuple[str, ...]:
    ratio = "1" if cost is segue else f"{cost.over(segue):.2f}"
    return (name, f"{cost:.2f}", f"{seconds / cost.median:.0f}", ratio, str(len(answers[name])))


def _compared(name: str, answers: dict[str, Pairs]) -> str:
    mine, others = answers["segue"], answers[name]
    if mine == others:
        return f"Met: Segue's {len(mine)} segments equal those of {name} in this run, every start and end."
    only_mine, only_others = sorted(set(mine) - set(others)), sorted(set(others) - set(mine))
    return (
        f"**Missed**: segments differ from {name}'s: {len(only_mine)} of {len(mine)} are only Segue's "
        f"({only_mine[:5]}), {len(only_others)} only its ({only_others[:5]})."
    )
