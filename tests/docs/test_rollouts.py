"""docs/rollouts.md: its words, defaults and addresses are those of the program."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from segue.edges import cli
from segue.edges.http.app import build
from segue.service import budget, followed, mirror, past, patience, webhook
from segue.swap import Plan, plan_of
from segue.swap.plan import _WORDS
from segue.swap.restore import _SOON_S, _TOO_OFTEN
from tests.edges.http.service import loud_service

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "rollouts.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table of a section, without its head."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = re.findall(r"^\| (.*) \|$", section, re.MULTILINE)
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)] for row in found[1:] if not row.startswith("---")]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def commands(command: click.Command, name: str) -> Iterator[str]:
    """Every command and option that there is, ``segue rollout`` and ``segue rollout --canary`` alike."""
    yield name
    for parameter in command.params:
        yield from (f"{name} {option}" for option in (*parameter.opts, *parameter.secondary_opts))
    if isinstance(command, click.Group):
        for sub in command.commands.values():
            yield from commands(sub, f"{name} {sub.name}")


def test_every_part_of_a_plan_is_explained_with_its_default() -> None:
    """In the order of the program; a default in the words of people is the program's."""
    table = {row[0].strip("`"): row for row in rows("The plan")}
    assert list(table) == sorted(_WORDS, key=list(table).index)
    said = {name: row[2] for name, row in table.items() if row[2] != "none" and name not in ("bake", "golden")}
    assert plan_of({name: int(text) if text.isdecimal() else text for name, text in said.items()}) == Plan()
    assert {name for name, row in table.items() if row[2] == "none"} == {"max_disagreement", "golden", "webhook"}


def test_its_options_are_those_of_the_commands() -> None:
    """Each that the plan's table names, and each command of the table of commands."""
    known = {name for top in ("rollout", "canary", "follow") for name in commands(cli.COMMANDS[top].load(), top)}
    for name, option, *_ in rows("The plan"):
        for text in re.findall(r"--[a-z-]+", option):
            assert f"rollout begin {text}" in known, name
    for _, said, _ in rows("Commands"):
        for text in re.findall(r"`segue ([a-z ]+?)(?: [A-Z\[-]|`)", said):
            assert text in known, text


def test_its_addresses_are_those_of_the_interface(tmp_path: Path) -> None:
    """Every one, by its method; and there is no other."""
    with loud_service(tmp_path) as service:
        paths = build(service).openapi()["paths"]
    there = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    there = {re.sub(r"\{[^}]*\}", "ID", each) for each in there if re.search("/v1/(rollouts|follow)", each)}
    named = {
        each for _, _, said in rows("Commands") for each in re.findall(r"((?:GET|POST|PUT|DELETE) /v1/[\w/]+)", said)
    }
    assert named == there


def test_its_plans_are_plans() -> None:
    """The file of the page, and the one of the example."""
    (shown,) = blocks("toml")
    plan = plan_of(tomllib.loads(shown))
    assert (plan.shadow, plan.canary, plan.bake_s) == (0.2, (0.01, 0.1, 0.5), 3600.0)
    example = re.search(r"\$ cat plan\.toml\n(.*?)\$ segue", PAGE, re.DOTALL)
    assert example is not None
    assert plan_of(tomllib.loads(example[1])).margin_latency == 1.6


def test_its_figures_are_those_of_the_program() -> None:
    """Limits and deadlines."""
    for figure in (
        "ten times what the other version takes" if patience._TIMES == 10 else "",
        "and a second at the least" if patience.LEAST_S == 1 else "",
        f"At most {mirror._MOST:,} copies wait, and {mirror._MOST_BYTES / 2**20:.0f} MB of audio",
        "else eight times its files" if budget._TIMES == 8 else "",
        f"{budget._RESERVE_BYTES / 2**20:.0f} MB are kept for those who are served",
        "within ten minutes of its taking traffic, twice in a row" if (_SOON_S, _TOO_OFTEN) == (600, 2) else "",
        "three times at the most" if len(webhook._WAITS_S) == 3 else "",
        f"{followed.LEAST_S:.0f} s at the least",
        "with which the process ended twice while it was being prepared" if past._TOO_OFTEN == 2 else "",
    ):
        assert figure
        assert figure in PAGE
    (told,) = blocks("json")
    assert list(json.loads(told)) == ["id", "version", "instead", "phase", "outcome", "who", "why", "figures"]


def test_its_exit_statuses_are_those_of_the_help() -> None:
    """3 is for what was taken back."""
    help_text = CliRunner().invoke(cli.root, ["rollout", "--help"]).output
    assert "3 taken back by itself" in help_text
    assert "3 taken back by itself" in PAGE.split("\n## Exit statuses\n")[1]


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)]+)\)", PAGE))))
def test_its_links_lead_somewhere(link: str) -> None:
    """The pages that it names are there, and so are their headings."""
    name, _, heading = link.partition("#")
    page = (ROOT / "docs" / name).read_text(encoding="utf-8") if name else PAGE
    headings = [re.sub(r"[^\w -]", "", text).lower().replace(" ", "-") for text in re.findall("^#+ (.*)$", page, re.M)]
    assert not heading or heading in headings
