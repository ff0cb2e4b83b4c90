"""What is counted: each fact once, and labels that do not grow without an end."""

import threading
from collections import Counter

from prometheus_client import CollectorRegistry, generate_latest

from segue.edges.metrics.counts import MOST_GONE, Counts
from segue.errors import AudioTooLong
from segue.service.hearing import STREAM, Heard
from segue.swap import FellBack, Outcome, Refused, Released, State, Switched, Transitioned, VersionId
from tests.edges.metrics.conftest import samples

V1 = VersionId("v1")


def counting() -> tuple[Counts, CollectorRegistry, Counter[VersionId]]:
    """Nothing counted yet; and for which versions the model was asked."""
    registry, asked = CollectorRegistry(), Counter[VersionId]()

    def model_of(version: VersionId) -> str:
        asked[version] += 1
        return "a/model"

    return Counts(registry, model_of), registry, asked


def read(registry: CollectorRegistry, name: str) -> dict[tuple[str, ...], float]:
    return samples(generate_latest(registry).decode(), name)


def released(outcome: Outcome, *, version: VersionId = V1, error: Exception | None = None) -> Released:
    return Released(version, 1, "some key", outcome, 0.02, 3.0, error, 1, "recording")


def test_every_lease_is_one_request() -> None:
    """By outcome and use; audio and duration are of those that went well, and a failure has its kind."""
    counts, registry, asked = counting()
    for event in (released(Outcome.OK), released(Outcome.OK), released(Outcome.CANCELLED)):
        counts.hear(event)
    counts.hear(released(Outcome.FAILED, error=AudioTooLong("it is")))
    counts.hear(released(Outcome.ABANDONED))
    outcomes = {("ok", "recording"): 2, ("cancelled", "recording"): 1, ("failed", "recording"): 1}
    assert read(registry, "segue_requests_total") == {**outcomes, ("abandoned", "recording"): 1}
    kinds = {("audio_too_long", "recording"): 1, ("abandoned", "recording"): 1}
    assert read(registry, "segue_request_failures_total") == kinds
    assert read(registry, "segue_audio_seconds_total") == {("recording",): 6}
    assert read(registry, "segue_request_duration_seconds_count") == {("recording",): 2}
    assert asked == {V1: 1}
    assert "some key" not in generate_latest(registry).decode()


def test_changes_are_counted_by_what_they_are() -> None:
    """Routes by verb, ways back by reason, refusals by code, failures that another answered."""
    counts, registry, _ = counting()
    counts.hear(Switched("switch", None, None, 1, "bob", ""))
    counts.hear(Switched("fall back", None, None, 2, "", "v1 failed"))
    counts.hear(Refused("switch", "what", "bob", "busy", "another is under way"))
    counts.hear(FellBack(V1, 1, VersionId("v0"), "key", "item", "inference_failed", answered=True))
    assert read(registry, "segue_switches_total") == {("switch",): 1, ("fall_back",): 1}
    back = read(registry, "segue_rollbacks_total")
    assert back[("version_failed",)] == 1
    assert sum(back.values()) == 1
    assert read(registry, "segue_changes_refused_total") == {("busy", "switch"): 1}
    assert read(registry, "segue_fall_backs_total") == {("true",): 1}


def test_events_of_streams_have_their_delay() -> None:
    """Each event counts by itself, with the delay of its round; speech adds up."""
    counts, registry, _ = counting()
    counts.listen(Heard(V1, STREAM, 1.5, events=2, delay_s=0.03))
    counts.listen(Heard(V1, STREAM, 0.5))
    assert read(registry, "segue_stream_event_delay_seconds_count") == {(): 2}
    assert read(registry, "segue_speech_seconds_total") == {("stream",): 2}


def test_of_versions_that_are_gone_only_the_last_have_labels() -> None:
    """However many were served and closed; one that comes again counts anew."""
    counts, registry, _ = counting()
    for number in range(10 * MOST_GONE):
        version = VersionId(f"v{number}")
        counts.hear(Transitioned(version, 1, State.NEW, State.LOADING, ""))
        counts.hear(released(Outcome.OK, version=version))
        counts.listen(Heard(version, STREAM, 0.5, 1, 0.1))
        counts.hear(Transitioned(version, 1, State.DRAINING, State.CLOSED, ""))
    text = generate_latest(registry).decode()
    kept = {line.split('version="')[1].split('"')[0] for line in text.splitlines() if 'version="' in line}
    assert kept == {f"v{number}" for number in range(9 * MOST_GONE, 10 * MOST_GONE)}
    counts.hear(released(Outcome.OK, version=VersionId("v0")))
    assert 'segue_requests_total{model="a/model",outcome="ok",use="recording",version="v0"} 1.0' in (
        generate_latest(registry).decode()
    )


def test_what_comes_late_of_a_version_that_is_forgotten_is_forgotten_too() -> None:
    """A lease of it that was out all the time counts, and its labels go as the others do."""
    counts, registry, _ = counting()
    counts.hear(released(Outcome.OK, version=VersionId("late")))
    assert 'version="late"' in generate_latest(registry).decode()
    for number in range(MOST_GONE):
        for after in (State.LOADING, State.FAILED):
            counts.hear(Transitioned(VersionId(f"v{number}"), 1, State.NEW, after, ""))
    assert 'version="late"' not in generate_latest(registry).decode()


def test_threads_lose_no_count() -> None:
    """Eight threads that release leases of the same version at once."""
    counts, registry, _ = counting()

    def work() -> None:
        for _ in range(500):
            counts.hear(released(Outcome.OK))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read(registry, "segue_requests_total") == {("ok", "recording"): 4000}
