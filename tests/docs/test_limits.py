"""docs/limits.md and docs/security.md: what they name is there."""

import inspect
import re
from pathlib import Path

import pytest

from segue import errors
from segue.edges.http.errors import STATUS, status_of
from segue.edges.serve import connection
from segue.settings import Settings

ROOT = Path(__file__).parents[2]
LIMITS, SECURITY = ((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("limits.md", "security.md"))
CELLS = [[cell.strip() for cell in line.split("|")[1:-1]] for line in LIMITS.splitlines() if line.startswith("| `")]
ROWS = [(name.strip("`"), default, http) for name, default, _, http, _ in CELLS]
KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.ServiceError)]
CODES = {kind.code: status_of(kind) for kind in (*KINDS, *STATUS)}


def test_every_limit_is_in_the_table_with_its_default() -> None:
    """Each setting that bounds something, and none that is no setting."""
    bounds = re.compile(r"(max_|.*_timeout_s$|.*_idle_s$|body_|head_s|unread_s|keep_alive_s|stall_s|isolated_memory)")
    assert {name for name, *_ in ROWS} == {name for name in Settings.model_fields if bounds.match(name)}
    for name, default, _ in ROWS:
        value = Settings.model_fields[name].default
        assert default == ("none" if value is None else f"{value:.0f}"), name


def test_codes_have_the_status_that_is_said() -> None:
    """As the table of errors has it."""
    for _, _, http in ROWS:
        for status, code in re.findall(r"(\d{3}) `(\w+)`", http):
            assert CODES[code] == int(status)


def test_what_is_fixed_is_as_it_says() -> None:
    """Of heads."""
    assert f"heads of {connection._MOST_HEAD_BYTES // 1024} KiB and {connection._MOST_HEADERS} headers" in LIMITS
    assert f"{connection._MOST_AHEAD} requests sent ahead" in LIMITS


@pytest.mark.parametrize("page", [LIMITS, SECURITY], ids=["limits", "security"])
def test_links_and_tests_are_there(page: str) -> None:
    """Each page that is linked, each test that is named."""
    for name in re.findall(r"\]\(([^)#]+\.md)", page):
        assert (ROOT / "docs" / name).is_file(), name
    for path in re.findall(r"`(tests/[\w/.]+)`", page):
        assert (ROOT / path).exists(), path
    assert "TODO" not in page
