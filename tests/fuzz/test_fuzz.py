"""Whatever comes over the network is answered, or refused as Segue refuses: no other error, no end of the process.

A short run from the corpus; ``make fuzz SECONDS=3600`` is a long one, by coverage.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.mutation import mutations
from tests.fuzz.targets import CORPUS, TARGETS, Target

COUNTS = {"head": 150, "audio": 60, "app": 120, "live": 60}
"""How many are tried of a target; of the others 400."""


@pytest.mark.parametrize("name", list(TARGETS))
def test_what_was_kept_and_what_is_made_of_it_is_answered(name: str) -> None:
    """Every file of the corpus, and mutations of them; the same ones each time."""
    target = TARGETS[name]
    corpus = target.corpus()
    for data in (*corpus, *mutations(corpus, COUNTS.get(name, 400), seed=len(name))):
        try:
            target.parse(data)
        except Exception as error:
            error.add_note(f"{name}: {data!r}")
            raise


def test_a_finding_is_one() -> None:
    """A target that raises something else than Segue's errors, or asserts, fails: the harness swallows nothing."""

    def broken(data: bytes) -> None:
        if b"\xff" in data:
            raise KeyError(data)

    def seeds() -> Iterator[bytes]:
        yield b"abc"

    target = Target("broken", broken, seeds)

    def run() -> None:
        for data in mutations(target.corpus(), 400, seed=0):
            target.parse(data)

    with pytest.raises(KeyError):
        run()


def test_the_corpus_is_small_and_of_targets() -> None:
    """What is kept is kept for a target, and no file of it is large."""
    for path in CORPUS.rglob("*"):
        if path.is_file() and path.name != ".gitkeep":
            assert path.parent.name in TARGETS
            assert path.stat().st_size <= 2_000
    assert Path(CORPUS).is_dir()
