"""The control routes: what serves, what is to serve, what did; over HTTP, against a real service."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from segue.edges.http import schemas
from segue.swap import ModelSpec
from tests.edges.http.server import Address
from tests.edges.http.service import LoudService, answering, loud_service, model
from tests.swap.threads import Gate

TIMEOUT_S = 30.0


class Operator:
    """Somebody with the token."""

    def __init__(self, address: Address, service: LoudService) -> None:
        self._address = address
        self.service = service
        self.headers = {"Authorization": f"Bearer {service.token}", "X-Segue-Who": "ann@desk"}

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> requests.Response:
        return requests.request(
            method, f"{self._address.url}{path}", json=body, params=query, headers=self.headers, timeout=TIMEOUT_S
        )

    def get(self, path: str, **query: Any) -> Any:
        answer = self.ask("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def switch(self, directory: Path, **body: Any) -> Any:
        answer = self.ask("POST", "/v1/switch", {"model_id": str(directory), **body})
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    """An operator of a service that serves nothing yet."""
    with loud_service(tmp_path / "home") as service, answering(service) as address:
        yield Operator(address, service)


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return model(tmp_path, "first")


@pytest.fixture
def second(tmp_path: Path) -> Path:
    return model(tmp_path, "second")


def failure(answer: requests.Response) -> tuple[int, str]:
    found = answer.json()
    schemas.Failed.model_validate(found)
    return answer.status_code, found["error"]["code"]


def slow(service: LoudService) -> Gate:
    """Every load waits, until the gate is opened."""
    gate, load = Gate(), service.board._fleet._loader

    def loader(resolved: Any) -> Any:
        gate()
        return load(resolved)

    service.board._fleet._loader = loader
    return gate


def test_a_switch_answers_what_serves_now_and_what_did(operator: Operator, first: Path, second: Path) -> None:
    """200 when it is done, with the version, the one before and the epoch; again, nothing changes."""
    one = operator.switch(first)
    two = operator.switch(second, options={"max_end_silence_time": 500}, why="faster answers")
    schemas.Switched.model_validate(two)
    assert (two["previous"], two["epoch"], two["changed"]) == (one["version"], 2, True)
    again = operator.switch(second, options={"max_end_silence_time": 500})
    assert (again["version"], again["epoch"], again["changed"]) == (two["version"], 2, False)
    by_name = operator.ask("POST", "/v1/switch", {"version": one["version"]}).json()
    assert (by_name["version"], by_name["previous"]) == (one["version"], two["version"])
    assert operator.service.ready


def test_a_switch_that_is_not_waited_for_can_be_watched(operator: Operator, first: Path) -> None:
    """202 and an ID at once; the change tells its steps while it runs, and its answer when it is over."""
    gate = slow(operator.service)
    answer = operator.ask("POST", "/v1/switch", {"model_id": str(first)}, wait="false")
    assert answer.status_code == 202
    change = answer.json()
    assert gate.reached.wait(TIMEOUT_S)
    running = operator.get(answer.headers["Location"])
    schemas.Change.model_validate(running)
    assert running["id"] == change["id"]
    assert (running["state"], running["who"], running["answer"]) == ("running", "ann@desk", None)
    assert [step["step"] for step in running["steps"]] == ["fetch", "verify", "load"]
    assert operator.get("/v1/status")["under_way"]["id"] == change["id"]
    gate.open.set()
    operator.service.operation(change["id"]).future.result(TIMEOUT_S)
    over = operator.get(f"/v1/changes/{change['id']}")
    assert (over["state"], over["error"]) == ("done", None)
    assert over["answer"]["epoch"] == 1
    assert operator.get("/v1/status")["under_way"] is None


def test_two_switches_at_once(operator: Operator, first: Path, second: Path) -> None:
    """The second gets 409 naming what is under way, or waits its turn with queue=true."""
    gate = slow(operator.service)
    running = operator.ask("POST", "/v1/switch", {"model_id": str(first)}, wait="false").json()
    assert gate.reached.wait(TIMEOUT_S)
    refused = operator.ask("POST", "/v1/switch", {"model_id": str(second)})
    assert failure(refused) == (409, "busy")
    assert f"switch {first} by ann@desk" in refused.json()["error"]["message"]
    queued = operator.ask("POST", "/v1/switch", {"model_id": str(second)}, queue="true", wait="false").json()
    gate.open.set()
    one, two = (operator.service.operation(change["id"]).future.result(TIMEOUT_S) for change in (running, queued))
    assert (one.epoch, two.epoch, two.previous) == (1, 2, one.route)


def test_a_rollback_goes_back_and_cancels_what_is_under_way(operator: Operator, first: Path, second: Path) -> None:
    """It waits for no other change: that one ends superseded."""
    one, _ = operator.switch(first), operator.switch(second)
    gate = slow(operator.service)
    late = operator.ask("POST", "/v1/switch", {"model_id": str(first), "options": {"mode": "dynamic"}}, wait="false")
    assert gate.reached.wait(TIMEOUT_S)
    back = operator.ask("POST", "/v1/rollback", {"why": "worse"})
    gate.open.set()
    assert back.status_code == 200
    assert (back.json()["version"], back.json()["prepared"]) == (one["version"], [])
    error = operator.service.operation(late.json()["id"]).future.exception(TIMEOUT_S)
    assert getattr(error, "code", "") == "superseded"
    assert failure(operator.ask("POST", "/v1/rollback")) == (409, "nothing_to_roll_back")


def test_a_version_is_prepared_seen_and_closed(operator: Operator, first: Path, second: Path) -> None:
    """Prepared it serves nothing; it is listed; closed it says so; what serves cannot be closed."""
    serving = operator.switch(first)["version"]
    report = operator.ask("POST", "/v1/versions", {"model_id": str(second)})
    assert report.status_code == 200
    prepared = report.json()
    schemas.VersionReport.model_validate(prepared)
    assert (prepared["state"], prepared["role"]) == ("ready", "")
    listed = {each["version"]: each["state"] for each in operator.get("/v1/versions")["versions"]}
    assert listed == {serving: "ready", prepared["version"]: "ready"}
    closed = operator.ask("DELETE", f"/v1/versions/{prepared['version']}", deadline_s=10).json()
    schemas.Removed.model_validate(closed)
    assert (closed["version"], closed["closed"]) == (prepared["version"], True)
    assert failure(operator.ask("DELETE", f"/v1/versions/{serving}")) == (409, "version_in_use")
    assert failure(operator.ask("DELETE", "/v1/versions/v0")) == (404, "unknown_version")


def test_the_history_says_who_what_and_why(operator: Operator, first: Path, second: Path) -> None:
    """Newest first, by pages, with the digests; a change that was refused is there with its reason."""
    operator.switch(first, why="the first")
    operator.switch(second)
    operator.ask("POST", "/v1/switch", {"model_id": "iic/x", "options": {"mode": "classic"}, "why": "a slip"})
    page = operator.get("/v1/history", limit=100)["entries"]
    schemas.History.model_validate({"entries": page})
    numbers = [entry["seq"] for entry in page]
    assert numbers == sorted(numbers, reverse=True)
    done = [entry for entry in page if entry["kind"] == "done"]
    assert [(entry["who"], entry["why"], entry["epoch"]) for entry in done] == [
        ("ann@desk", "", 2),
        ("ann@desk", "the first", 1),
    ]
    (version,) = done[1]["versions"].values()
    assert (version["model_id"], len(version["digest"])) == (str(first), 64)
    refused = next(entry for entry in page if entry["kind"] == "refused")
    assert (refused["why"], refused["who"]) == ("a slip", "ann@desk")
    older = operator.get("/v1/history", limit=2, before=numbers[3])["entries"]
    assert [entry["seq"] for entry in older] == numbers[4:6]


def test_the_status_is_as_the_document_says(operator: Operator, first: Path) -> None:
    """Every field that is documented, before and after something serves."""
    before = operator.get("/v1/status")
    schemas.Status.model_validate(before)
    assert (before["ready"], before["route"]) == (False, None)
    operator.switch(first)
    after = operator.get("/v1/status")
    schemas.Status.model_validate(after)
    assert after["route"]["primary"] == after["versions"][0]["version"] == after["route_text"]


def test_whoever_gives_no_name_is_called_by_address(operator: Operator, first: Path) -> None:
    """So is one whose name is no name: as long as a sentence."""
    for headers in ({}, {"X-Segue-Who": "x" * 101}):
        operator.headers.pop("X-Segue-Who", None)
        operator.headers |= headers
        operator.switch(first)
    newest = next(e for e in operator.get("/v1/history")["entries"] if e["kind"] == "done")
    assert newest["who"] == "http 127.0.0.1"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid_parameter"),
        ({"model_id": "iic/x", "version": "v1"}, 422, "invalid_parameter"),
        ({"model_id": "iic/x", "colour": 1}, 422, "invalid_parameter"),
        ({"model_id": 5}, 422, "invalid_parameter"),
        ({"model_id": "iic/x", "options": {"mode": "fast"}}, 422, "invalid_parameter"),
        ({"model_id": "iic/x", "options": {"no_such": 1}}, 422, "invalid_parameter"),
        ({"model_id": "iic/x", "options": {"mode": [1]}}, 422, "invalid_parameter"),
        ({"model_id": "iic/../../etc"}, 422, "invalid_model_id"),
        ({"model_id": "a b"}, 422, "invalid_model_id"),
        ({"model_id": "/nowhere/at/all"}, 404, "model_not_found"),
        ({"version": "v0"}, 404, "unknown_version"),
    ],
)
def test_a_wish_that_cannot_be_is_one_clear_answer(operator: Operator, body: Any, status: int, code: str) -> None:
    """Each with its own code; nothing is under way afterwards, and nothing serves."""
    assert failure(operator.ask("POST", "/v1/switch", body)) == (status, code)
    assert operator.get("/v1/status")["under_way"] is None
    assert not operator.service.ready


def test_a_client_that_goes_away_cancels_no_change(operator: Operator, first: Path) -> None:
    """The change that it began is installed all the same."""
    gate = slow(operator.service)
    url = f"{operator._address.url}/v1/switch"
    with pytest.raises(requests.Timeout):
        requests.post(url, json={"model_id": str(first)}, headers=operator.headers, timeout=(5, 0.3))
    assert gate.reached.wait(TIMEOUT_S)
    change = operator.get("/v1/status")["under_way"]["id"]
    gate.open.set()
    assert operator.service.operation(change).future.result(TIMEOUT_S).changed
    assert operator.service.prepare(ModelSpec(str(first)), who="x").future.result(TIMEOUT_S).role == "primary"


def test_an_unknown_change_is_told_where_to_look(operator: Operator) -> None:
    """404, and the history is named."""
    answer = operator.ask("GET", "/v1/changes/nope")
    assert failure(answer) == (404, "unknown_change")
    assert "history" in answer.json()["error"]["message"]
