"""A model directory with anything in it: a Scorer that scores, or a ModelError of one line; in time, in memory.

The short form runs with the other tests; ``make drills`` runs the long one, ``SEGUE_FUZZ_S`` seconds of it (600).
"""

import json
import math
import os
import random
import resource
import shutil
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from segue.errors import InferenceFailed, ModelError
from segue.models.fsmn import load
from tests.models.networks import write_int8_of, write_network

MOST_S = 3.0
MOST_BYTES = 600 << 20
"""Address space beyond what the interpreter with all its libraries has: it holds what was mapped, used or not."""

Mutation = Callable[[random.Random, bytes], bytes]


def flipped(draw: random.Random, data: bytes) -> bytes:
    """One to eight bits."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, 8)):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def overwritten(draw: random.Random, data: bytes) -> bytes:
    """One to four bytes, words or double words, by numbers at which arithmetic turns over."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, 4)):
        width = draw.choice((1, 2, 4, 8))
        value = draw.choice((0, 1, 1 << (8 * width - 1), (1 << (8 * width)) - 1, (1 << (8 * width - 1)) - 1))
        at = draw.randrange(len(changed))
        changed[at : at + width] = value.to_bytes(width, draw.choice(("little", "big")))
    return bytes(changed)


def cut(draw: random.Random, data: bytes) -> bytes:
    """Shorter at either end, or with a hole."""
    start, end = sorted(draw.randrange(len(data) + 1) for _ in range(2))
    return draw.choice((data[:start], data[start:], data[:start] + data[end:]))


def doubled(draw: random.Random, data: bytes) -> bytes:
    """A stretch of it again, somewhere."""
    start = draw.randrange(len(data))
    piece = data[start : start + draw.randint(1, 400)]
    at = draw.randrange(len(data))
    return data[:at] + piece * draw.choice((1, 1, 2, 50)) + data[at:]


def spliced(draw: random.Random, data: bytes) -> bytes:
    """Words that mean something in one of the formats, put where something else stood."""
    at, word = draw.randrange(len(data)), draw.choice(_WORDS)
    return data[:at] + word + data[at + draw.choice((0, len(word))) :]


_WORDS = [
    b"\x80\x02",
    b"cos\nsystem\n",
    b"\x8c\x02os\x8c\x06system\x93",
    b"R",
    b"o",
    b"i",
    b"b",
    b".",
    b"(",
    b"Q",
    b"0",
]
_WORDS += [
    b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"h\x00",
    b"j\xff\xff\xff\x7f",
    b"\x8a\xff" + b"\x7f" * 255,
    b"\x8b\xff",
]
_WORDS += [
    b"PK\x01\x02",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"PK\x06\x06",
    b"nan",
    b"inf",
    b"1e39",
    b"-1",
    b"[",
    b"]",
    b"*a",
]
_WORDS += [
    b": ",
    b"\n- ",
    b"!!python/object/apply:os.system [x]",
    b"99999999999999999999",
    b"\xff\xfe",
    b"\x00",
    b"module.",
]

MUTATIONS: tuple[Mutation, ...] = (flipped, overwritten, cut, doubled, spliced)


def inside(draw: random.Random, data: bytes) -> bytes:
    """One member of an archive changed, and packed anew: its checksum holds."""
    packed = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as read, zipfile.ZipFile(packed, "w") as written:
        names = read.namelist()
        # The pickle most of all: it is what says what to do.
        chosen = "model/data.pkl" if draw.random() < 0.8 else draw.choice(names)
        for name in names:
            content = read.read(name)
            written.writestr(name, draw.choice(MUTATIONS)(draw, content) if name == chosen and content else content)
    return packed.getvalue()


def tried(directory: Path) -> str:
    """What came of it: the class of the refusal, or "scores"; anything else is raised."""
    began_s = time.monotonic()
    outcome, refusal = "scores", ""
    try:
        scorer, _ = load(directory)
        stream = scorer.open()
        p = np.concatenate((stream.accept(_noise(scorer.sample_rate)), stream.finish()))
        assert np.isfinite(p).all()
    except (ModelError, InferenceFailed) as error:
        outcome, refusal = type(error).__name__, str(error)
    assert refusal.isprintable(), refusal
    assert len(refusal) < 600 + len(str(directory)), refusal
    took_s = time.monotonic() - began_s
    assert took_s < MOST_S, f"{took_s:.1f} s for {outcome}"
    return outcome


def _noise(rate: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return (0.1 * np.random.default_rng(0).standard_normal(min(rate, 16_000))).astype(np.float32)


def victims(scratch: Path) -> Iterator[tuple[Path, str]]:
    """Model directories, and the file in each that will be changed."""
    for kind in ("model.pt", "model.onnx"):
        network = write_network(scratch / kind, kind=kind)
        yield network.directory, kind
    yield write_int8_of(scratch / "model.pt", scratch / "int8"), "model.onnx"
    yield from ((scratch / "model.pt", name) for name in ("config.yaml", "am.mvn"))


def fuzz(scratch: Path, *, seed: int, until: Callable[[int], bool]) -> Counter[str]:
    """Change one file of a model directory, again and again; a failure leaves the directory for a look."""
    targets = [(directory, name, (directory / name).read_bytes()) for directory, name in victims(scratch)]
    counts: Counter[str] = Counter()
    number = 0
    while not until(number):
        draw = random.Random(f"{seed}/{number}")  # each can be made again by itself
        directory, name, data = targets[number % len(targets)]
        change: Mutation = draw.choice((inside, inside, *MUTATIONS)) if name == "model.pt" else draw.choice(MUTATIONS)
        try:
            (directory / name).write_bytes(change(draw, data))
            counts[f"{directory.name}/{name}: {tried(directory)}"] += 1
        except Exception as error:
            error.add_note(f"seed {seed}, number {number}: {change.__name__} {name}")
            raise
        (directory / name).write_bytes(data)
        number += 1
    return counts


def main() -> None:
    """In a process that may not have more memory: ``python -m tests.models.test_fuzz DIRECTORY SEED SECONDS``."""
    scratch, seed, seconds = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    tried(write_network(scratch / "first").directory)  # what is imported late is in
    own = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (own + MOST_BYTES,) * 2)
    end_s = time.monotonic() + seconds
    counts = fuzz(scratch, seed=seed, until=lambda _: time.monotonic() > end_s)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    print(json.dumps({**counts, "peak_mb": int(status.split("VmHWM:")[1].split()[0]) // 1024}))


def test_changed_directories_score_or_are_refused(tmp_path: Path) -> None:
    """400 directories with one file changed: each scores, or is refused on one line, within seconds."""
    counts = fuzz(tmp_path, seed=0, until=lambda number: number >= 400)
    assert counts.total() == 400
    assert sum(count for what, count in counts.items() if what.endswith("ModelInvalid")) > 100
    assert {what.split(":")[0] for what in counts if what.endswith("scores")} >= {
        "model.onnx/model.onnx",
        "int8/model.onnx",
    }  # it bites


@pytest.mark.drill
@pytest.mark.timeout(4_000)
def test_changed_directories_for_long(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same for minutes, with other seeds, in processes that may not have more than 600 MB of their own."""
    seconds = float(os.environ.get("SEGUE_FUZZ_S", "600"))
    seed = int(os.environ.get("SEGUE_FUZZ_SEED", str(time.time_ns() % 1_000_000)))
    total: Counter[str] = Counter()
    for part in range(math.ceil(seconds / 60)):
        scratch = tmp_path / str(part)
        command = [sys.executable, "-W", "error", "-m", "tests.models.test_fuzz", str(scratch), str(seed + part)]
        share_s = min(60.0, seconds - 60 * part)
        finished = subprocess.run([*command, str(share_s)], capture_output=True, text=True, check=False)
        assert finished.returncode == 0, finished.stderr[-3_000:]
        counts = json.loads(finished.stdout)
        peak_mb = counts.pop("peak_mb")
        assert peak_mb < MOST_BYTES >> 20
        total.update(counts)
        total["peak_mb"] = max(total["peak_mb"], peak_mb)
        shutil.rmtree(scratch)
    with capsys.disabled():
        print(f"\nseed {seed}:", json.dumps(dict(sorted(total.items())), indent=1))


if __name__ == "__main__":
    main()
