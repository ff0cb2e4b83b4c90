"""The service as edges call it: detection, description, status, closing, the end."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from segue.errors import InvalidParameter, NotReady, ServerRunning, ShuttingDown, UnknownVersion, VersionInUse
from segue.service import Ask, Policy, Service, StreamAsk
from segue.service.streams import Failed, Finished, Message, Opened
from segue.settings import read_settings
from segue.swap import ModelSpec, VersionId
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
    assert service.authorised(service.home.token())
    assert not service.authorised(None)
    assert not service.authorised("x")
