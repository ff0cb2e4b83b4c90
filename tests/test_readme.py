"""What the READMEs show is what happens."""

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
READMES = ("README.md", "README.zh-CN.md")


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", READMES)
def test_the_example_of_any_other_model_replaces_it(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The README's own lines make a pipeline of the reader's replaceable: it answers, is replaced, and comes back."""
    (example,) = (block for block in blocks(page, "python") if "Switchboard" in block)
    names: dict[str, Any] = {"load_pipeline": lambda model_id: lambda text: f"{model_id} heard {text}"}
    exec(compile(example, page, "exec"), names)
    assert capsys.readouterr().out == "my-model-1 heard some input\n"
    with names["board"].lease(key="after") as lease:
        assert lease.model("all") == "my-model-1 heard all"
    assert len(example.splitlines()) < 22


@pytest.mark.parametrize("page", READMES)
def test_every_page_that_a_readme_links_to_is_there(page: str) -> None:
    """No link of a README leads nowhere."""
    linked = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / page).read_text(encoding="utf-8"))
    assert linked
    assert [name for name in linked if not (ROOT / name).exists()] == []


def test_both_readmes_show_the_same_commands() -> None:
    """The Chinese page has the English page's commands and outputs, to the letter."""
    english, chinese = (blocks(page, "console") for page in READMES)
    assert chinese == english
