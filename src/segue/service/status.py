"""The service at one moment, for operators: frozen, in the form of ``GET /v1/status``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from segue.service.operations import Operation
from segue.swap import Figures, RolloutReport, Snapshot, VersionId, VersionStatus


@dataclass(frozen=True, slots=True)
class RouteReport:
    """Which version answers whom."""

    primary: VersionId
    canary: VersionId | None
    canary_share: float
    shadow: VersionId | None


@dataclass(frozen=True, slots=True)
class ModelReport:
    """What a version runs."""

    id: str
    revision: str | None
    digest: str


@dataclass(frozen=True, slots=True)
class VersionReport:
    """One version. ``rate_per_s``, latencies and ``errors`` are of the last minute, ``requests`` of its current life.

    ``streams``: live streams that are on it. ``memory_bytes``: by how much the process grew when it was loaded.
    """

    version: VersionId
    model: ModelReport
    options: Mapping[str, str | int | float | bool]
    state: str
    role: str
    share: float
    leases: int
    streams: int
    stranded: int
    bake_left_s: float | None
    failure: str
    incarnation: int
    memory_bytes: int | None
    rate_per_s: float
    p50_ms: float | None
    p99_ms: float | None
    errors: int
    requests: int


@dataclass(frozen=True, slots=True)
class JournalReport:
    """``pending_rows`` could not be written yet; ``notice`` says what was found damaged at the start."""

    path: str
    pending_rows: int
    notice: str


@dataclass(frozen=True, slots=True)
class StreamsReport:
    """``elsewhere``: on another version than a new stream of the same key would be."""

    open: int
    elsewhere: int


@dataclass(frozen=True, slots=True)
class RequestsReport:
    """Recordings: ``running`` counts all from the first byte to the answer, ``waiting`` those without a thread."""

    running: int
    waiting: int
    refused: int


@dataclass(frozen=True, slots=True)
class Status:
    """Everything at one moment. ``follow``: what is followed, and what came of it, on one line; "" for nothing."""

    segue: str
    pid: int
    started_at: float
    uptime_s: float
    ready: bool
    waits_for: str
    epoch: int
    route: RouteReport | None
    route_text: str
    back: Sequence[str]
    under_way: Operation | None
    rollout: RolloutReport | None
    follow: str
    memory_bytes: int
    journal: JournalReport
    streams: StreamsReport
    requests: RequestsReport
    versions: Sequence[VersionReport]


def route_report(snapshot: Snapshot) -> RouteReport | None:
    """The route as it is reported."""
    route = snapshot.route
    return RouteReport(route.primary, route.canary, route.canary_share, route.shadow) if route else None


def version_report(
    status: VersionStatus, snapshot: Snapshot, figures: Figures, *, memory_bytes: int | None, streams: int
) -> VersionReport:
    """One version as it is reported."""
    spec, route = status.resolved.spec, snapshot.route
    role, share = "", 0.0
    if route and status.version == route.primary:
        role, share = "primary", 1 - route.canary_share
    elif route and status.version == route.canary:
        role, share = "canary", route.canary_share
    elif route and status.version == route.shadow:
        role = "shadow"
    return VersionReport(
        version=status.version,
        model=ModelReport(spec.model_id, spec.revision, status.resolved.digest),
        options=dict(spec.options),
        state=status.state.value,
        role=role,
        share=share,
        leases=status.leases,
        streams=streams,
        stranded=status.stranded,
        bake_left_s=status.bake_left_s,
        failure=status.failure,
        incarnation=status.incarnation,
        memory_bytes=memory_bytes,
        rate_per_s=figures.rate_per_s,
        p50_ms=figures.p50_ms,
        p99_ms=figures.p99_ms,
        errors=figures.errors,
        requests=figures.requests,
    )
