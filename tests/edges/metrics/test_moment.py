"""What is at this moment: as the status has it, without what is not there any more."""

import time
from contextlib import ExitStack
from pathlib import Path

import requests

from segue.swap import ModelSpec, VersionId
from tests.edges.http.service import model, recording
from tests.edges.metrics.conftest import Measured

PATIENCE_S = 20.0


def test_a_service_without_a_version_says_so(measured: Measured) -> None:
    """Before anything serves it is not ready, has no route, and all places are free."""
    assert measured.samples("segue_ready") == {(): 0}
    assert measured.samples("segue_route_share") == {}
    assert set(measured.samples("segue_versions").values()) == {0}
    assert measured.samples("segue_places_taken") == {("recordings",): 0, ("streams",): 0}
    assert measured.samples("segue_places") == {("recordings",): 64, ("streams",): 1000}


def test_what_serves_and_what_is_loaded(measured: Measured, tmp_path: Path) -> None:
    """The primary has the whole route; a version that was closed is in no label and no count."""
    service = measured.service
    first = VersionId(service.serve(model(tmp_path, "first")))
    service.serve(model(tmp_path, "second"))
    assert measured.samples("segue_ready") == {(): 1}
    assert measured.samples("segue_route_share") == {("primary",): 1}
    assert measured.samples("segue_route_epoch") == {(): 2}
    assert measured.samples("segue_versions")[("ready",)] == 2
    service.board.close(first)
    assert measured.samples("segue_versions")[("ready",)] == 1
    lines = measured.text().splitlines()
    assert not [line for line in lines if line.startswith(("segue_leases", "segue_streams_open")) and first in line]
    assert str(tmp_path) not in measured.text()


def test_a_rollout_shows_its_copies(measured: Measured, tmp_path: Path) -> None:
    """Copies compared and their agreement, of the version under trial alone."""
    service = measured.service
    service.serve(model(tmp_path, "first"))
    assert measured.samples("segue_shadow_comparisons_total") == {}
    plan = {"shadow": 100, "canary": [50], "min_requests": 1000}
    service.rollout(ModelSpec(str(model(tmp_path, "second"))), plan, who="test").future.result(PATIENCE_S)
    until_s = time.monotonic() + PATIENCE_S
    while not sum(measured.samples("segue_shadow_comparisons_total").values()):
        assert time.monotonic() < until_s
        requests.post(f"{measured.address.url}/v1/detect", data=recording(), timeout=30)
    assert measured.samples("segue_shadow_agreement") == {(): 1}
    assert measured.samples("segue_shadow_dropped_total") == {("full",): 0, ("too_large",): 0}
    assert measured.samples("segue_rollout_under_way") == {(): 1}
    assert set(measured.samples("segue_route_share")) == {("primary",), ("shadow",)}


def test_what_was_refused_is_counted(measured: Measured) -> None:
    """For want of a place: a client that has its share already."""
    with ExitStack() as held:
        for _ in range(measured.service.settings.max_requests_per_client):
            held.enter_context(measured.service.admit("127.0.0.1"))
        answer = requests.post(f"{measured.address.url}/v1/detect", data=recording(), timeout=30)
        assert measured.samples("segue_places_taken")[("recordings",)] == 48
    assert answer.status_code == 429
    assert measured.samples("segue_refusals_total") == {("recordings",): 1, ("streams",): 0}
