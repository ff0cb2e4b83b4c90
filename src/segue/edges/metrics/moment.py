"""What is at this moment: asked of the service at each scrape, and kept nowhere."""

import platform
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from segue.edges.metrics.labels import VERSION, of_version
from segue.swap import State

if TYPE_CHECKING:
    from segue.service import Service, Status, VersionReport

_LOADED = (State.LOADING.value, State.WARMING.value, State.READY.value, State.DRAINING.value)
RECORDINGS, STREAMS = "recordings", "streams"


class Moment(Collector):
    """A collector of prometheus_client over one service. Safe for threads."""

    def __init__(self, service: "Service") -> None:
        self._service = service

    def describe(self) -> Iterator[Metric]:
        """Nothing: or the registry would ask a service that is not started what it has."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Everything at this moment."""
        status = self._service.status()
        yield from _process(status)
        yield from _route(status)
        yield from _versions([each for each in status.versions if _is_of_interest(each)])
        yield from self._places(status)
        yield from self._trial(status)

    def _places(self, status: "Status") -> Iterator[Metric]:
        settings = self._service.settings
        taken = {RECORDINGS: status.requests.running, STREAMS: status.streams.open}
        limits = {RECORDINGS: settings.max_requests, STREAMS: settings.max_streams}
        yield _by("places_taken", "Recordings and streams under way.", "what", taken)
        yield _by("places", "As many are taken at once.", "what", limits)
        yield _gauge("queue_waiting", "Recordings that wait for a thread.", status.requests.waiting)
        yield _gauge(
            "streams_elsewhere", "Streams on another version than a new one would be.", status.streams.elsewhere
        )
        refused = CounterMetricFamily("segue_refusals", "What was refused for want of a place.", labels=("what",))
        for what, count in self._service.refused.items():
            refused.add_metric((what,), count)
        yield refused

    def _trial(self, status: "Status") -> Iterator[Metric]:
        """Of the version under trial: copies of what the primary answered."""
        rollout = status.rollout
        models = {each.version: each.model.id for each in status.versions}
        yield _gauge("rollout_under_way", "1 while a rollout is.", rollout is not None)
        compared = CounterMetricFamily("segue_shadow_comparisons", "Copies compared.", labels=VERSION)
        failed = CounterMetricFamily("segue_shadow_failures", "Copies that the trial failed at.", labels=VERSION)
        dropped = CounterMetricFamily(
            "segue_shadow_dropped",
            "Copies not made: the queue was full, or they were too large.",
            labels=(*VERSION, "why"),
        )
        waiting = GaugeMetricFamily("segue_shadow_waiting", "Copies that wait.", labels=VERSION)
        agreement = GaugeMetricFamily(
            "segue_shadow_agreement", "Speech of both answers, of that in either; 1 is the same.", labels=VERSION
        )
        if rollout is not None and rollout.version in models:
            labels, report = (
                of_version(models[rollout.version], rollout.version),
                self._service.mirrored(rollout.version),
            )
            compared.add_metric(labels, report.compared)
            failed.add_metric(labels, report.failed)
            dropped.add_metric((*labels, "full"), report.dropped)
            dropped.add_metric((*labels, "too_large"), report.too_large)
            waiting.add_metric(labels, report.waiting)
            if report.iou is not None:
                agreement.add_metric(labels, report.iou)
        yield from (compared, failed, dropped, waiting, agreement)


def _process(status: "Status") -> Iterator[Metric]:
    built = GaugeMetricFamily("segue_build_info", "1: what runs.", labels=("version", "python"))
    built.add_metric((status.segue, platform.python_version()), 1)
    yield built
    yield _gauge("ready", "1 while a warmed version serves.", status.ready)
    yield _gauge("start_time_seconds", "When the service began, since 1970.", status.started_at)
    yield _gauge(
        "memory_bytes", "Memory of the process, without those that isolated models run in.", status.memory_bytes
    )
    yield _gauge("journal_pending_rows", "Rows that the journal could not be told yet.", status.journal.pending_rows)
    yield _gauge("change_under_way", "1 while a change of what serves is.", status.under_way is not None)


def _route(status: "Status") -> Iterator[Metric]:
    yield _gauge("route_epoch", "The number of the route: one more with each that is installed.", status.epoch)
    shares = GaugeMetricFamily(
        "segue_route_share", "Part of the keys that a version answers.", labels=(*VERSION, "role")
    )
    for each in status.versions:
        if each.role:
            shares.add_metric((*of_version(each.model.id, each.version), each.role), each.share)
    yield shares


def _versions(versions: "list[VersionReport]") -> Iterator[Metric]:
    states = Counter(each.state for each in versions)
    wanted = (*_LOADED, State.FAILED.value)
    yield _by(
        "versions", "Versions by state; those that are closed are not counted.", "state", {s: states[s] for s in wanted}
    )
    for name, said, field in (
        ("leases", "Leases that are out: recordings, rounds, and streams that stay on a version.", "leases"),
        ("streams_open", "Live streams.", "streams"),
        ("version_memory_bytes", "By how much the process grew when it was loaded.", "memory_bytes"),
        ("stranded", "Lives with a call that never came back: their memory cannot.", "stranded"),
    ):
        family = GaugeMetricFamily(f"segue_{name}", said, labels=VERSION)
        for each in versions:
            if (value := getattr(each, field)) is not None:
                family.add_metric(of_version(each.model.id, each.version), value)
        yield family


def _is_of_interest(each: "VersionReport") -> bool:
    """Whether anything of it is there: or every version that ever served would be listed."""
    is_failed = each.state == State.FAILED.value and each.memory_bytes is not None
    return bool(each.state in _LOADED or each.leases or each.stranded or is_failed)


def _gauge(name: str, said: str, value: float) -> Metric:
    return GaugeMetricFamily(f"segue_{name}", said, value=float(value))


def _by(name: str, said: str, label: str, values: "dict[str, int]") -> Metric:
    family = GaugeMetricFamily(f"segue_{name}", said, labels=(label,))
    for value, count in values.items():
        family.add_metric((value,), count)
    return family
