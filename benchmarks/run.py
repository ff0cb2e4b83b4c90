"""Measures, prints the tables, and with ``--write`` puts them into docs/performance.md.

python -m benchmarks.run [--rounds 5] [--minutes 10] [--only live …] [--long [--hours 6]] [--service] [--write]
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from benchmarks import (
    adoption,
    lease,
    live,
    live_streams,
    readiness,
    service,
    sharing,
    short_files,
    six_hours,
    start_up,
    switching,
    ten_hours,
    two_threads,
    whole_files,
)
from benchmarks.peers import load_all
from benchmarks.peers.funasr_onnx import FunasrOnnx
from benchmarks.peers.segue import SeguePeer
from benchmarks.recording import Recording, record
from benchmarks.table import ROOT, Table, document, surroundings, write
from segue.service import fetch
from segue.settings import read_settings

PAGE = ROOT / "docs" / "performance.md"

Sections = dict[str, Callable[[], Table]]


@dataclass(frozen=True)
class Run:
    """What every measurement is given."""

    directory: Path
    recording: Recording
    rounds: int
    hours: float
    switches: int
    scratch: Path


def short(run: Run) -> Sections:
    """``make bench``: minutes."""
    everyone = cache(lambda: load_all(run.directory))  # loaded once, outside of all measurements, if asked for at all
    as_it_comes = partial(FunasrOnnx, run.directory, threads=4)
    segue = cache(lambda: SeguePeer(run.directory))
    rounds, scratch = run.rounds, run.scratch
    return {
        "whole": lambda: whole_files.measure(everyone(), run.recording, rounds=rounds, scratch=scratch),
        "live": lambda: live.measure(everyone(), run.recording, threaded=as_it_comes, seconds=60, rounds=rounds),
        "threads": lambda: two_threads.measure(run.directory, run.recording, rounds=rounds),
        "short": lambda: short_files.measure(segue(), run.recording, files=1_000, rounds=rounds, scratch=scratch),
        "startup": lambda: start_up.measure(run.recording, rounds=2 * rounds + 1, scratch=scratch),
        "adopt": lambda: adoption.measure(run.directory, run.recording, rounds=rounds),
    }


def long(run: Run) -> Sections:
    """``make bench-long``: a quarter of an hour, without peers."""
    return {
        "six": lambda: six_hours.measure(run.directory, run.recording, hours=round(min(6, run.hours)), chunk_ms=200),
        "sixty": lambda: six_hours.measure(run.directory, run.recording, hours=1, chunk_ms=60),
        "ten": lambda: ten_hours.measure(run.recording, hours=run.hours, scratch=run.scratch),
    }


def served(run: Run) -> Sections:
    """``make bench-service``: a quarter of an hour. Segue's server is a process of its own; so are its clients."""
    recording, rounds, scratch = run.recording, run.rounds, run.scratch
    return {
        "service": lambda: service.measure(run.directory, recording, rounds=rounds, seconds=10, scratch=scratch),
        "streams": lambda: live_streams.measure(run.directory, recording, seconds=60, scratch=scratch),
        "sharing": lambda: sharing.measure(run.directory, recording, seconds=20, scratch=scratch),
        "switching": lambda: switching.measure(recording, switches=run.switches, scratch=scratch),
        "lease": lambda: lease.measure(operations=200_000, rounds=rounds),
        "ready": lambda: readiness.measure(rounds=rounds, scratch=scratch),
    }


GROUPS = {"bench": short, "bench-long": long, "bench-service": served}
"""By the mark between which their tables stand in the page."""


def chosen(run: Run, mark: str, only: list[str]) -> tuple[str, Sections]:
    """The sections to measure, with their mark: all of a group, or those named, whose group it is then."""
    if not only:
        return mark, GROUPS[mark](run)
    for candidate, group in GROUPS.items():
        sections = group(run)
        if set(only) <= set(sections):
            return candidate, {name: sections[name] for name in only}
    raise SystemExit(f"--only {' '.join(only)}: sections of one group are wanted; they are named in benchmarks/run.py")


def tables(sections: Sections) -> Iterator[Table]:
    """Measure, and print each table when it is done."""
    for measure in sections.values():
        table = measure()
        print(f"\n{table.markdown()}", flush=True)
        yield table


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description="Measure Segue beside its peers.")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count, after one that does not")
    parser.add_argument("--minutes", type=float, default=10, help="length of the recording")
    parser.add_argument("--hours", type=float, default=10, help="length of the long runs (the live one: at most 6)")
    parser.add_argument("--switches", type=int, default=200, help="how often the serving version is replaced")
    names = "whole live threads short startup adopt; six sixty ten; service streams sharing switching lease ready"
    parser.add_argument("--only", nargs="*", default=[], help=names)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--long", dest="mark", action="store_const", const="bench-long", help="the long runs")
    which.add_argument("--service", dest="mark", action="store_const", const="bench-service", help="the service")
    parser.set_defaults(mark="bench")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.relative_to(ROOT)}")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the servers that were started are ended then
    directory = fetch(None, settings=read_settings()).directory
    recording = record(60 * given.minutes)
    heading = surroundings(recording.source)
    print(heading, flush=True)
    with tempfile.TemporaryDirectory(prefix="segue-bench-") as scratch:
        run = Run(directory, recording, given.rounds, given.hours, given.switches, Path(scratch))
        mark, sections = chosen(run, given.mark, given.only)
        done = list(tables(sections))
    if given.write:
        write(PAGE, mark, document(heading, done))


if __name__ == "__main__":
    main()
