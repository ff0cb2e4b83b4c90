"""Live streams: how many one core serves, the engine alone, no network."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from benchmarks.clock import Measure, Spread, by_turns, cpu_s
from benchmarks.peers import Peer
from benchmarks.peers.segue import SeguePeer
from benchmarks.recording import RATE, Recording, Samples
from benchmarks.table import Table, verdict
from segue.speech.segmenter import Segmenter

BATCH = 16
WANTED = {("segue", "funasr-onnx"): 5.0, ("segue", "FunASR (torch)"): 10.0}
WANTED_IN_BATCHES = {("segue, batches of 16", "funasr-onnx"): 7.0, ("segue, batches of 16", "FunASR (torch)"): 18.0}


def measure(
    peers: Sequence[Peer], recording: Recording, *, threaded: Callable[[], Peer], seconds: int, rounds: int
) -> Table:
    """Streams per core = seconds of audio fed in chunks of 200 ms / CPU seconds, a new stream each round.

    ``threaded`` is made and measured when the others are done: its threads spin on, and that would be on their account.
    """
    samples = recording.samples[: seconds * RATE]
    contenders: dict[str, Measure] = {}
    for peer in peers:
        contenders[peer.name] = partial(_stream, peer, samples)
        if isinstance(peer, SeguePeer):
            batch = [np.roll(recording.samples, -i * 7 * RATE)[: seconds * RATE] for i in range(BATCH)]
            contenders["segue, batches of 16"] = partial(_batch, peer, batch)
    costs = by_turns(contenders, rounds=rounds)
    spinning = threaded()
    costs |= by_turns({spinning.name: partial(_stream, spinning, samples)}, rounds=rounds)
    rows = [_row(name, cost, costs["segue"], seconds) for name, cost in costs.items()]
    notes = []
    for (mine, other), wanted in {**WANTED, **WANTED_IN_BATCHES}.items():
        ratio = costs[other].over(costs[mine]).median
        what = f"streams per core, {mine}, over {other}'s"
        notes.append(verdict(what, ratio, wanted=f"at least {wanted:g}", good=ratio >= wanted))
    notes.append("silero-vad takes chunks of 32 ms only; all others are fed 200 ms.")
    notes.append("funasr-onnx uses 4 threads unless told otherwise, which spin while they wait: CPU time of them all.")
    title = f"Live: streams per core, {seconds} s a stream, {rounds} rounds"
    return Table(title, ("", "streams per core", "CPU ms per 200 ms", "segue's streams over its"), rows, notes)


def _stream(peer: Peer, samples: Samples) -> float:
    chunks = list(_chunks(samples, peer.chunk_samples))
    stream = peer.open_stream()
    return cpu_s(lambda: [stream.feed(chunk) for chunk in chunks])


def _batch(peer: SeguePeer, batch: Sequence[Samples]) -> float:
    """CPU seconds a stream: chunks of all streams scored in one call, a segmenter for each."""
    scorer, rules = peer.detector.scorer, peer.detector.rules
    streams = [scorer.open() for _ in batch]
    segmenters = [Segmenter() for _ in batch]
    ticks = list(zip(*(_chunks(samples, peer.chunk_samples) for samples in batch), strict=True))

    def work() -> None:
        for chunks in ticks:
            for segmenter, p_silence in zip(segmenters, scorer.accept_many(streams, chunks), strict=True):
                segmenter.accept(p_silence, rules)

    return cpu_s(work) / len(batch)


def _chunks(samples: Samples, size: int) -> list[Samples]:
    return [samples[at : at + size] for at in range(0, len(samples) - size + 1, size)]


def _row(name: str, cost: Spread, segue: Spread, seconds: int) -> tuple[str, ...]:
    streams = seconds / cost.median
    ratio = "1" if cost is segue else f"{cost.over(segue):.2f}"
    return (name, f"{streams:.0f}", f"{cost.median / seconds * 200:.2f}", ratio)
