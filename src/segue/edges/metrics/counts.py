"""What has happened, counted as it does: a listener of the switchboard and of what is heard.

Labels of a version are kept while it is loaded, and of the last ``MOST_GONE`` that are not: Prometheus has read those
by then. One that comes again counts from 0, which ``rate`` takes for what it is, a restart.
"""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics import MetricWrapperBase

from segue.edges.metrics.labels import OTHER, VERSION, kind_of, word
from segue.edges.metrics.reasons import REASONS, reason_of
from segue.service.hearing import Heard
from segue.swap import Event, FellBack, Outcome, Refused, Released, State, Switched, Transitioned, VersionId

MOST_GONE = 16

_DURATION_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_DELAY_S = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_OVER = (State.CLOSED, State.FAILED)

M = TypeVar("M", bound=MetricWrapperBase)


class Counts:
    """``hear`` takes a switchboard's events and ``listen`` what is heard. Safe for threads; neither waits.

    ``model_of``: the model of a version, as a label; asked once a version, in the thread that brings the event.
    """

    def __init__(self, registry: CollectorRegistry, model_of: Callable[[VersionId], str]) -> None:
        self._registry = registry
        self._model_of = model_of
        self._lock = threading.Lock()  # guards the making and forgetting of labels, and _gone
        self._gone: dict[VersionId, None] = {}  # in the order of their going
        self._labels: dict[VersionId, Sequence[str]] = {}  # read without the lock
        self._children: dict[tuple[object, ...], object] = {}  # likewise: to look one up costs more than to count
        self._of_versions: list[MetricWrapperBase] = []
        use = (*VERSION, "use")
        self._requests = self._of(
            Counter, "requests", "Recordings, and rounds of streams, by outcome.", *use, "outcome"
        )
        self._failures = self._of(Counter, "request_failures", "Those that failed, by kind.", *use, "kind")
        self._duration = self._of(
            Histogram,
            "request_duration_seconds",
            "How long a version took over one that went well.",
            *use,
            buckets=_DURATION_S,
        )
        self._audio = self._of(Counter, "audio_seconds", "Seconds of audio that went well.", *use)
        self._speech = self._of(Counter, "speech_seconds", "Seconds of speech found in it.", *use)
        self._events = self._of(
            Histogram,
            "stream_event_delay_seconds",
            "From the arrival of the oldest chunk that was undecided to the telling of an event.",
            *VERSION,
            buckets=_DELAY_S,
        )
        self._falls = self._of(
            Counter, "fall_backs", "What a version failed at and another was given.", *VERSION, "answered"
        )
        self._loads = self._of(
            Counter, "transitions", "Steps of a version's life, by the state after it.", *VERSION, "state"
        )
        self._changes = _Changes(registry)

    def hear(self, event: Event) -> None:
        """Take note of what happened."""
        if isinstance(event, Released):
            self._released(event)
        elif isinstance(event, FellBack):
            self._child(self._falls, event.version, str(event.answered).lower()).inc()
        elif isinstance(event, Transitioned):
            self._child(self._loads, event.version, event.after.value).inc()
            self._went(event.version, is_gone=event.after in _OVER)
        else:
            self._changes.hear(event)

    def listen(self, heard: Heard) -> None:
        """Take note of what was heard."""
        self._child(self._speech, heard.version, heard.use).inc(heard.speech_s)
        if heard.events:
            delay = self._child(self._events, heard.version)
            for _ in range(heard.events):
                delay.observe(heard.delay_s)

    def _released(self, event: Released) -> None:
        version, use = event.version, event.use or OTHER
        self._child(self._requests, version, use, event.outcome.value).inc()
        if event.outcome is Outcome.OK:
            self._child(self._duration, version, use).observe(event.latency_s)
            self._child(self._audio, version, use).inc(event.weight)
        elif event.outcome is not Outcome.CANCELLED:
            self._child(self._failures, version, use, kind_of(event.outcome, event.error)).inc()

    # -- labels ----------------------------------------------------------------------------------------------------

    def _of(self, kind: Callable[..., M], name: str, said: str, *labels: str, **options: object) -> M:
        metric = kind(f"segue_{name}", said, labels, registry=self._registry, **options)
        self._of_versions.append(metric)
        return metric

    def _child(self, metric: M, version: VersionId, *values: str) -> M:
        key = (metric, version, *values)
        child = self._children.get(key)
        if child is None:
            labels = self._labels.get(version) or (self._model_of(version), version)
            with self._lock:
                if version not in self._labels:
                    self._labels[version] = labels
                    self._gone[version] = None  # unless it is being loaded, as its next step says: else this came late
                child = self._children[key] = metric.labels(*labels, *values)
        return child  # type: ignore[return-value]  # a child is of its metric's class

    def _went(self, version: VersionId, *, is_gone: bool) -> None:
        with self._lock:
            self._gone.pop(version, None)
            if is_gone:
                self._gone[version] = None
            while len(self._gone) > MOST_GONE:
                self._forget(next(iter(self._gone)))

    def _forget(self, version: VersionId) -> None:
        """Under the lock."""
        del self._gone[version]
        labels = self._labels.pop(version, None)
        for key in [key for key in self._children if key[1] == version]:
            del self._children[key]
        if labels is not None:
            for metric in self._of_versions:
                metric.remove_by_labels(dict(zip(VERSION, labels, strict=True)))


class _Changes:
    """What was done to the route: of the service, not of a version."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._switches = Counter("segue_switches", "Routes installed.", ("verb",), registry=registry)
        self._rollbacks = Counter("segue_rollbacks", "Ways back.", ("reason",), registry=registry)
        self._refused = Counter(
            "segue_changes_refused", "Changes that installed nothing.", ("verb", "kind"), registry=registry
        )
        for reason in REASONS:
            self._rollbacks.labels(reason)  # so that a first one is a rise

    def hear(self, event: Switched | Refused) -> None:
        if isinstance(event, Refused):
            self._refused.labels(word(event.verb), event.code).inc()
            return
        self._switches.labels(word(event.verb)).inc()
        if (reason := reason_of(event)) is not None:
            self._rollbacks.labels(reason).inc()
