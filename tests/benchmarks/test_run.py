"""Which sections are measured, and where their tables go."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.recording import Recording
from benchmarks.run import Run, chosen

RUN = Run(Path("model"), Recording(np.zeros(16_000, np.float32), "silence"), 1, 1, 1, Path("scratch"))


@pytest.mark.parametrize("mark", ["bench", "bench-long", "bench-service"])
def test_without_names_a_whole_group_is_measured(mark: str) -> None:
    """Nothing is measured, loaded or started to find out which."""
    found, sections = chosen(RUN, mark, [])
    assert found == mark
    assert sections


def test_named_sections_are_found_in_whichever_group_they_are() -> None:
    """Their tables go to the mark of that group."""
    mark, sections = chosen(RUN, "bench", ["lease", "service"])
    assert (mark, list(sections)) == ("bench-service", ["lease", "service"])


def test_sections_of_two_groups_are_not_mixed() -> None:
    """One place in the page would get the tables of another."""
    with pytest.raises(SystemExit, match="--only lease whole: sections of one group"):
        chosen(RUN, "bench", ["lease", "whole"])
