"""The table of versions."""

import re

from segue.edges.ui.models.versions import versions
from segue.service.status import ModelReport
from tests.edges.ui.models.seen import CHINESE, ENGLISH, EVIL, status, version

PRIMARY = version("v1", role="primary", share=0.9, leases=1234, rate_per_s=3.25, p50_ms=4.0, p99_ms=120.4, errors=2)


def acts(told: str) -> list[tuple[str, str]]:
    """What may be done, to which version."""
    return re.findall(r'data-act="(\w+)" data-version="(\w+)"', told)


def test_each_has_its_figures() -> None:
    """State, share, leases, rate, latencies, errors, memory, model, digest; what is not known is a dash."""
    told = versions(
        status(versions=[PRIMARY, version("v2", role="canary", share=0.1, memory_bytes=5_000_000)]), ENGLISH
    )
    for text in ("primary 90 %", "canary 10 %", "1,234", "3.25", "4.00", "120", "me/one@v1", "digest dddddddddddd"):
        assert text in told
    assert ">5<" in told
    assert told.count(">-<") == 3
    assert '<td class="number bad" data-label="Errors">2</td>' in told


def test_only_what_makes_sense_can_be_done() -> None:
    """The primary can be neither switched to nor closed, a canary not closed; what is not loaded not closed either."""
    found = [
        PRIMARY,
        version("v2", role="canary", share=0.1),
        version("v3", bake_left_s=62.0),
        version("v4", state="draining", leases=2),
        version("v5", state="loading"),
        version("v6", state="failed", failure="it broke"),
        version("v7", state="closed"),
        version("v8", state="new"),
    ]
    told = versions(status(versions=found), ENGLISH)
    assert acts(told) == [
        ("switch", "v2"),
        ("switch", "v3"),
        ("close", "v3"),
        ("close", "v4"),
        ("switch", "v6"),
        ("switch", "v7"),
        ("switch", "v8"),
    ]
    assert "closes in 1:02" in told
    assert "closes when its 2 leases are back" in told
    assert "failed: it broke" in told
    assert "2 versions that are not loaded" in told
    assert told.count("data-confirm") == 2


def test_what_serves_comes_first() -> None:
    """The primary, what is tried beside it, then the others."""
    found = [version("v3"), version("v2", role="canary"), PRIMARY]
    told = versions(status(versions=found), ENGLISH)
    assert re.findall(r'data-key="(v\d)"', told) == ["v1", "v2", "v3"]


def test_names_of_models_are_text() -> None:
    """Neither a name, an option nor a failure becomes HTML."""
    evil = version("v2", model=ModelReport(EVIL, None, "d" * 64), options={"mode": EVIL}, failure=EVIL, stranded=1)
    told = versions(status(versions=[evil]), CHINESE)
    assert "<img" not in told
    assert told.count("&lt;img") == 3


def test_tables_say_what_their_cells_are() -> None:
    """A caption, and a scope for each heading, whatever is in it."""
    told = versions(status(versions=[version("v7", state="closed")]), ENGLISH)
    assert told.count("<caption>") == 2
    assert told.count("<th ") == told.count("scope=") > 0
    assert "No version is loaded." in told
