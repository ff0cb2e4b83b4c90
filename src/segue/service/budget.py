"""Whether another version fits into memory: estimated before it is loaded, and refused with the figures."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from segue.errors import InsufficientMemory

_TIMES = 8
"""A model of so many bytes on the disk takes so many times as much, at the most, with what runs it (measured: 6)."""

_LEAST_BYTES = 32 * 2**20
_RESERVE_BYTES = 64 * 2**20
"""What is left to those who are served already."""

_CGROUP = Path("/sys/fs/cgroup")


def check(directory: Path, known_bytes: int | None, *, available: Callable[[], int] | None = None) -> None:
    """Raise InsufficientMemory unless the model in ``directory`` fits. ``known_bytes``: what its last loading took."""
    size_bytes = sum(file.stat().st_size for file in directory.iterdir() if file.is_file())
    estimated = known_bytes or max(_LEAST_BYTES, _TIMES * size_bytes)
    free = (available or available_bytes)()
    if estimated + _RESERVE_BYTES > free:
        raise InsufficientMemory(
            f"it would take about {estimated / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB are free, of which "
            f"{_RESERVE_BYTES / 1e6:,.0f} are kept for what serves: close a version (segue versions), or give it more"
        )


def available_bytes() -> int:
    """What this process may still take: of the machine, and of its control group where that has a limit."""
    free = int(psutil.virtual_memory().available)
    with suppress(OSError, ValueError):
        limit = int((_CGROUP / "memory.max").read_text(encoding="ascii"))
        used = int((_CGROUP / "memory.current").read_text(encoding="ascii"))
        cache = _inactive_bytes((_CGROUP / "memory.stat").read_text(encoding="ascii"))
        free = min(free, max(0, limit - used + cache))
    return free


def _inactive_bytes(stat: str) -> int:
    """Of files, which the system takes back when it must."""
    found = dict(line.split() for line in stat.splitlines() if len(line.split()) == 2)
    return int(found.get("inactive_file", 0))
