"""What the status looks like."""

import io
from typing import Any

import pytest
from rich.console import Console, RenderableType

from segue.edges.control.table import Shown, version_table, whole
from tests.edges.control.standin import FIRST, FSMN, SECOND, TUNED, change, primary, status, version


def printed(drawn: RenderableType, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(drawn)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def shown(said: dict[str, Any], width: int = 80) -> list[str]:
    return printed(whole(said, Shown("http://127.0.0.1:6006", width)), width)


def test_a_service_at_peace() -> None:
    """Three lines of the service, and the version that serves with its figures and its model."""
    assert shown(status()) == [
        "segue 0.1.0 at http://127.0.0.1:6006, ready, up 3 h 12 min, pid 4242, 312 MB",
        f"serves {FIRST}, epoch 7; there is nothing to go back to",
        "streams 12, requests 3 running, 0 waiting, 0 refused",
        "",
        "version    role          leases  streams  rate/s  p50 ms  p99 ms  errors   MB",
        f"{FIRST}  primary 100%       3       12    8.31    12.3    40.1       0  120",
        f"  {FSMN}@v2.0.4",
    ]


@pytest.mark.parametrize("width", [80, 100, 120])
def test_nothing_is_cut_and_no_figure_is_broken(width: int) -> None:
    """The longest names, large figures and many versions: each version's figures stand in one line, in columns."""
    figures = {"leases": 64, "streams": 1000, "rate_per_s": 1234.0, "p50_ms": 1234.5, "p99_ms": 61_234.5}
    versions = [
        primary(TUNED, share=0.975, errors=12_345, memory_bytes=4_012_000_000, requests=123_456_789, **figures),
        version("v0f9a2b7e-aaaaaa", role="canary", share=0.025, options={"max_end_silence_time": 500}),
    ]
    lines = shown(status(*versions, route_text=f"{TUNED} + 2.5% v0f9a2b7e-aaaaaa"), width)
    (titles,) = (line for line in lines if line.startswith("version "))
    rows = [line for line in lines if line.startswith(("v6cadc83c-1f09b2 ", "v0f9a2b7e-aaaaaa "))]
    assert len(rows) == 2
    assert len({len(line) for line in [titles, *rows]}) == 1
    assert all(len(line) <= width for line in lines)
    assert "…" not in "".join(lines)
    assert ("requests" in titles) is (width >= 100)
    assert rows[0].split()[2:9] == ["97.5%", "64", "1,000", "1,234", "1,234", "61,234", "12,345"]


def test_what_a_version_is_at_is_said_below_it() -> None:
    """What drains and what it waits for, how long one stays warm, why one failed, what cannot come back."""
    versions = [
        version("v1", state="draining", leases=2, streams=1),
        version("v2", state="draining"),
        version("v3", bake_left_s=571.2),
        version("v4", bake_left_s=0.0),
        version("v5"),
        version("v6", state="failed", failure="a weight is\nNaN", stranded=1),
        version("v7", state="loading"),
        version("v8", role="shadow"),
    ]
    lines = printed(version_table(versions, width=80), 80)
    assert [line.strip() for line in lines[1:] if FSMN not in line] == [
        "v1       draining        2        1       0       -       -       0   -",
        "waits for 2 leases, 1 stream among them, then closes",
        "v2       draining        0        0       0       -       -       0   -",
        "is being closed",
        "v3       warm 9:31       0        0       0       -       -       0   -",
        "can serve again at once; closes in 9:31",
        "v4       warm 0:00       0        0       0       -       -       0   -",
        "is about to close",
        "v5       warm            0        0       0       -       -       0   -",
        "v6       failed          0        0       0       -       -       0   -",
        "failed: a weight is\\nNaN",
        "the memory of 1 life cannot come back before the server ends: a call never",
        "returned",
        "v7       loading         0        0       0       -       -       0   -",
        "v8       shadow          0        0       0       -       -       0   -",
    ]


def test_what_is_the_matter_is_said_above() -> None:
    """Not ready, nothing in the route, a change under way, streams elsewhere, a journal behind or mended."""
    said = status(
        ready=False,
        waits_for="the default model is being fetched",
        route=None,
        route_text=None,
        back=["v1", SECOND],
        streams={"open": 12, "elsewhere": 2},
        under_way=change(at=3),
        journal={"path": "x", "pending_rows": 1, "notice": "damaged after row 12"},
    )
    assert shown(said, 120)[:7] == [
        "segue 0.1.0 at http://127.0.0.1:6006, not ready, up 3 h 12 min, pid 4242, 312 MB",
        f"serves nothing, epoch 7; rollback goes to {SECOND}",
        "streams 12 (2 not on what serves), requests 3 running, 0 waiting, 0 refused",
        "not ready: the default model is being fetched",
        f"under way: switch {FSMN}@v2.0.4 by ada@home: load, for 2.50 s",
        "journal: 1 row could not be written yet",
        "journal: damaged after row 12",
    ]
    assert "under way: switch x: begun, for 2.50 s" in shown(status(under_way=change(what="x", who="")))


def test_versions_that_are_not_loaded_are_counted() -> None:
    """A long life leaves many behind: the status stays short, and says where they are."""
    said = status(primary(), version("v1", state="closed"), version("v2", state="new"))
    assert shown(said)[-1] == "2 versions not loaded: segue versions shows all"
    assert not any(line.startswith("v1") for line in shown(said))
    assert shown(status(version("v1", state="closed")))[-2] == "no version is loaded"
