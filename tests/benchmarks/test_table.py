"""How tables get into the page."""

from pathlib import Path

import pytest

from benchmarks.table import Table, write


def test_a_table_is_markdown() -> None:
    """Title, aligned columns, notes."""
    text = Table("Title", ("", "s"), (("segue", "1"),), ("A note.",)).markdown()
    assert text == "### Title\n\n|       | s |\n|-------|---|\n| segue | 1 |\n\nA note.\n"


def test_only_what_stands_between_the_marks_is_replaced(tmp_path: Path) -> None:
    """The prose of the page stays."""
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n", encoding="utf-8")
    write(page, "bench", "new")
    assert page.read_text(encoding="utf-8") == "before\n<!-- bench -->\n\nnew\n\n<!-- /bench -->\nafter\n"


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    """Nothing is written anywhere else."""
    page = tmp_path / "page.md"
    page.write_text("prose\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="bench"):
        write(page, "bench", "new")
    assert page.read_text(encoding="utf-8") == "prose\n"
