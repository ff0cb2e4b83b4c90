"""The routes of rollouts, over HTTP, against a real service."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from segue.edges.http.rollouts import Rollout, Rollouts
from tests.edges.http.service import answering, loud_service, model, recording
from tests.edges.http.test_control import Operator, failure
from tests.swap.threads import PATIENCE_S


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    """An operator of a service that serves a first model."""
    with loud_service(tmp_path / "home") as service, answering(service) as address:
        operator = Operator(address, service)
        operator.switch(model(tmp_path, "first"))
        yield operator


@pytest.fixture
def wanted(tmp_path: Path) -> dict[str, Any]:
    return {"model_id": str(model(tmp_path, "second"))}


def begin(operator: Operator, wanted: dict[str, Any], **plan: Any) -> Any:
    answer = operator.ask("POST", "/v1/rollouts", wanted | {"plan": plan, "why": "better"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def act(operator: Operator, verb: str, body: Any = None, of: str = "current") -> Any:
    answer = operator.ask("POST", f"/v1/rollouts/{of}/{verb}", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_rollout_is_begun_looked_at_and_promoted(operator: Operator, wanted: dict[str, Any]) -> None:
    """Its report has the documented form at every step, in the list, by its ID and in the status."""
    begun = begin(operator, wanted, shadow=100, canary="10,50", step="1h")
    assert (begun["phase"], begun["who"], begun["why"]) == ("shadow", "ann@desk", "better")
    url = operator._address.url
    assert requests.post(f"{url}/v1/detect", data=recording(), timeout=30).status_code == 200
    deadline_s = time.monotonic() + PATIENCE_S
    while (seen := operator.get(f"/v1/rollouts/{begun['id']}"))["mirror"]["compared"] < 1:
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    Rollout.model_validate(seen)
    assert seen["mirror"]["iou"] == 1.0
    Rollouts.model_validate(operator.get("/v1/rollouts"))
    shared = act(operator, "canary", {"percent": 25})
    assert (shared["phase"], shared["share"], shared["is_paused"]) == ("canary", 0.25, True)
    assert operator.get("/v1/status")["rollout"]["id"] == begun["id"]
    assert act(operator, "resume")["is_paused"] is False
    assert act(operator, "pause")["is_paused"] is True
    assert act(operator, "promote", of=begun["id"])["phase"] == "bake"
    assert operator.get("/v1/status")["route"]["primary"] == begun["version"]
    aborted = act(operator, "abort", {"why": "enough"})
    assert (aborted["phase"], aborted["outcome"]) == ("aborted", "aborted by ann@desk: enough")
    assert operator.get("/v1/status")["route"]["primary"] == begun["instead"]
    verbs = [entry["verb"] for entry in operator.get("/v1/history")["entries"] if entry["kind"] in ("done", "note")]
    assert verbs[:3] == ["end", "rollback", "rollout"]


def test_others_are_refused_while_it_is_a_trial_and_may_end_it(
    operator: Operator, wanted: dict[str, Any], tmp_path: Path
) -> None:
    """A second rollout and a switch get 409, naming it; with abort_rollout the switch goes on."""
    begun = begin(operator, wanted)
    third = {"model_id": str(model(tmp_path, "third"))}
    assert failure(operator.ask("POST", "/v1/rollouts", third)) == (409, "busy")
    refused = operator.ask("POST", "/v1/switch", third)
    assert failure(refused) == (409, "busy")
    assert f"rollout {wanted['model_id']} by ann@desk is under way" in refused.json()["error"]["message"]
    assert operator.ask("POST", "/v1/switch", third, abort_rollout=True).status_code == 200
    assert operator.get(f"/v1/rollouts/{begun['id']}")["phase"] == "aborted"


def test_without_waiting_the_change_says_how_it_began(operator: Operator, wanted: dict[str, Any]) -> None:
    """202 and where to ask; its answer is the rollout."""
    later = operator.ask("POST", "/v1/rollouts", wanted, wait=False)
    assert later.status_code == 202
    deadline_s = time.monotonic() + PATIENCE_S
    while (change := operator.get(later.headers["location"]))["state"] == "running":
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    assert change["answer"]["phase"] == "canary"
    assert change["steps"][-1]["step"] == "begin"


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({"canary": "50,10"}, "canary=50,10: the shares must rise, such as 1,10,50"),
        ({"canary": [1, 200]}, "canary=200: percent from 0 to 100"),
        ({"bake": "-1s"}, "bake_s=-1.0: from 0 to"),
        ({"gates": []}, "'gates' is not part of a plan"),
    ],
)
def test_a_plan_that_is_none_is_refused(operator: Operator, wanted: dict[str, Any], plan: Any, said: str) -> None:
    """Before anything is fetched; one line."""
    answer = operator.ask("POST", "/v1/rollouts", wanted | {"plan": plan})
    assert failure(answer) == (422, "invalid_plan")
    assert answer.json()["error"]["message"].startswith(said)


@pytest.mark.parametrize("verb", ["pause", "resume", "promote", "abort", "canary"])
def test_what_is_not_under_way_is_not_found(operator: Operator, verb: str) -> None:
    """Nothing to be paused, promoted, aborted; and an ID that nobody knows."""
    body = {"percent": 5} if verb == "canary" else None
    assert failure(operator.ask("POST", f"/v1/rollouts/current/{verb}", body)) == (404, "unknown_rollout")
    assert failure(operator.ask("GET", "/v1/rollouts/nothing")) == (404, "unknown_rollout")


@pytest.mark.parametrize("percent", [-1, 101, "a", None])
def test_a_share_that_is_none_is_refused(operator: Operator, wanted: dict[str, Any], percent: Any) -> None:
    """0 to 100, and nothing else."""
    begin(operator, wanted)
    answer = operator.ask("POST", "/v1/rollouts/current/canary", {"percent": percent})
    assert answer.status_code == 422
    assert operator.get("/v1/rollouts/current")["share"] == 0.01


def test_it_wants_the_token(operator: Operator, wanted: dict[str, Any]) -> None:
    """All of it."""
    url = operator._address.url
    for method, path in (("POST", ""), ("GET", ""), ("GET", "/current"), ("POST", "/current/abort")):
        answer = requests.request(method, f"{url}/v1/rollouts{path}", json=wanted, timeout=30)
        assert failure(answer) == (401, "unauthorized")
