"""The command line in child processes: their time and their memory."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.clock import resident_mb


def detect_command(path: Path) -> list[str]:
    """``segue detect`` of this environment, for one file or directory."""
    return [str(Path(sys.executable).with_name("segue")), "detect", "--format", "jsonl", str(path)]


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
