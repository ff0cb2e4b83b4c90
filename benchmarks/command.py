"""The command line in child processes: their time and their memory."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from benchmarks.clock import resident_mb


def segue_command() -> list[str]:
    """``segue`` of this environment; empty while the command line does not exist."""
    script = Path(sys.executable).with_name("segue")
    return [str(script)] if script.exists() and find_spec("segue.edges.cli") else []


def detect_command(path: Path) -> list[str]:
    """Detect in one file: by the command line, or while there is none by the Python API in a child."""
    if command := segue_command():
        return [*command, "detect", "--format", "jsonl", str(path)]
    return [sys.executable, "-c", f"import segue; print(len(segue.load().detect({str(path)!r})))"]


def children_cpu_s(command: Sequence[str]) -> float:
    """CPU seconds of a command, from start to exit. Raises CalledProcessError if it fails."""
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def watched(command: Sequence[str]) -> tuple[float, float]:
    """Run a command: (wall seconds, peak of its resident memory in MB, read every 20 ms)."""
    peak, start = 0.0, time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            try:
                peak = max(peak, resident_mb(process.pid, peak=True))
            except ProcessLookupError:  # it ended between the two lines
                break
            time.sleep(0.02)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return time.perf_counter() - start, peak
