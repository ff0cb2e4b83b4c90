"""Fuzz by coverage, for as long as you like: ``make fuzz SECONDS=3600``.

python -m tests.fuzz.run [--seconds N] [TARGET ...]; needs atheris, which the tests do not. Each target has an equal
part of the time, in a process of its own, since decoders are C. What reaches new code is kept in ``.fuzz/corpus``, what
is a finding in ``.fuzz/findings``; status 1 when there is one. ``--keep``: the smallest of the corpus go to
tests/fuzz/corpus, for the tests.
"""

import argparse
import hashlib
import logging
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".fuzz"
MOST_INPUT_BYTES = 8_000
SLOW_S = 60
_ONE = "--one"
KEPT = 40
"""Of each target."""
KEPT_BYTES = 2_000


def main() -> None:
    """See the top of the file."""
    if sys.argv[1:2] == [_ONE]:
        _fuzz(sys.argv[2], sys.argv[3:])
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--keep", action="store_true")
    given = parser.parse_args()
    from tests.fuzz.targets import TARGETS

    names = given.targets or list(TARGETS)
    found = [name for name in names if not _run(name, given.seconds / len(names))]
    if given.keep:
        for name in names:
            _keep(name)
    sys.exit(f"findings of {', '.join(found)}: see {WORK / 'findings'}" if found else 0)


def _run(name: str, seconds: float) -> bool:
    """One target, again after each finding until its time is over; whether there was none."""
    from tests.fuzz.targets import TARGETS

    corpus, findings = WORK / "corpus" / name, WORK / "findings" / name
    for directory in (corpus, findings):
        directory.mkdir(parents=True, exist_ok=True)
    for data in TARGETS[name].corpus():
        (corpus / _called(data)).write_bytes(data)
    until_s, fine = time.monotonic() + seconds, True
    while (left_s := until_s - time.monotonic()) >= 1:
        status = _one(name, f"-max_total_time={int(left_s)}", f"-artifact_prefix={findings}/", str(corpus))
        fine = fine and status == 0
    return fine


def _one(name: str, *options: str) -> int:
    limits = (f"-max_len={MOST_INPUT_BYTES}", f"-timeout={SLOW_S}", "-rss_limit_mb=4096", "-print_final_stats=1")
    command = [sys.executable, "-m", "tests.fuzz.run", _ONE, name, *limits, *options]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def _keep(name: str) -> None:
    """The smallest of those that reached new code when they were found."""
    found = sorted((path.read_bytes() for path in (WORK / "corpus" / name).iterdir()), key=len)
    directory = ROOT / "tests" / "fuzz" / "corpus" / name
    directory.mkdir(parents=True, exist_ok=True)
    for data in [data for data in found if len(data) <= KEPT_BYTES][:KEPT]:
        (directory / _called(data)).write_bytes(data)


def _called(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


def _fuzz(name: str, options: list[str]) -> None:
    atheris: Any = import_module("atheris")  # in an environment of its own
    logging.getLogger("segue").setLevel(logging.CRITICAL)

    with atheris.instrument_imports(include=["segue", "python_multipart"]):
        from tests.fuzz.targets import TARGETS
    atheris.Setup([sys.argv[0], *options], TARGETS[name].parse)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
