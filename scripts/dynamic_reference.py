"""What FunASR answers as it comes ("dynamic") on minutes of speech: the reference of Segue's dynamic mode.

FunASR 1.4 looks its schedule of allowed end silences up once a 60 s block, so only recordings of several blocks show
what it does. The clips of ../shared/data are joined in many orders, and cut where blocks begin and end. Run with the
peers' environment, which has FunASR (``make bench`` makes it):

    .bench/bin/python scripts/dynamic_reference.py MODEL_DIRECTORY [--data ../shared/data] [--out tests/data/…json]

The answer keeps no audio: a join is named by its clips, and ``rebuild`` makes its samples again.
"""

import argparse
import json
import logging
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import soundfile

Samples: TypeAlias = npt.NDArray[np.float32]
Pairs: TypeAlias = list[list[int]]

ROOT = Path(__file__).resolve().parents[1]
RATE = 16_000
MINUTE = 60 * RATE
PACKAGES = ("funasr", "torch", "numpy")


@dataclass(frozen=True, slots=True)
class Join:
    """Clips one after the other. A clip is its path in the data, or ``path:first:last`` for a part, in samples."""

    name: str
    clips: tuple[str, ...]
    trim_samples: int | None = None
    """So many samples of the joined clips are kept; None for all."""


def rebuild(data: Path, join: Join) -> Samples:
    """The samples of a join: float32 (n,), 16 kHz."""
    joined = np.concatenate([_read(data, clip) for clip in join.clips])
    return joined[: join.trim_samples]


def load(path: Path) -> list[tuple[Join, Mapping[str, Any]]]:
    """The joins of a reference file, each with FunASR's answers: ``segments`` offline, ``live`` by chunk size in ms."""
    entries = json.loads(path.read_text(encoding="utf-8"))["joins"]
    return [(Join(entry["name"], tuple(entry["clips"]), entry["trim_samples"]), entry) for entry in entries]


def joins(data: Path) -> Iterator[Join]:
    """All joins that are asked about; the same on every machine."""
    clips = sorted(path.relative_to(data).as_posix() for path in data.glob("*/*.wav"))
    draw = random.Random(2)
    for number in range(24):
        order = draw.sample(clips, len(clips))
        first = f"{order[0]}:{draw.randrange(3 * RATE)}:"  # moves the boundaries of all blocks by up to 3 s
        yield Join(f"shuffled {number}", (first, *order[1:]), draw.randrange(5 * MINUTE, 7 * MINUTE))
    dense = [clip for clip in clips if clip.startswith("meeting")] + ["misc/vad_example.wav"]
    for number in range(6):
        order = draw.choices(dense, k=9)
        first = f"{order[0]}:{draw.randrange(3 * RATE)}:"
        yield Join(f"dense {number}", (first, *order[1:]), 5 * MINUTE + number * 4321)
    unbroken = tuple(_unbroken(data))
    for number in range(4):
        yield Join(f"no pause {number}", tuple(draw.sample(unbroken, len(unbroken)) * 3), 5 * MINUTE + number * 98_765)
    for length in (MINUTE, 2 * MINUTE, 3 * MINUTE):
        for extra in (-400, -160, -1, 0, 1, 159, 239, 240, 399, 400, 560, 720, 1_000):
            order = draw.sample(clips, len(clips))
            yield Join(f"{length // RATE} s {extra:+d} samples", tuple(order), length + extra)
            yield Join(f"no pause, {length // RATE} s {extra:+d} samples", unbroken * 3, length + extra)


def _unbroken(data: Path) -> Iterator[str]:
    """The longest stretches that FunASR takes for one utterance, without the silence it leaves on both sides."""
    reference = json.loads((data / "reference" / "funasr.json").read_text(encoding="utf-8"))
    for clip, answers in sorted(reference.items()):
        for start_ms, end_ms in answers["classic"] if clip.endswith(".wav") else ():
            if end_ms - start_ms > 6_000:
                yield f"{clip}:{(start_ms + 400) * RATE // 1000}:{(end_ms - 100) * RATE // 1000}"


def _read(data: Path, clip: str) -> Samples:
    path, _, span = clip.partition(":")
    first, _, last = span.partition(":")
    return _decoded(data / path)[int(first or 0) : int(last) if last else None]


@cache
def _decoded(path: Path) -> Samples:
    samples, rate = soundfile.read(path, dtype="float32")
    if rate != RATE or samples.ndim != 1:
        raise ValueError(f"{path}: {rate} Hz, shape {samples.shape}; the references are of 16 kHz mono")
    return np.asarray(samples, np.float32)


def offline(model: Any, samples: Samples) -> Pairs:
    """FunASR's segments of a whole recording."""
    segments: Pairs = model.generate(input=samples)[0]["value"]
    return segments


def live(model: Any, samples: Samples, *, chunk_ms: int) -> Pairs:
    """FunASR's live events as it is fed chunks, joined into segments."""
    step, cache, segments = chunk_ms * RATE // 1000, {}, []  # type: ignore[var-annotated]  # FunASR's own state
    for at in range(0, len(samples), step):
        last = at + step >= len(samples)
        answer = model.generate(input=samples[at : at + step], cache=cache, is_final=last, chunk_size=chunk_ms)
        for start, end in answer[0]["value"]:
            if start >= 0:
                segments.append([start, end])
            if end >= 0:
                segments[-1][1] = end
    return segments


def answer(directory: Path, data: Path, wanted: Sequence[Join]) -> Iterator[Mapping[str, Any]]:
    """Ask FunASR about each join: offline about all, live about every fourth (it is slow)."""
    from funasr import AutoModel  # type: ignore[import-not-found]  # only in the peers' environment

    model = AutoModel(model=str(directory), device="cpu", disable_update=True, disable_pbar=True, log_level="ERROR")
    for number, join in enumerate(wanted):
        samples = rebuild(data, join)
        chunks = (200, 60) if number % 12 == 0 else (200,) if number % 4 == 0 else ()
        lives = {str(chunk_ms): live(model, samples, chunk_ms=chunk_ms) for chunk_ms in chunks}
        print(f"{join.name}: {len(samples) / RATE:.1f} s", flush=True)
        yield {**asdict(join), "segments": offline(model, samples), "live": lives}


def main() -> None:
    """Write the reference, one join a line."""
    parser = argparse.ArgumentParser(description="Ask FunASR for the reference of Segue's dynamic mode.")
    parser.add_argument("model", type=Path, help="a directory with the default model: model.pt, am.mvn, config.yaml")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=ROOT / "tests" / "data" / "dynamic_reference.json")
    given = parser.parse_args()
    logging.disable(logging.WARNING)  # FunASR sets up the root logger and tells it much
    entries = [json.dumps(entry) for entry in answer(given.model, given.data, list(joins(given.data)))]
    versions = json.dumps({name: version(name) for name in PACKAGES})
    given.out.parent.mkdir(parents=True, exist_ok=True)
    text = f'{{"versions": {versions}, "joins": [\n' + ",\n".join(entries) + "\n]}\n"
    given.out.write_text(text, encoding="utf-8")
    print(f"{given.out}: {len(entries)} joins")


if __name__ == "__main__":
    main()
