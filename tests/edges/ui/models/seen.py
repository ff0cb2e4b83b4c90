"""Facts of a service as the parts of the tab are told them, made by hand."""

from dataclasses import replace
from typing import Any

from segue.edges.ui.words import Words
from segue.service.status import (
    JournalReport,
    ModelReport,
    RequestsReport,
    RouteReport,
    Status,
    StreamsReport,
    VersionReport,
)
from segue.swap import Plan, RolloutReport, VersionId
from segue.swap.rollout import Stage

ENGLISH = Words("en", "models")
CHINESE = Words("zh", "models")
EVIL = "<img src=x onerror=alert(1)>"
"""A name that is HTML."""

_VERSION = VersionReport(
    version=VersionId("v1"),
    model=ModelReport("me/one", "v1", "d" * 64),
    options={},
    state="ready",
    role="",
    share=0.0,
    leases=0,
    streams=0,
    stranded=0,
    bake_left_s=None,
    failure="",
    incarnation=1,
    memory_bytes=None,
    rate_per_s=0.0,
    p50_ms=None,
    p99_ms=None,
    errors=0,
    requests=0,
)

_STATUS = Status(
    segue="1.0",
    pid=1,
    started_at=0.0,
    uptime_s=5.0,
    ready=True,
    waits_for="",
    epoch=1,
    route=RouteReport(VersionId("v1"), None, 0.0, None),
    route_text="v1",
    back=[],
    under_way=None,
    rollout=None,
    follow="",
    memory_bytes=10_000_000,
    journal=JournalReport("", 0, ""),
    streams=StreamsReport(0, 0),
    requests=RequestsReport(0, 0, 0),
    versions=[replace(_VERSION, role="primary", share=1.0)],
)

_ROLLOUT = RolloutReport(
    id="abcd",
    version=VersionId("v2"),
    instead=VersionId("v1"),
    phase="canary",
    step=0,
    share=0.1,
    is_over=False,
    is_paused=False,
    who="ada",
    why="because",
    began_at=0.0,
    for_s=20.0,
    requests=7,
    compared=0,
    disagreement=None,
    verdict="not enough yet",
    says="",
    figures={},
    waits_for="",
    outcome="",
    plan=Plan().in_words(),
    stages=(Stage("canary", 0.1, "it is ready", 100.0),),
)


def version(name: str, **facts: Any) -> VersionReport:
    """A version that is ready and does nothing, but for these facts."""
    return replace(_VERSION, version=VersionId(name), **facts)


def status(**facts: Any) -> Status:
    """``v1`` serves, but for these facts."""
    return replace(_STATUS, **facts)


def report(**facts: Any) -> RolloutReport:
    """``v2`` is tried on a tenth of the keys, but for these facts."""
    return replace(_ROLLOUT, **facts)
