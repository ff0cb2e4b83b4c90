"""What is printed: Markdown tables, and the machine and versions that they were measured with."""

import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = (
    "funasr", "funasr-onnx", "silero-vad", "webrtcvad-wheels", "modelscope", "torch", "numpy", "scipy", "onnxruntime",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Table:
    """One thing measured, with a verdict in words under it."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def markdown(self) -> str:
        """The table under its title, its notes below it."""
        cells = [list(self.columns), *map(list, self.rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self.columns))]
        lines = [_line(row, widths) for row in cells]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join((f"### {self.title}", "", *lines, "", *(f"{note}\n" for note in self.notes)))


def verdict(what: str, value: float, *, wanted: str, good: bool) -> str:
    """One line that says whether a goal is met."""
    return f"{'Met' if good else '**Missed**'}: {what} is {value:.3g}; wanted: {wanted}."


def surroundings(speech: str) -> str:
    """Machine, load, versions and recording, as Markdown."""
    versions = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    segue = f"Segue {_version('segue')} at {_commit()}"
    return "\n".join(
        (
            f"- {date.today().isoformat()}; {segue}; Python {platform.python_version()}",
            f"- {_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}; "
            f"load when it began: {os.getloadavg()[0]:.1f}",
            f"- {versions}",
            f"- one thread in every library; recording: {speech}",
        )
    )


def write(page: Path, mark: str, text: str) -> None:
    """Replace what stands between ``<!-- mark -->`` and ``<!-- /mark -->`` of a page."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(f"<!-- {mark} -->\n")
    _, end, after = rest.partition(f"<!-- /{mark} -->")
    if not begin or not end:
        raise SystemExit(f"{page} has no <!-- {mark} --> … <!-- /{mark} --> to put the tables between")
    page.write_text(f"{before}{begin}\n{text.strip()}\n\n{end}{after}", encoding="utf-8")


def document(heading: str, tables: Iterable[Table]) -> str:
    """All tables under their surroundings."""
    return "\n\n".join((heading, *(table.markdown() for table in tables)))


def _line(row: Iterable[str], widths: Iterable[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "an unknown commit"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
