"""Changes of a real service with real, small models: what they install, and that what fails installs nothing."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from segue.errors import (
    Busy,
    DigestMismatch,
    InferenceFailed,
    InvalidModelID,
    InvalidParameter,
    ModelIncomplete,
    ModelInvalid,
    ModelNotFound,
    NothingToRollBack,
    OriginUnavailable,
    ShuttingDown,
    Superseded,
    UnknownVersion,
)
from segue.service import Service, VersionReport
from segue.service.operations import Operation
from segue.settings import Settings, read_settings
from segue.swap import ModelSpec, State, Switched, VersionId
from tests.models.networks import Sizes, random_weights, state_dict, write_checkpoint, write_network
from tests.swap.threads import PATIENCE_S, Gate

Open = Callable[..., Service]


@pytest.fixture
def open_service(tmp_path: Path) -> Iterator[Open]:
    """A service on a home of the test's own, not started; it is stopped at the end."""
    opened: list[Service] = []

    def begin(**settings: Any) -> Service:
        opened.append(Service(settings_at(tmp_path / "home", **settings)))
        return opened[-1]

    yield begin
    for service in opened:
        service.stop(PATIENCE_S)


def settings_at(home: Path, **settings: Any) -> Settings:
    return read_settings(home=home, **({"connect_timeout_s": 0.01, "fetch_timeout_s": 0.01} | settings))


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """A model of random weights."""
    return write_network(tmp_path / "first", seed=1).directory


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """Another one."""
    return write_network(tmp_path / "second", seed=2).directory


def wait(operation: Operation) -> Any:
    future: Future[Any] = operation.future
    return future.result(PATIENCE_S)


def switch(service: Service, model: Path | str, **options: Any) -> Switched:
    answer: Switched = wait(service.switch(ModelSpec(str(model), None, options), who="test"))
    return answer


def until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen"
        time.sleep(0.005)


def serves(service: Service) -> str:
    route = service.board.route
    return route.primary if route else ""


# -- switch, roll back ---------------------------------------------------------------------------------------------


def test_a_switch_prepares_and_installs_with_its_steps(open_service: Open, first: Path) -> None:
    """Fetch, verify, load, warm, switch, in this order; then the version serves."""
    service = open_service()
    operation = service.switch(ModelSpec(str(first)), who="me", why="to try it")
    answer = wait(operation)
    assert serves(service) == answer.route.primary
    assert [step.step for step in operation.steps] == ["fetch", "verify", "load", "warm", "switch"]
    newest = next(entry for entry in service.history(50) if entry.kind.value == "done")
    assert (newest.who, newest.why, newest.verb) == ("me", "to try it", "switch")


def test_options_make_another_version_of_the_same_model(open_service: Open, first: Path) -> None:
    """A threshold is switched to like a model; the same again changes nothing; a name brings a known version back."""
    service = open_service()
    plain = switch(service, first)
    eager = switch(service, first, max_end_silence_time=300)
    assert eager.route != plain.route
    assert not switch(service, first, max_end_silence_time=300).changed
    back = wait(service.switch(VersionId(plain.route.primary if plain.route else ""), who="test"))
    assert back.route == plain.route
    assert (back.changed, back.previous) == (True, eager.route)


def test_rolling_back_goes_back_and_further_back(open_service: Open, first: Path, second: Path) -> None:
    """A second rollback goes one further, and from the first there is nowhere to go."""
    service = open_service()
    routes = [switch(service, first).route, switch(service, second).route, switch(service, first, mode="dynamic").route]
    assert [wait(service.rollback(who="me")).route for _ in range(2)] == [routes[1], routes[0]]
    with pytest.raises(NothingToRollBack):
        wait(service.rollback(who="me"))


def test_a_directory_may_be_overwritten_or_deleted(open_service: Open, first: Path, second: Path) -> None:
    """What serves was kept by its content: the directory can become another model, or nothing, and a rollback after
    the bake time still brings the first one back."""
    service = open_service(bake_s=0)
    before = switch(service, first)
    for name in ("model.pt", "am.mvn", "config.yaml"):
        shutil.copyfile(second / name, first / name)
    after = switch(service, first)
    assert after.route != before.route
    shutil.rmtree(first)
    service.board.sweep()
    assert before.route is not None
    assert service.board.snapshot()[before.route.primary].state is State.CLOSED
    back = wait(service.rollback(who="me"))
    assert (back.route, back.prepared) == (before.route, (before.route.primary,))


def test_what_is_no_longer_what_it_was_is_not_gone_back_to(open_service: Open, first: Path, second: Path) -> None:
    """A version whose kept content was removed is found in its directory only if that still holds the same bytes."""
    service = open_service(bake_s=0)
    before = switch(service, first)
    serving = switch(service, second).route
    service.board.sweep()
    (kept,) = (model for model in service._store.models() if model.model_id == "local/first")
    assert kept.revision is not None
    service._store.remove(kept.model_id, kept.revision, forget=True)
    with (first / "config.yaml").open("a", encoding="utf-8") as config:
        config.write("# another\n")
    with pytest.raises(DigestMismatch, match="no longer what it was"):
        wait(service.rollback(who="me"))
    assert service.board.route == serving
    (first / "config.yaml").write_text((second / "config.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    assert wait(service.switch(VersionId(before.route.primary if before.route else ""), who="me")).changed


# -- what fails installs nothing -----------------------------------------------------------------------------------


def cut_short(directory: Path) -> None:
    weights = directory / "model.pt"
    weights.write_bytes(weights.read_bytes()[:-200])


def without_weights(directory: Path) -> None:
    (directory / "model.pt").unlink()


def scrambled(directory: Path) -> None:
    weights = directory / "model.pt"
    weights.write_bytes(weights.read_bytes().replace(b"PK\x01\x02", b"PK\x00\x00", 1))


def with_other_shapes(directory: Path) -> None:
    config = directory / "config.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("n_mels:", "n_mels: 3 #"), encoding="utf-8")


def with_nan(directory: Path) -> None:
    network = write_network(directory, seed=2)
    tensors = state_dict(network.weights)
    for values in tensors.values():
        values.flat[0] = np.nan
    write_checkpoint(directory / "model.pt", tensors)


def of_another_width(directory: Path) -> None:
    write_checkpoint(directory / "model.pt", state_dict(random_weights(Sizes(inputs=25, projection=5))))


def exported_with_nan(directory: Path) -> None:
    (directory / "model.pt").unlink()
    write_network(directory, kind="model.onnx", seed=2)
    graph = onnx.load(directory / "model.onnx")
    for tensor in graph.graph.initializer:
        values = numpy_helper.to_array(tensor).copy()
        if values.dtype == np.float32 and values.size > 1:
            values.flat[0] = np.nan
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    onnx.save(graph, directory / "model.onnx")


def exported_and_cut_short(directory: Path) -> None:
    (directory / "model.pt").unlink()
    write_network(directory, kind="model.onnx", seed=2)
    weights = directory / "model.onnx"
    weights.write_bytes(weights.read_bytes()[:-300])


@pytest.mark.parametrize(
    "spoil",
    [
        cut_short,
        without_weights,
        scrambled,
        with_other_shapes,
        with_nan,
        of_another_width,
        exported_with_nan,
        exported_and_cut_short,
    ],
)
def test_a_model_that_is_broken_never_serves(
    open_service: Open, first: Path, second: Path, spoil: Callable[[Path], None]
) -> None:
    """Cut short, incomplete, damaged, misfitting or full of NaN: the caller learns why, and what serves goes on."""
    service = open_service()
    switch(service, first)
    before, epoch = serves(service), service.board.epoch
    spoil(second)
    with pytest.raises((ModelInvalid, ModelIncomplete, InferenceFailed)) as told:
        switch(service, second)
    assert (serves(service), service.board.epoch) == (before, epoch)
    refused = next(entry for entry in service.history(50) if entry.kind.value == "refused")
    assert refused.outcome == str(told.value)
    assert {each.state for each in service.board.snapshot().versions} <= {State.READY, State.FAILED}
    assert not switch(service, first).changed  # and nothing is in the way of the next change


def test_what_can_never_be_is_refused_at_once(open_service: Open, first: Path) -> None:
    """Options that no model has, names that are none, versions that nobody added, paths that lead nowhere."""
    service = open_service()
    before = switch(service, first).route
    for options in ({"no_such": 1}, {"mode": "fast"}, {"max_end_silence_time": -1}):
        with pytest.raises(InvalidParameter):
            service.switch(ModelSpec(str(first), None, options), who="me")
    for name in ("", "a b/c", "iic/../x", "iic/x\0", "iic/%2e%2e", "../x", "~/x", "./x", "src"):
        with pytest.raises((InvalidModelID, ModelNotFound)):
            wait(service.switch(ModelSpec(name), who="me"))
    with pytest.raises(ModelNotFound):
        switch(service, first / "nowhere")
    with pytest.raises(UnknownVersion):
        wait(service.switch(VersionId("v0"), who="me"))
    assert (service.board.route, service.board.epoch) == (before, 1)
    assert not service.board.snapshot().under_way


def test_a_model_that_no_hub_has_leaves_what_serves(open_service: Open, first: Path) -> None:
    """An ID that cannot be had ends the switch with the hub's own error, and that is in the journal."""
    service = open_service()
    before = switch(service, first).route
    with pytest.raises((OriginUnavailable, ModelNotFound)) as told:
        switch(service, "iic/nowhere")
    assert service.board.route == before
    assert any(entry.outcome == str(told.value) and entry.who == "test" for entry in service.history(50))


# -- one at a time -------------------------------------------------------------------------------------------------


def slow(service: Service, gate: Gate, moment: str = "_loader") -> None:
    """Let the next load, or its trial (``_warm``), wait in ``gate``."""
    fleet: Any = service.board._fleet
    real = getattr(fleet, moment)

    def wait_first(given: Any) -> Any:
        setattr(fleet, moment, real)
        gate()
        return real(given)

    setattr(fleet, moment, wait_first)


def test_a_second_change_is_refused_or_waits_its_turn(open_service: Open, first: Path, second: Path) -> None:
    """While one is under way the next is told which; asked to queue, it begins when that one has ended."""
    service, gate = open_service(), Gate()
    slow(service, gate)
    one = service.switch(ModelSpec(str(first)), who="ann")
    assert gate.reached.wait(PATIENCE_S)
    with pytest.raises(Busy, match=f"switch {first} by ann is under way"):
        service.switch(ModelSpec(str(second)), who="ben")
    two = service.switch(ModelSpec(str(second)), who="ben", queue=True)
    until(lambda: bool(two.steps))
    assert service.status().under_way is one  # and not what waits for it
    gate.open.set()
    assert wait(one).changed
    assert wait(two).previous == wait(one).route
    assert two.steps[0].step == "wait"


@pytest.mark.parametrize("moment", ["_loader", "_warm"])
def test_a_rollback_cancels_what_is_being_prepared(open_service: Open, first: Path, second: Path, moment: str) -> None:
    """It does not wait for it: the switch ends superseded and installs nothing, even when its model loads after all."""
    service, gate = open_service(), Gate()
    switch(service, first)
    switch(service, first, mode="dynamic")
    slow(service, gate, moment)
    late = service.switch(ModelSpec(str(second)), who="ann")
    assert gate.reached.wait(PATIENCE_S)
    back = wait(service.rollback(who="ben"))
    gate.open.set()
    with pytest.raises(Superseded):
        wait(late)
    assert serves(service) == back.route.primary
    assert late.version is not None
    assert service.board.snapshot()[late.version].state is State.CLOSED


def test_a_rollback_cancels_what_is_being_fetched(open_service: Open, first: Path) -> None:
    """A switch whose fetching hangs ends at once, and what the hub does in the end is nobody's."""
    service = open_service(fetch_timeout_s=2.5)
    switch(service, first)
    before = switch(service, first, mode="dynamic").previous
    service.start()
    with service._store.lock("iic/slow", "master", timeout_s=0):  # as somebody else's pull would
        late = service.switch(ModelSpec("iic/slow"), who="ann")
        until(lambda: bool(late.steps))
        assert wait(service.rollback(who="ben")).route == before
        with pytest.raises(Superseded, match="cancelled by rollback by ben"):
            late.future.result(2.0)
        assert switch(service, first, mode="dynamic").changed  # and nothing is in the way of the next one
        until(lambda: all(thread.name != f"switch {late.id}" for thread in threading.enumerate()))
    assert isinstance(late.future.exception(), Superseded)
    assert [step.step for step in late.steps] == ["fetch"]


def test_preparing_alone_leaves_what_serves(open_service: Open, first: Path, second: Path) -> None:
    """The version is ready and in no route; a switch to it has nothing left to load; who asked is in the journal."""
    service = open_service()
    switch(service, first)
    before = serves(service)
    report: VersionReport = wait(service.prepare(ModelSpec(str(second)), who="ann", why="for tomorrow"))
    assert (report.state, report.role, serves(service)) == ("ready", "", before)
    assert any(entry.who == "ann" and entry.kind.value == "state" for entry in service.history(50))
    operation = service.switch(report.version, who="ben")
    assert wait(operation).changed
    assert [step.step for step in operation.steps] == ["switch"]


# -- the end -------------------------------------------------------------------------------------------------------


def test_what_waits_its_turn_ends_with_the_service(open_service: Open, first: Path, second: Path) -> None:
    """A change that waited does not begin when the end cancels the one before it, though its version is warm still."""
    service, gate = open_service(), Gate()
    warm = switch(service, first).route
    serving = switch(service, first, mode="dynamic").route
    assert warm is not None
    with service.board.lease("k", version=warm.primary):
        slow(service, gate)
        one = service.switch(ModelSpec(str(second)), who="ann")
        assert gate.reached.wait(PATIENCE_S)
        two = service.switch(warm.primary, who="ben", queue=True)
        until(lambda: bool(two.steps))
        assert not service.stop(0.01)
        gate.open.set()
        with pytest.raises(ShuttingDown):
            wait(two)
        with pytest.raises((Superseded, ShuttingDown)):
            wait(one)
    for begin in (service.rollback, partial(service.switch, warm.primary), partial(service.prepare, ModelSpec("x"))):
        with pytest.raises(ShuttingDown):
            begin(who="me")
    assert started(open_service()).board.route == serving


@pytest.mark.parametrize("moment", ["_loader", "_warm"])
def test_a_preparation_does_not_outlive_the_service(open_service: Open, first: Path, moment: str) -> None:
    """What is being loaded when the end comes is closed as soon as it is there, and the end waits for that."""
    service, gate = open_service(), Gate()
    slow(service, gate, moment)
    operation = service.prepare(ModelSpec(str(first)), who="me")
    assert gate.reached.wait(PATIENCE_S)
    stopped: list[bool] = []
    stopping = threading.Thread(target=lambda: stopped.append(service.stop(PATIENCE_S / 2)))
    stopping.start()
    until(service._stopping.is_set)
    gate.open.set()
    with pytest.raises(ShuttingDown):
        wait(operation)
    stopping.join(PATIENCE_S)
    assert stopped == [True]
    assert ("warm" in [step.step for step in operation.steps]) == (moment == "_warm")


# -- the start -----------------------------------------------------------------------------------------------------


def started(service: Service) -> Service:
    """Start it, and wait until it serves."""
    served = Gate()
    service.board.listen(lambda event: served.reached.set() if isinstance(event, Switched) else None)
    service.start()
    assert served.reached.wait(PATIENCE_S)
    return service


def test_an_empty_journal_begins_with_the_model_of_the_settings(open_service: Open, first: Path) -> None:
    """The first start serves ``model``, and says why in the journal."""
    service = started(open_service(model=str(first)))
    done = next(entry for entry in service.history(50) if entry.kind.value == "done")
    assert (done.who, done.why) == ("start", "the journal names no version that served")


def test_ready_means_that_it_may_be_replaced(open_service: Open, first: Path, second: Path) -> None:
    """While the start's own change still writes its journal a version serves, and a switch would be told to wait: only
    when that is over is the service ready."""
    service, gate = open_service(model=str(first)), Gate()
    service.board.listen(lambda event: gate() if isinstance(event, Switched) and event.who == "start" else None)
    service.start()
    assert gate.reached.wait(PATIENCE_S)
    assert service.board.route is not None
    assert not service.ready
    gate.open.set()
    until(lambda: service.ready)
    assert switch(service, second).changed


def test_the_settings_may_name_a_directory_from_here(
    open_service: Open, first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path is meant from where the service is started; it is known by its absolute one."""
    monkeypatch.chdir(first.parent)
    service = started(open_service(model=f"./{first.name}"))
    (report,) = service.status().versions
    assert report.model.id == str(first)


def test_what_served_last_serves_again(open_service: Open, first: Path, second: Path) -> None:
    """After a restart the journal's route is served, whatever the settings name, though the directory is gone."""
    before = open_service()
    switch(before, first)
    wanted = switch(before, second, max_end_silence_time=450).route
    before.stop(PATIENCE_S)
    shutil.rmtree(second)
    after = started(open_service(model=str(first)))
    assert after.board.route == wanted
    assert wait(after.rollback(who="me")).prepared  # and the way back is known


def test_when_the_newest_cannot_be_had_the_one_before_serves(
    open_service: Open, first: Path, second: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The last route that can be prepared is served, and the log says why not the newest."""
    before = open_service()
    wanted = switch(before, first).route
    newest = switch(before, second).route
    assert newest is not None
    store = before._store
    before.stop(PATIENCE_S)
    (lost,) = (model for model in store.models() if model.model_id == "local/second")
    assert lost.revision is not None
    store.remove(lost.model_id, lost.revision, forget=True)
    shutil.rmtree(second)
    after = started(open_service())
    assert after.board.route == wanted
    until(lambda: "not served again" in caplog.text)


def test_with_nothing_to_be_had_it_waits_and_a_switch_ends_the_waiting(open_service: Open, first: Path) -> None:
    """It says what it waits for, is not ready, and serves as soon as an operator switches to what there is."""
    service = open_service(model="iic/nowhere")
    service.start()
    until(lambda: "tried again" in service.waits_for)
    assert "iic/nowhere" in service.waits_for
    switch(service, first)
    assert service.status().waits_for == ""


def test_what_could_not_be_had_is_tried_again(open_service: Open, tmp_path: Path) -> None:
    """A model that turns up later is served without anybody's doing."""
    service = open_service(model=str(tmp_path / "later"))
    service.start()
    until(lambda: "tried again" in service.waits_for)
    assert not service.ready
    write_network(tmp_path / "later", seed=1)
    until(lambda: service.ready)
    assert service.status().waits_for == ""


def test_a_default_that_does_not_come_makes_way(open_service: Open, first: Path, second: Path) -> None:
    """While the start waits for its default, a switch takes its place at once, and is what serves in the end; why it is
    not ready is said with the step that it is at."""
    service, gate = open_service(model=str(first)), Gate()
    load = service.board._fleet._loader

    def loader(resolved: Any) -> Any:
        if resolved.spec.model_id == str(first):
            gate()
        return load(resolved)

    service.board._fleet._loader = loader
    service.start()
    assert gate.reached.wait(PATIENCE_S)
    assert str(first) in service.waits_for
    assert "load" in service.waits_for
    wanted = switch(service, second).route
    assert service.ready
    gate.open.set()
    until(lambda: service.status().under_way is None)
    assert service.board.route == wanted
