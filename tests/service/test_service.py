"""The service as edges call it: detection, description, status, closing, the end."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from segue.errors import (
    Busy,
    GoldenFailed,
    InferenceFailed,
    InvalidParameter,
    InvalidPlan,
    NotReady,
    ServerRunning,
    ShuttingDown,
    TooManyRequests,
    Unauthorized,
    UnknownVersion,
    VersionInUse,
    VersionNotReady,
)
from segue.service import Ask, Policy, Service, StreamAsk
from segue.service.engine import Engine
from segue.service.streams import Failed, Finished, Message, Opened
from segue.settings import Settings, read_settings
from segue.speech.detection import ModelIdentity
from segue.speech.detector import Detector
from segue.speech.rules import Rules
from segue.swap import ModelSpec, Resolved, Route, State, VersionId
from tests.fakes import LoudnessScorer
from tests.models.networks import write_network
from tests.service.boards import recording
from tests.swap.threads import PATIENCE_S, Gate


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service; nothing serves yet."""
    service = Service(read_settings(home=tmp_path / "home", connect_timeout_s=0.01, fetch_timeout_s=0.01))
    yield service
    service.stop(PATIENCE_S)


def switch(service: Service, directory: Path, seed: int, **options: Any) -> VersionId:
    """Let a model of random weights serve; its version."""
    model = directory / f"net{seed}"
    if not model.exists():
        write_network(model, seed=seed)
    switched = service.switch(ModelSpec(str(model), None, options), who="test").future.result(PATIENCE_S)
    version: VersionId = switched.route.primary
    return version


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread brings about."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen"
        time.sleep(0.005)


class Loud(Service):
    """Its models hear loudness; ``during`` is called by those of a version."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.during: dict[str, Callable[[], None]] = {}

    def _load(self, resolved: Resolved) -> Engine:
        version = resolved.version
        scorer = LoudnessScorer(lambda _: self.during.get(version, lambda: None)())
        identity = ModelIdentity(resolved.spec.model_id, None, resolved.digest, version)
        return Engine(Detector(scorer, Rules.of(), model=identity), 0)


def listen(service: Service, **ask: Any) -> tuple[Any, list[Message], Gate]:
    """A stream, what it was told, and a gate that is reached when it is ready."""
    told: list[Message] = []
    ready = Gate()

    def deliver(messages: list[Message]) -> None:
        told.extend(messages)
        if any(isinstance(message, Opened) for message in told):
            ready.reached.set()

    live = service.stream(StreamAsk("k", **ask), deliver)
    assert ready.reached.wait(PATIENCE_S)
    return live, told, ready


def test_a_recording_is_answered_and_described_alike(service: Service, tmp_path: Path) -> None:
    """What would answer is what answers: the version, the mode, the parameters."""
    version = switch(service, tmp_path, 1, max_end_silence_time=450)
    ask = Ask("k", asked={"mode": "dynamic"})
    told = service.describe(ask)
    assert (told.model.version, told.rules.mode, told.rules.max_end_silence_time) == (version, "dynamic", 450)
    assert (told.sample_rate, told.frame_ms, told.epoch) == (8_000, 10, 1)
    (found,) = service.detect(recording(), ask).future.result(PATIENCE_S).detections
    assert (found.model, found.rules) == (told.model, told.rules)


def test_what_cannot_be_answered_is_said_before_anything_is_sent(service: Service, tmp_path: Path) -> None:
    """Nothing serves, the version is unknown, the parameter is none."""
    with pytest.raises(NotReady):
        service.describe(Ask("k"))
    with pytest.raises(NotReady):
        service.detect(b"", Ask("k"))
    switch(service, tmp_path, 1)
    with pytest.raises(UnknownVersion):
        service.describe(Ask("k", version=VersionId("v0")))
    with pytest.raises(InvalidParameter):
        service.describe(Ask("k", asked={"mode": "fast"}))


def test_what_only_a_new_version_refuses_is_described_as_it_is_answered(service: Service, tmp_path: Path) -> None:
    """By the version before, as long as that is warm; who wants the new one by name is refused."""
    old = switch(service, tmp_path, 1)
    new = switch(service, tmp_path, 2, window_size_ms=150)
    asked = {"sil_to_speech_time_thres": 180}
    assert service.describe(Ask("k", asked=asked)).model.version == old
    (found,) = service.detect(recording(), Ask("k", asked=asked)).future.result(PATIENCE_S).detections
    assert found.model.version == old
    with pytest.raises(InvalidParameter, match=r"window_size_ms \(150\)"):
        service.describe(Ask("k", version=new, asked=asked))
    with pytest.raises(InvalidParameter, match=r"window_size_ms \(200\)"):
        service.describe(Ask("k", asked={"sil_to_speech_time_thres": 300}))


def test_status_tells_what_there_is(service: Service, tmp_path: Path) -> None:
    """Route, versions with their use, streams that are elsewhere, recordings, journal, memory."""
    first = switch(service, tmp_path, 1)
    pinned, _, _ = listen(service, policy=Policy.PIN)
    second = switch(service, tmp_path, 2)
    service.detect(recording(), Ask("k")).future.result(PATIENCE_S)
    with service.admit("me"), service.admit_stream("me"):
        status = service.status()
    assert (status.ready, status.epoch, status.route_text, list(status.back)) == (True, 2, second, [first])
    assert (status.streams.open, status.streams.elsewhere) == (1, 1)
    assert (status.requests.running, status.requests.waiting) == (1, 0)
    assert status.memory_bytes > 10_000_000
    assert status.journal.path.endswith("journal.db")
    by_version = {report.version: report for report in status.versions}
    assert (by_version[first].role, by_version[first].streams, by_version[first].leases) == ("", 1, 1)
    assert by_version[first].bake_left_s is not None
    assert (by_version[second].role, by_version[second].share, by_version[second].requests) == ("primary", 1.0, 1)
    assert by_version[second].memory_bytes is not None
    pinned.close()


def test_what_waits_for_a_thread_is_counted(service: Service, tmp_path: Path) -> None:
    """Recordings beyond the threads of their version are waiting; those that are refused are counted too."""
    switch(service, tmp_path, 1)
    threads = len(os.sched_getaffinity(0))
    pipes = [tmp_path / f"pipe{number}" for number in range(threads + 2)]
    for pipe in pipes:
        os.mkfifo(pipe)
    calls = [service.detect(pipe, Ask("k")) for pipe in pipes]  # each takes a thread until somebody writes
    until(lambda: service.status().versions[0].leases == threads)
    assert service.status().requests.waiting == 2
    for pipe in pipes:
        pipe.write_bytes(recording(1))
    for call in calls:
        assert call.future.result(PATIENCE_S)
    with ExitStack() as places:
        for _ in range(service.settings.max_requests_per_client):
            places.enter_context(service.admit("me"))
        with pytest.raises(TooManyRequests):
            places.enter_context(service.admit("me"))
    requests = service.status().requests
    assert (requests.running, requests.waiting, requests.refused) == (0, 0, 1)


def test_a_trial_has_its_share(service: Service, tmp_path: Path) -> None:
    """With a canary each key has its side, streams too, and none is elsewhere; both versions have their role."""
    first = switch(service, tmp_path, 1)
    second = switch(service, tmp_path, 2)
    route = Route(first, canary=second, canary_share=0.5)
    service.board.switch(route)
    keys = [str(number) for number in range(20)]
    for key in keys:
        (found,) = service.detect(recording(0.5), Ask(key)).future.result(PATIENCE_S).detections
        assert found.model.version == route.choose(key) == service.describe(Ask(key)).model.version
    live, told, _ = listen(service)
    (opened,) = told
    assert isinstance(opened, Opened)
    assert opened.model.version == route.choose("k")
    status = service.status()
    by_version = {report.version: report for report in status.versions}
    assert {version: (report.role, report.share) for version, report in by_version.items()} == {
        first: ("primary", 0.5),
        second: ("canary", 0.5),
    }
    assert sum(report.requests for report in by_version.values()) == len(keys)
    assert status.route is not None
    assert (status.route.primary, status.route.canary, status.route.canary_share) == (first, second, 0.5)
    assert status.streams.elsewhere == 0
    live.close()


def test_what_stalls_is_given_up_by_itself(tmp_path: Path) -> None:
    """A service that has been started notices a call that hangs: the version before answers, and the one that hung is
    said to keep its memory for ever; the end does not wait for it."""
    home = tmp_path / "home"
    service = Loud(read_settings(home=home, stall_s=0.3, connect_timeout_s=0.01, fetch_timeout_s=0.01))
    first, second = (switch(service, tmp_path, seed) for seed in (1, 2))
    gate = Gate()
    service.during[second] = gate
    service.start()
    call = service.detect(recording(), Ask("k"))
    assert call.future.result(PATIENCE_S).detections[0].model.version == first
    reports = {report.version: report for report in service.status().versions}
    assert (reports[second].state, reports[second].stranded, reports[second].role) == ("failed", 1, "")
    assert (reports[first].state, reports[first].role) == ("ready", "primary")
    assert service.stop(PATIENCE_S)
    gate.open.set()


def test_what_has_baked_out_is_closed_by_itself(tmp_path: Path) -> None:
    """A service that has been started closes what is superseded when its bake time is over, and its threads end."""
    home = tmp_path / "home"
    service = Service(read_settings(home=home, bake_s=0.2, connect_timeout_s=0.01, fetch_timeout_s=0.01))
    first = switch(service, tmp_path, 1)
    service.detect(recording(0.5), Ask("k")).future.result(PATIENCE_S)
    service.start()
    switch(service, tmp_path, 2)
    until(lambda: service.board.snapshot()[first].state is State.CLOSED)
    until(lambda: not any(thread.name == f"recordings {first}" for thread in threading.enumerate()))
    (report,) = (report for report in service.status().versions if report.version == first)
    assert (report.memory_bytes, report.bake_left_s, report.requests) == (None, None, 0)
    assert service.stop(PATIENCE_S)


def test_the_end_closes_all(service: Service, tmp_path: Path) -> None:
    """What serves and what is warm is closed when its last lease is back, and never before; the home is free."""
    versions = [switch(service, tmp_path, seed) for seed in (1, 2, 3)]
    service.home.announce("http://127.0.0.1:6006")
    leases = [service.board.lease("k", version=version) for version in versions]
    engines = [lease.model for lease in leases]
    assert not service.stop(0.01)
    assert not (service.settings.home / "server.json").exists()
    assert all(engine.detector for engine in engines)
    for lease in leases:
        lease.release()
    assert {each.state for each in service.board.snapshot().versions} == {State.CLOSED}
    for engine in engines:
        with pytest.raises(InferenceFailed):
            _ = engine.detector
    assert service.stop(0)


def test_closing_a_version_says_what_came_of_it(service: Service, tmp_path: Path) -> None:
    """What serves is not closed; what is in use is waited for; what was never loaded is closed already."""
    first = switch(service, tmp_path, 1)
    with pytest.raises(VersionInUse):
        service.remove(first, deadline_s=0, who="me")
    pinned, _, _ = listen(service, policy=Policy.PIN)
    second = switch(service, tmp_path, 2)
    assert not service.remove(first, deadline_s=0.01, who="me").closed
    pinned.close()
    removed = service.remove(first, deadline_s=PATIENCE_S, who="me")
    assert removed.closed
    assert removed.memory_returned_bytes is not None
    assert service.board.route is not None
    assert service.board.route.primary == second
    with pytest.raises(UnknownVersion):
        service.remove(VersionId("v0"), deadline_s=0, who="me")


def test_one_service_a_home(service: Service) -> None:
    """A second one is refused while the first has the home, and welcome after it."""
    with pytest.raises(ServerRunning):
        Service(service.settings)
    service.stop(PATIENCE_S)
    Service(service.settings).stop(PATIENCE_S)


def test_the_end_finishes_what_was_begun(service: Service, tmp_path: Path) -> None:
    """New work is refused, an open stream is told and ended as if its audio had ended, and all is closed."""
    switch(service, tmp_path, 1)
    with service.admit_stream("me"):
        _, told, _ = listen(service)
        service.refuse_new_work()
        assert not service.wait_idle(0.01)
    assert service.wait_idle(PATIENCE_S)
    for admit in (service.admit, service.admit_stream):
        with pytest.raises(ShuttingDown), admit("me"):
            pass
    assert service.stop(PATIENCE_S)
    failed, finished = told[-2:]
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, ShuttingDown)
    assert isinstance(finished, Finished)
    assert str(service.board).count("leases") == 0


def test_only_the_token_is_the_token(service: Service) -> None:
    """The content of the token file, and nothing else."""
    service.access.control(service.home.token())
    for other in (None, "x"):
        with pytest.raises(Unauthorized):
            service.access.control(other)


def test_a_rollout_goes_through_its_steps_and_is_reported(service: Service, tmp_path: Path) -> None:
    """Prepared, mirrored, on trial, promoted by hand; while it is a trial a switch is refused, unless it ends it."""
    first = switch(service, tmp_path, 1)
    write_network(tmp_path / "net2", seed=2)
    wanted = ModelSpec(str(tmp_path / "net2"))
    with pytest.raises(InvalidPlan, match="must rise"):
        service.rollout(wanted, {"canary": "10,5"}, who="test")
    begun = service.rollout(wanted, {"canary": "20", "shadow": 100}, who="test", why="better").future.result(PATIENCE_S)
    second = begun.version
    assert (begun.phase, begun.instead, begun.who, begun.why) == ("shadow", first, "test", "better")
    assert begun.plan["bake"] == service.settings.bake_s
    service.detect(recording(), Ask("k")).future.result(PATIENCE_S)
    until(lambda: service.mirrored(second).compared == 1)
    with pytest.raises(Busy, match="rollout"):
        switch(service, tmp_path, 3)
    assert service.rollouts.canary(1.0, who="test").phase == "canary"
    found = service.detect(recording(), Ask("k")).future.result(PATIENCE_S)
    assert found.detections[0].model.version == second
    status = service.status()
    assert status.rollout is not None
    assert (status.rollout.id, status.rollout.share) == (begun.id, 1.0)
    service.rollouts.promote(None, who="test")
    assert service.board.route == Route(second)
    assert switch(service, tmp_path, 3) != second
    assert service.rollouts.report(begun.id).outcome == "switch by test"
    again = service.rollout(wanted, {"canary": "20"}, who="test").future.result(PATIENCE_S)
    ended = service.switch(first, who="test", abort_rollout=True)
    assert ended.future.result(PATIENCE_S).route == Route(first)
    assert service.rollouts.report(again.id).phase == "aborted"


def test_a_rollout_of_what_serves_is_refused_and_leaves_nothing(service: Service, tmp_path: Path) -> None:
    """It says so; the right to change the route is free again."""
    version = switch(service, tmp_path, 1)
    with pytest.raises(VersionNotReady, match="it serves"):
        service.rollout(version, {}, who="test").future.result(PATIENCE_S)
    assert service.rollouts.reports() == []
    switch(service, tmp_path, 2)


@pytest.mark.parametrize("phase", ["shadow", "canary", "bake"])
def test_a_rollout_goes_on_after_a_restart(tmp_path: Path, phase: str) -> None:
    """At its step, with its ID and plan; in its bake time the version before is warm again, to be gone back to.

    The service is not ready before a trial has its right to change the route again.
    """
    settings = read_settings(home=tmp_path / "home", connect_timeout_s=0.01, fetch_timeout_s=0.01)
    service = Service(settings)
    first = switch(service, tmp_path, 1)
    write_network(tmp_path / "net2", seed=2)
    plan: dict[str, object] = {"canary": "20,50", "shadow": 100 if phase == "shadow" else 0}
    begun = service.rollout(ModelSpec(str(tmp_path / "net2")), plan, who="test").future.result(PATIENCE_S)
    if phase == "bake":
        service.rollouts.promote(None, who="test")
    route = service.board.route
    service.stop(PATIENCE_S)
    again = Service(settings)
    again.start()
    try:
        until(lambda: again.ready and (phase != "bake" or again.rollouts.under_trial is not None))
        report = again.rollouts.report()
        assert (report.id, report.phase, report.plan) == (begun.id, phase, begun.plan)
        assert again.board.route == route
        until(lambda: again.board.snapshot()[first].state is State.READY)
        again.rollouts.abort(None, who="test")
        assert again.board.route == Route(first)
    finally:
        again.stop(PATIENCE_S)


@pytest.mark.parametrize("phase", ["canary", "bake"])
def test_a_version_with_which_the_process_ends_twice_is_taken_back_at_the_next_start(
    tmp_path: Path, phase: str
) -> None:
    """Boot guard: once may be chance. It is left out of the route, and the journal says why."""
    settings = read_settings(home=tmp_path / "home", connect_timeout_s=0.01, fetch_timeout_s=0.01)
    service = Service(settings)
    first = switch(service, tmp_path, 1)
    write_network(tmp_path / "net2", seed=2)
    service.rollout(ModelSpec(str(tmp_path / "net2")), {"canary": "20"}, who="test").future.result(PATIENCE_S)
    if phase == "bake":
        service.rollouts.promote(None, who="test")
    route = service.board.route
    _die(service)
    service = Service(settings)
    service.start()
    until(lambda: service.ready and service.rollouts.under_trial is not None)
    assert service.board.route == route
    _die(service)
    service = Service(settings)
    service.start()
    try:
        until(lambda: service.ready)
        assert service.board.route == Route(first)
        assert service.rollouts.under_trial is None
        restored = next(entry for entry in service.history(20) if entry.verb == "restore")
        assert "is left out: the process ended twice soon after it took traffic" in restored.why
    finally:
        service.stop(PATIENCE_S)


def _die(service: Service) -> None:
    """End it as a killed process ends: nothing more is written, and its home is free."""
    service._stopping.set()
    service._closing.close()


def test_a_version_that_does_worse_on_golden_clips_gets_no_request(service: Service, tmp_path: Path) -> None:
    """It is prepared, tried on them, and refused with the figures; nothing has changed, and another may begin."""
    first = switch(service, tmp_path, 1)
    write_network(tmp_path / "net2", seed=2)
    clips = tmp_path / "golden"
    clips.mkdir()
    (clips / "a.wav").write_bytes(recording())
    wanted = ModelSpec(str(tmp_path / "net2"), None, {"speech_noise_thres": 1.0})
    plan: dict[str, object] = {"golden": str(clips), "canary": "50"}
    operation = service.rollout(wanted, plan, who="test")
    with pytest.raises(GoldenFailed, match=r"worse by more than 0\.01 on 1 golden clip: F1"):
        operation.future.result(PATIENCE_S)
    assert "golden clip 1 of 1" in [step.detail for step in operation.steps]
    assert service.board.route == Route(first)
    assert all(report.leases == 0 for report in service.status().versions)
    same = ModelSpec(str(tmp_path / "net1"), None, {"max_start_silence_time": 2000})
    assert service.rollout(same, plan, who="test").future.result(PATIENCE_S).phase == "canary"
