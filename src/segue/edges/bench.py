"""``segue bench``: how fast this machine detects, and how many live streams one core carries."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from segue.speech.detector import Detector
    from segue.speech.scorer import Samples

_CHUNK_MS = 200
_BATCH = 16


@click.command("bench")
@click.argument("audio", required=False, metavar="[FILE]")
@click.option("--seconds", type=click.IntRange(5, 3600), default=60, show_default=True, help="Audio a round.")
@click.option("--rounds", type=click.IntRange(1, 100), default=5, show_default=True, help="Medians are of so many.")
@click.option("-m", "--model", metavar="MODEL", help="ID, ID@REVISION, alias or directory.  [default: fsmn-vad]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def bench(audio: str | None, seconds: int, rounds: int, model: str | None, as_json: bool) -> None:
    """Measure this machine: times real time, and live streams per core.

    Everything runs on one thread, and CPU time counts, so other work on the machine disturbs little. The audio is noise
    with bursts, made on the spot (what it costs does not depend on what is said), or the first seconds of FILE.
    """
    from segue import service

    detector = service.load(model)
    samples = _samples(detector, audio, seconds)
    heard_s = len(samples) / detector.scorer.sample_rate
    kinds: dict[str, Callable[[], float]] = {
        "whole": lambda: heard_s / _cpu_s(lambda: _whole(detector, samples)),
        "alone": lambda: heard_s / _cpu_s(lambda: _live(detector, samples)),
        "batches": lambda: heard_s * _BATCH / _cpu_s(lambda: _live_together(detector, samples)),
    }
    for measure in kinds.values():
        measure()  # the first round pays for memory and caches
    measured: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(rounds):  # in turn, so that a slow minute hits all alike
        for name, measure in kinds.items():
            measured[name].append(measure())
    medians = {name: statistics.median(values) for name, values in measured.items()}
    facts = {"audio_s": heard_s, "rounds": rounds, "source": audio or "noise with bursts", **_machine(detector)}
    if as_json:
        names = {"whole": "times_real_time", "alone": "streams_alone", "batches": f"streams_in_batches_of_{_BATCH}"}
        click.echo(json.dumps({names[name]: round(value, 1) for name, value in medians.items()} | facts, indent=2))
    else:
        _print(medians, measured, facts)


def _samples(detector: "Detector", audio: str | None, seconds: int) -> "Samples":
    """float32 (n,) at the model's rate."""
    import numpy as np

    rate = detector.scorer.sample_rate
    if audio is not None:
        from segue.speech.audio import decode

        blocks, have = [], 0
        with decode(audio, target_rate=rate) as decoded:
            for block in decoded:
                blocks.append(block[0])
                have += len(block[0])
                if have >= seconds * rate:
                    break
        if have < rate:
            raise click.UsageError(f"{audio} has less than a second of audio: give a longer file, or none")
        return np.concatenate(blocks)[: seconds * rate]
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(seconds * rate, dtype=np.float32)
    bursts = (np.arange(seconds * rate) // (rate // 2)) % 4 < 3  # 1.5 s loud, 0.5 s quiet
    samples: Samples = noise * np.where(bursts, np.float32(0.1), np.float32(0.001))
    return samples


def _cpu_s(work: Callable[[], object]) -> float:
    before = time.thread_time()
    work()
    return max(time.thread_time() - before, 1e-9)


def _whole(detector: "Detector", samples: "Samples") -> None:
    detector.detect(samples, sample_rate=detector.scorer.sample_rate)


def _live(detector: "Detector", samples: "Samples") -> None:
    """One stream in chunks, as from a microphone at full speed."""
    step = detector.scorer.sample_rate * _CHUNK_MS // 1000
    stream = detector.stream()
    for at in range(0, len(samples), step):
        stream.accept(samples[at : at + step])
    stream.finish()


def _live_together(detector: "Detector", samples: "Samples") -> None:
    """Chunks of many streams scored in one call, each stream decided by itself."""
    from segue.speech.segmenter import Segmenter

    scorer = detector.scorer
    step = scorer.sample_rate * _CHUNK_MS // 1000
    streams = [scorer.open() for _ in range(_BATCH)]
    segmenters = [Segmenter() for _ in streams]
    for at in range(0, len(samples), step):
        scored = scorer.accept_many(streams, [samples[at : at + step]] * _BATCH)
        for segmenter, p_silence in zip(segmenters, scored, strict=True):
            segmenter.accept(p_silence, detector.rules)


def _machine(detector: "Detector") -> dict[str, Any]:
    from importlib.metadata import version

    packages = ("segue", "numpy", "scipy", "onnxruntime")
    return {
        "model": str(detector.model),
        "digest": detector.model.digest[:12],
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "versions": ", ".join(f"{name} {version(name)}" for name in packages),
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def _print(medians: dict[str, float], measured: dict[str, list[float]], facts: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    labels = {
        "whole": "a recording, x real time",
        "alone": "live streams per core, each alone",
        "batches": f"the same, engine alone, {_BATCH} streams a call",
    }
    table = Table("one thread, CPU time", "median", "lowest", "highest", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, label in labels.items():
        values = measured[name]
        table.add_row(label, *(f"{value:,.0f}" for value in (medians[name], min(values), max(values))))
    console = Console(highlight=False, markup=False)
    console.width = max(console.width, 80)
    console.print(table)
    rounds = f"{facts['rounds']} rounds of {facts['audio_s']:.0f} s: {facts['source']}"
    console.print(f"\n{rounds}; live in chunks of {_CHUNK_MS} ms", soft_wrap=True)
    for name in ("model", "digest", "processor", "cores", "system", "versions"):
        console.print(f"{name}: {facts[name]}", soft_wrap=True)
