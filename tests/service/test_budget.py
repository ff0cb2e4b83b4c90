"""Whether another version fits."""

from pathlib import Path

import pytest

from segue.errors import InsufficientMemory
from segue.service.budget import available_bytes, check

MB = 10**6


def test_what_fits_is_let_in(tmp_path: Path) -> None:
    """By what its last loading took, or by its size on the disk; some is left to what serves."""
    (tmp_path / "model.onnx").write_bytes(bytes(10 * MB))
    check(tmp_path, None, available=lambda: 200 * MB)
    check(tmp_path, 20 * MB, available=lambda: 100 * MB)


def test_what_does_not_fit_is_refused_with_the_figures(tmp_path: Path) -> None:
    """Before anything is loaded."""
    (tmp_path / "model.onnx").write_bytes(bytes(100 * MB))
    with pytest.raises(InsufficientMemory, match=r"about 800 MB, and 500 MB are free, of which 67 are kept"):
        check(tmp_path, None, available=lambda: 500 * MB)
    with pytest.raises(InsufficientMemory, match=r"about 480 MB, and 500 MB are free"):
        check(tmp_path, 480 * MB, available=lambda: 500 * MB)


def test_this_machine_has_memory() -> None:
    """Of the machine and its control group."""
    assert available_bytes() > 50 * MB
