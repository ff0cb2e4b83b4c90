"""Measures accuracy on labelled clips, prints the tables, and with ``--write`` puts them into docs/accuracy.md.

python -m benchmarks.accuracy [--clips FOLDER] [--no-peers] [--seed 0] [--write]

FOLDER: recordings with labels of the same name beside them (RTTM, .scv, Audacity's, TextGrid, Segue's JSON).
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import segue
from benchmarks import accuracy_tables, loudness
from benchmarks.clips import Clip, read_clips
from benchmarks.contenders import peers
from benchmarks.listening import listen
from benchmarks.preset_search import candidates
from benchmarks.recording import DATA
from benchmarks.table import ROOT, Table, document, surroundings, write
from segue.service import fetch
from segue.settings import read_settings

PAGE = ROOT / "docs" / "accuracy.md"


def described(clips: list[Clip], folder: Path) -> str:
    """The clips in one line."""
    seconds = sum(clip.duration_ms for clip in clips) / 1000
    speech = sum(s.end_ms - s.start_ms for clip in clips for s in clip.speech) / 1000
    return f"{len(clips)} labelled clips of {folder.name}, {seconds:.0f} s, {speech / seconds:.0%} of them speech"


def tables(clips: list[Clip], *, with_peers: bool, seed: int) -> Iterator[Table]:
    """All of them, in the order of the page."""
    directory = fetch(None, settings=read_settings()).directory
    others = peers(directory) if with_peers else {}
    detector = segue.load(directory)
    listened = listen(clips, detector, peers=others, seed=seed)
    yield accuracy_tables.beside_peers(listened)
    yield accuracy_tables.by_condition(listened)
    yield accuracy_tables.by_family(listened)
    yield accuracy_tables.presets(listened)
    yield accuracy_tables.searched(candidates(listened))
    yield loudness.measure(clips, detector, seed=seed)


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description="Measure accuracy beside the peers.")
    parser.add_argument("--clips", type=Path, default=DATA / "ten", help="folder of recordings and labels")
    parser.add_argument("--no-peers", action="store_true", help="Segue alone: needs nothing but Segue")
    parser.add_argument("--seed", type=int, default=0, help="of noises, rooms and whoever babbles")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.relative_to(ROOT)}")
    given = parser.parse_args()
    began_s, used_s = time.monotonic(), time.process_time()
    clips = read_clips(given.clips)
    heading = surroundings(described(clips, given.clips))
    print(heading, flush=True)
    done = []
    for table in tables(clips, with_peers=not given.no_peers, seed=given.seed):
        print(f"\n{table.markdown()}", flush=True)
        done.append(table)
    print(f"{time.monotonic() - began_s:.0f} s, {time.process_time() - used_s:.0f} s of CPU")
    if given.write:
        write(PAGE, "accuracy", document(heading, done))


if __name__ == "__main__":
    main()
