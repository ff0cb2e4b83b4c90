"""docs/operating.md: what in it is drawn from the program is as the program has it."""

import re
from pathlib import Path

import pytest

from segue.settings import Settings
from segue.swap.lifecycle import State, diagram

PAGE = (Path(__file__).parents[2] / "docs" / "operating.md").read_text(encoding="utf-8")


def settings_table() -> str:
    """The table of the settings as it must stand in the page."""
    rows = [f"| `{name}` | {_default(name)} | {field.description} |" for name, field in Settings.model_fields.items()]
    return "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows])


def _default(name: str) -> str:
    value = Settings.model_fields[name].default
    if name == "home":
        return "the user's data directory"
    if value in (None, ()):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)


def first_column(heading: str) -> list[str]:
    """The first cells of the first table after a heading."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `?([^|`]+?)`? \|", section, re.MULTILINE)[1:]


def test_every_setting_is_in_the_table() -> None:
    """With its default and meaning, in the words of settings.py."""
    assert settings_table() in PAGE


def test_the_diagram_is_the_table_of_transitions() -> None:
    """As ``lifecycle.diagram()`` draws it."""
    assert f"```mermaid\n{diagram()}```" in PAGE


def test_every_state_is_explained() -> None:
    """Each once, in the order of its life."""
    assert first_column("States") == [state.name for state in State]


@pytest.mark.parametrize("name", re.findall(r"\[[^\]]+\]\(([^)#]+\.md)\)", PAGE))
def test_its_links_lead_somewhere(name: str) -> None:
    """The pages it names are there."""
    assert (Path(__file__).parents[2] / "docs" / name).is_file()


def test_nothing_is_left_to_do() -> None:
    """Every output in it is there."""
    assert "TODO" not in PAGE
